# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Coverage-guided fuzzing of every entrance for foreign bytes.

    python test/fuzz/fuzz.py payload --runs 100000 --seed 1
    python test/fuzz/fuzz.py message --seconds 60 --corpus build/corpus/message
    python test/fuzz/fuzz.py payload --replay build/findings/payload/crash-0123abcd

Every input is accepted or refused with a failure mode (or, for maps, orders, parameters and messages, with that
entrance's one error type), and never anything else; an accepted route picks exactly what was asked for, over open
edges.

Exit code: 0 nothing was found, 1 an input broke this, 2 it could not be tried.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import resource
import subprocess
import sys
import time
import traceback
from collections import deque
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from entrances import NAMES, entrance

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "core"))
sys.path.insert(0, str(HERE.parents[1] / "docs" / "examples" / "cold_chain"))

FINDINGS: Final = ROOT / "build" / "findings"
RUNS: Final = 100_000
INPUT_S_MAX: Final = 10
"""An input that takes longer is a finding: everything from outside is bounded work."""

MEMORY_MB_MAX: Final = 2_048
"""Beyond what the process that starts it has taken: Linux counts a parent's peak among what its child has used."""

NOTHING_FOUND: Final = 0
FOUND: Final = 1
UNUSABLE: Final = 2

_PROGRESS: Final = re.compile(
    r"^#(?P<runs>\d+)\s+\w+\s.*?ft: (?P<features>\d+) corp: (?P<inputs>\d+).*?exec/s: (?P<rate>\d+)"
)
_DONE: Final = re.compile(r"^Done (?P<runs>\d+) runs in (?P<seconds>\d+) second")
_ARTIFACT: Final = re.compile(r"Test unit written to (?P<path>.+)$")
_LINES_KEPT: Final = 40
_PROGRESS_S: Final = 2.0


def _peak_mb() -> int:
    """Return the most memory that this process has used so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def missing() -> str | None:
    """Say why nothing can be fuzzed here; None where it can."""
    if find_spec("atheris") is not None:
        return None
    return (
        f"atheris is not installed for Python {platform.python_version()} on {platform.machine()}: "
        "it has wheels for CPython 3.10 to 3.14 on x86-64 Linux (pip install 'atheris>=2.3,<4')"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz, or replay."""
    given = _parser().parse_args(arguments)
    if given.replay:
        return _replayed(given.target, given.replay)
    why_not = missing()
    if why_not is not None:
        print(f"{why_not}. --replay works without it.", file=sys.stderr)
        return UNUSABLE
    if given.corpus is None:
        with TemporaryDirectory(prefix="corpus-") as folder:
            return _fuzzed(given, Path(folder))
    given.corpus.mkdir(parents=True, exist_ok=True)
    return _fuzzed(given, given.corpus)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", choices=NAMES, help="which entrance")
    parser.add_argument(
        "--runs", type=int, default=None, help=f"inputs to try (default {RUNS:,}, or no end)"
    )
    parser.add_argument("--seconds", type=int, default=0, help="end after so long (default: never)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed tries the same inputs")
    parser.add_argument(
        "--corpus", type=Path, help="keep inputs that reach something new, and go on from there"
    )
    parser.add_argument(
        "--findings", type=Path, default=FINDINGS, help="where what was found is written"
    )
    parser.add_argument(
        "--replay", type=Path, nargs="+", metavar="FILE", help="try only these; needs no atheris"
    )
    return parser


def _replayed(name: str, files: Sequence[Path]) -> int:
    target = entrance(name)
    result = NOTHING_FOUND
    for file in files:
        try:
            data = file.read_bytes()
        except OSError as error:
            print(f"{file}: {error.strerror}", file=sys.stderr)
            return UNUSABLE
        try:
            print(f"{file}: {target.check(data)}")
        except Exception:  # noqa: BLE001  # whatever it is, it is what was looked for
            print(f"{file}: FOUND\n{traceback.format_exc()}")
            result = FOUND
    return result


def _fuzzed(given: argparse.Namespace, corpus: Path) -> int:
    findings = given.findings / given.target
    findings.mkdir(parents=True, exist_ok=True)
    runs = given.runs if given.runs is not None else (0 if given.seconds else RUNS)
    with TemporaryDirectory(prefix="outcomes-") as folder:
        outcomes = Path(folder, "outcomes.json")
        command = [
            sys.executable,
            str(HERE / "inside.py"),
            given.target,
            str(outcomes),
            *([f"-runs={runs}"] if runs else []),
            *([f"-max_total_time={given.seconds}"] if given.seconds else []),
            f"-seed={given.seed}",
            f"-max_len={entrance(given.target).bytes_max}",
            f"-timeout={INPUT_S_MAX}",
            f"-rss_limit_mb={MEMORY_MB_MAX + _peak_mb()}",
            f"-artifact_prefix={findings}/",
            str(corpus),
            str(HERE / "corpus" / given.target),
        ]
        return _watched(command, given, outcomes)


def _watched(command: Sequence[str], given: argparse.Namespace, outcomes: Path) -> int:
    """Run it, tell how it goes on, and say what is needed to try a finding again."""
    print(f"{given.target}: loading, which takes some seconds", flush=True)
    began_s = told_s = time.monotonic()
    last: deque[str] = deque(maxlen=_LINES_KEPT)
    runs, artifact = 0, ""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                last.append(line.rstrip())
                if found := _PROGRESS.match(line):
                    runs = int(found["runs"])
                    if time.monotonic() - told_s > _PROGRESS_S:
                        told_s = time.monotonic()
                        print(
                            f"{given.target}: {runs:,} runs, {found['rate']}/s, "
                            f"{found['features']} features, {found['inputs']} inputs",
                            flush=True,
                        )
                elif found := _DONE.match(line):
                    runs = int(found["runs"])
                elif found := _ARTIFACT.search(line):
                    artifact = found["path"]
        except KeyboardInterrupt:
            process.terminate()
            print("interrupted", file=sys.stderr)
    took_s = time.monotonic() - began_s
    print(
        f"{given.target}: {runs:,} runs in {took_s:.0f} s, {runs / took_s:,.0f}/s, seed {given.seed}"
    )
    if outcomes.is_file():
        counts: dict[str, int] = json.loads(outcomes.read_text(encoding="utf-8"))
        said = sorted(counts.items(), key=lambda pair: -pair[1])
        print("came of it: " + ", ".join(f"{count:,} {name}" for name, count in said))
    if artifact:
        print("\n".join(last))
        print(f"FOUND. Try it again with: {Path(sys.argv[0])} {given.target} --replay {artifact}")
        return FOUND
    if process.returncode != 0:
        print("\n".join(last), file=sys.stderr)
        print(f"it ended with {process.returncode} and named no input", file=sys.stderr)
        return UNUSABLE
    return NOTHING_FOUND


if __name__ == "__main__":
    sys.exit(main())
