# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The process in which inputs are tried: Atheris drives, and may end it at any moment.  `fuzz.py` starts it.

    python inside.py TARGET OUTCOMES [options and folders of libFuzzer]

What came of the inputs is counted in the file OUTCOMES, as JSON.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from random import Random

import atheris

sys.path.insert(0, str(Path(__file__).parents[1] / "core"))
sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "examples" / "cold_chain"))
with atheris.instrument_imports(include=["fallback_guard"], enable_loader_override=False):
    from entrances import entrance

    TARGET = entrance(sys.argv[1])

SHARE_OF_STRUCTURE = 0.6
"""Of the changes so many are made by the structure of the input, the others by its bytes."""

COUNTED_EVERY = 500


def main() -> None:
    """Try inputs until libFuzzer ends the process."""
    _, outcomes, *options = sys.argv[1:]
    counts: Counter[str] = Counter()
    # What a change may borrow from: libFuzzer shows one input at a time.
    seen: list[bytes] = [b"{}"]

    def try_one(data: bytes) -> None:
        counts[TARGET.check(data)] += 1
        if counts.total() % COUNTED_EVERY == 0:
            Path(outcomes).write_text(json.dumps(counts), encoding="utf-8")

    def change(data: bytes, size_max: int, seed: int) -> bytes:
        chance = Random(seed)  # noqa: S311  # to be repeated, not to be unguessable
        if len(seen) < 256:
            seen.append(data)
        else:
            seen[chance.randrange(len(seen))] = data
        if chance.random() < SHARE_OF_STRUCTURE:
            changed = TARGET.mutated(data, chance.choice(seen), chance)
            if changed is not None and len(changed) <= size_max:
                return changed
        mutated: bytes = atheris.Mutate(data, size_max)
        return mutated

    atheris.Setup([sys.argv[0], *options], try_one, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
