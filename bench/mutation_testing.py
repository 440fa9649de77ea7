# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Mutation testing of the core: which small faults its tests notice.

    python bench/mutation_testing.py --module guard --module outbox
    python bench/mutation_testing.py --sample 200 --seed 1 --seconds 600
    python bench/mutation_testing.py --report

The test files are collected once.  For each fault a fork swaps one function's code and runs the tests that execute its
line, quickest first, up to the first that fails; a fault outside of functions is imported anew in a fork of its own.
Which lines a test executes is looked at once, and kept for as long as the core is the same.

Nothing is written but the results, from which the next run goes on: what was killed stays killed while its module is
the same, what survived is tried again once the tests have changed.  A sample is tried in random order, so that what was
tried is one, too, when the time is over.

Exit code: 0, 1 where fewer than --at-least per cent were killed, 2 where the tests fail without any fault.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import import_module
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import find_spec, spec_from_file_location
from pathlib import Path
from random import Random
from types import CodeType, FunctionType
from typing import Final

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import HealthCheck, Phase, settings

from source_mutants import Mutant, codes, mutants

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "build" / "mutants"
CORE: Final = "fallback_guard.core"

MODULES: Final = (
    "guard", "outbox", "records", "request_states", "timers", "recovery", "admission", "punctuality", "watchdog",
    "sequences", "strangers", "safe_moves", "validation", "decoding", "route_rules", "judge",
)  # fmt: skip
"""The modules that decide."""

TESTS: Final = tuple(
    str(ROOT / "test" / "core" / f"test_{name}.py")
    for name in (
        "sequences", "strangers", "request_states", "punctuality", "guard_decisions", "guard_recovery", "guard_map",
        "guard_refusals", "guard_faults", "watchdog", "validation", "own_task", "invariants",
    )
)  # fmt: skip
"""The tests of these modules; the others are about what these modules stand on."""

LIMIT_S: Final = 60.0
"""Of processor time, for all tests of one fault.  One that takes longer is as good as noticed."""

KILLED, SURVIVED, HUNG = "killed", "survived", "hung"


@dataclass(frozen=True, slots=True)
class Covered:
    """What one test executes of the core: module -> lines; and how long it takes."""

    seconds: float
    lines: Mapping[str, Sequence[int]]


@dataclass(slots=True)
class Hunt:
    """Runs within pytest once everything is collected, and tries every fault that a function can be swapped for."""

    wanted: Sequence[Mutant]
    book: Book
    ends_s: float
    test_s_max: float
    covered: dict[str, Covered] = field(default_factory=dict)
    functions: dict[tuple[str, str], list[FunctionType]] = field(default_factory=dict)
    sound: bool = True

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Do it instead of running the tests."""
        # What is read once and kept, and is not looked at, need not be read anew in each fork.
        import_module("world").warehouse()
        self.functions = _functions()
        gc.freeze()
        self._look_at(session.items)
        if not self.sound:
            return True
        items = {item.nodeid: item for item in session.items}
        for number, mutant in enumerate(self.wanted, start=1):
            if time.monotonic() > self.ends_s:
                break
            swap = self._swap(mutant) if self.book.is_open(mutant) else None
            if swap is not None:
                chosen = [items[test] for test in self._tests_of(mutant)]
                began_s = time.monotonic()
                outcome = _forked(lambda: swap() and _passes(chosen))  # noqa: B023  # forked now
                self.book.note(mutant, outcome, len(chosen), time.monotonic() - began_s)
                _tell(number, len(self.wanted), mutant, outcome)
        return True

    def _swap(self, mutant: Mutant) -> Callable[[], bool] | None:
        """Return what gives a function the faulty code; None where only an import does."""
        path = str(_core_folder() / f"{mutant.module}.py")
        found = dict(codes(compile(mutant.source, path, "exec"))).get(mutant.function)
        functions = self.functions.get((mutant.module, mutant.function), [])
        if not functions or not isinstance(found, CodeType):
            return None
        if any(one.__code__.co_freevars != found.co_freevars for one in functions):
            return None

        def swap() -> bool:
            for one in functions:
                one.__code__ = found
            return True

        return swap

    def _tests_of(self, mutant: Mutant) -> list[str]:
        """Return the tests that execute any line near a fault, quickest first."""
        last = mutant.line + mutant.original.count("\n") - mutant.source.count("\n")
        lines = set(range(mutant.line, last + 1))
        known = {line for one in self.covered.values() for line in one.lines.get(mutant.module, ())}
        if lines.isdisjoint(known):
            # A line of a longer expression that is not told by itself.
            lines = {max((line for line in known if line <= mutant.line), default=0)}
        found = [
            (covered.seconds, test)
            for test, covered in self.covered.items()
            if covered.seconds <= self.test_s_max
            and not lines.isdisjoint(covered.lines.get(mutant.module, ()))
        ]
        return [test for _, test in sorted(found)]

    def _look_at(self, items: Sequence[pytest.Item]) -> None:
        """Run every test once, each in a fork so that none lives on what another left, and see what it executes."""
        file = self.book.folder / f"covered-{self.book.core}.json"
        seen: dict[str, object] = {}
        if file.is_file():
            seen = json.loads(file.read_text(encoding="utf-8"))
        strange = [item for item in items if seen.get(item.nodeid) is None]
        for number, item in enumerate(strange, start=1):
            seen[item.nodeid] = _traced(item)
            if number % 50 == 0:
                print(f"looked at {number} of {len(strange)} tests", flush=True)
        file.write_text(json.dumps(seen), encoding="utf-8")
        seen = {item.nodeid: seen[item.nodeid] for item in items}
        for test, found in seen.items():
            if isinstance(found, dict):
                self.covered[test] = Covered(found["seconds"], found["lines"])
            else:
                print(f"{test} fails without any fault", file=sys.stderr)
                self.sound = False


def _passes(items: Sequence[pytest.Item]) -> bool:
    for item, following in zip(items, [*items[1:], None], strict=True):
        if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
            return False
    return True


def _forked(passes: Callable[[], bool], limit_s: float = LIMIT_S) -> str:
    """Say what comes of the tests in a process of their own."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setpgid(0, 0)
            signal.signal(signal.SIGPROF, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_PROF, limit_s)
            code = 0 if passes() else 1
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return HUNG if os.WTERMSIG(status) == signal.SIGPROF else KILLED
    return SURVIVED if os.WEXITSTATUS(status) == 0 else KILLED


def _traced(item: pytest.Item) -> dict[str, object] | None:
    """Run a test in a fork; return its time and the lines of the core that it executes, None where it fails."""
    reading, writing = os.pipe()

    def run() -> bool:
        files = {str(_core_folder() / f"{name}.py") for name in MODULES}
        lines: dict[str, set[int]] = {}

        def trace(frame: object, _event: str, _arg: object) -> object:
            code = getattr(frame, "f_code")  # noqa: B009  # a frame has no type here
            if code.co_filename not in files:
                return None
            seen = lines.setdefault(Path(code.co_filename).stem, set())
            seen.add(code.co_firstlineno)

            def within(frame: object, _event: str, _arg: object) -> object:
                seen.add(getattr(frame, "f_lineno"))  # noqa: B009
                return within

            return within

        began_s = time.perf_counter()
        sys.settrace(trace)  # type: ignore[arg-type]  # see above
        passed = _passes([item])
        sys.settrace(None)
        found = {
            "seconds": time.perf_counter() - began_s,
            "lines": {name: sorted(numbers) for name, numbers in lines.items()},
        }
        with os.fdopen(writing, "w") as pipe:
            json.dump(found, pipe)
        return passed

    # The pipe is read before the child is waited for, so that it never blocks on a full one.
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            code = 0 if run() else 1
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if status != 0 or not said:
        return None
    found: dict[str, object] = json.loads(said)
    return found


def _functions() -> dict[tuple[str, str], list[FunctionType]]:
    """Return the functions of the core by module and path, wherever they are held."""
    found: dict[tuple[str, str], list[FunctionType]] = {}
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and (one.__module__ or "").startswith(f"{CORE}."):
            key = one.__module__.removeprefix(f"{CORE}."), one.__qualname__
            found.setdefault(key, []).append(one)
    return found


def _core_folder() -> Path:
    spec = find_spec(CORE)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


class _Faulty(SourceFileLoader):
    """Imports the core with one module replaced."""

    mutant: Mutant

    def get_code(self, fullname: str) -> CodeType:
        """Compile the faulty source."""
        assert fullname == f"{CORE}.{self.mutant.module}"
        code = compile(self.mutant.source, self.path, "exec")
        assert isinstance(code, CodeType)
        return code


class _Finder:
    """Knows the one module."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, name: str, _path: object = None, _target: object = None
    ) -> ModuleSpec | None:
        """Find it."""
        if name != f"{CORE}.{self._mutant.module}":
            return None
        file = str(_core_folder() / f"{self._mutant.module}.py")
        loader = _Faulty(name, file)
        loader.mutant = self._mutant
        return spec_from_file_location(name, file, loader=loader)


def _imported_anew(mutant: Mutant, files: Sequence[str]) -> bool:
    sys.meta_path.insert(0, _Finder(mutant))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return pytest.main([*_OPTIONS, "-x", *files]) == pytest.ExitCode.OK


_OPTIONS: Final = ("-q", "-p", "no:cacheprovider", "-o", "timeout=0", "--no-header", "--no-summary")


class Book:
    """The results, one line of JSON for each fault that was tried."""

    def __init__(self, folder: Path) -> None:
        """Open it."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._file = folder, folder / "results.jsonl"
        self.core = _digest(sorted(_core_folder().glob("*.py")))
        self.digest = self.core + _digest(map(Path, TESTS))
        self.outcomes: dict[str, dict[str, object]] = {}
        self.read()

    def read(self) -> None:
        """Read what is there by now."""
        if self._file.is_file():
            for line in self._file.read_text(encoding="utf-8").splitlines():
                said: dict[str, object] = json.loads(line)
                self.outcomes[str(said["key"])] = said

    def is_open(self, mutant: Mutant) -> bool:
        """Tell whether a fault is still to be tried."""
        known = self.outcomes.get(mutant.key)
        return known is None or (known["outcome"] == SURVIVED and known["digest"] != self.digest)

    def survived(self, mutant: Mutant) -> bool:
        """Tell whether a fault was not noticed when it was tried last."""
        known = self.outcomes.get(mutant.key)
        return known is not None and known["outcome"] == SURVIVED

    def note(self, mutant: Mutant, outcome: str, tests: int, seconds: float) -> None:
        """Remember what came of a fault."""
        said: dict[str, object] = {
            "key": mutant.key,
            "outcome": outcome,
            "digest": self.digest,
            "where": f"{mutant.module}.py:{mutant.line}",
            "tests": tests,
            "seconds": round(seconds, 2),
        }
        self.outcomes[mutant.key] = said
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(said) + "\n")


def _digest(files: Iterable[Path]) -> str:
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def _tell(number: int, of: int, mutant: Mutant, outcome: str) -> None:
    print(
        f"{number}/{of} {mutant.module}.py:{mutant.line} {mutant.operator}: {outcome}", flush=True
    )


def _all_mutants(names: Sequence[str]) -> Iterator[Mutant]:
    for name in names:
        path = _core_folder() / f"{name}.py"
        yield from mutants(path.read_text(encoding="utf-8"), name)


def _reported(wanted: Sequence[Mutant], book: Book, *, survivors: bool) -> float:
    """Print a table; return how many in a hundred were killed."""
    print(
        f"{'module':16} {'mutants':>8} {'tried':>6} {'killed':>7} {'survived':>9} {'killed %':>9}"
    )
    rows: dict[str, list[str]] = {}
    wanted = sorted(wanted, key=lambda mutant: (mutant.module, mutant.line))
    for mutant in wanted:
        known = book.outcomes.get(mutant.key)
        rows.setdefault(mutant.module, []).append(str(known["outcome"]) if known else "")
    everything = [outcome for row in rows.values() for outcome in row]
    for name, row in (*rows.items(), ("all", everything)):
        tried, survived = sum(map(bool, row)), row.count(SURVIVED)
        share = 100 * (tried - survived) / tried if tried else 100.0
        print(f"{name:16} {len(row):8} {tried:6} {tried - survived:7} {survived:9} {share:9.1f}")
    for mutant in wanted if survivors else ():
        if book.survived(mutant):
            print(f"\n{mutant.module}.py:{mutant.line} {mutant.operator}\n{mutant.diff}")
    tried = sum(map(bool, everything))
    return 100 * (tried - everything.count(SURVIVED)) / tried if tried else 100.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Try faults, and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--module", action="append", help="of the core (default: all that decide)")
    parser.add_argument("--sample", type=int, help="try so many, chosen at random")
    parser.add_argument("--seed", type=int, default=1, help="of the choice")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no fault after so long")
    parser.add_argument("--survivors", action="store_true", help="only those that survived before")
    parser.add_argument(
        "--test-seconds", type=float, default=1e9, help="leave out tests that take longer, traced"
    )
    parser.add_argument(
        "--swapped-only", action="store_true", help="leave out faults that need a new import"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--report", action="store_true", help="only print what is known")
    parser.add_argument("--at-least", type=float, default=0.0, metavar="PERCENT")
    given = parser.parse_args(arguments)
    ends_s = time.monotonic() + given.seconds
    wanted = list(_all_mutants(given.module or MODULES))
    if given.sample is not None and given.sample < len(wanted):
        wanted = Random(given.seed).sample(wanted, given.sample)  # noqa: S311  # reproducible
    book = Book(given.results)
    if given.survivors:
        wanted = [mutant for mutant in wanted if book.survived(mutant)]
    if not given.report and not _tried(wanted, book, ends_s, given):
        return 2
    share = _reported(wanted, book, survivors=True)
    return 0 if share >= given.at_least else 1


def _tried(wanted: Sequence[Mutant], book: Book, ends_s: float, given: argparse.Namespace) -> bool:
    settings.register_profile(
        "mutants",
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("mutants")
    hunt = Hunt(wanted, book, ends_s, given.test_seconds)

    def hunted() -> bool:
        ended = pytest.main([*_OPTIONS, "-s", *TESTS], plugins=[hunt])
        return hunt.sound and ended is not pytest.ExitCode.INTERNAL_ERROR

    # In a fork, so that here nothing of the core is imported yet.
    sound = _forked(hunted, limit_s=0) == SURVIVED
    book.read()
    for number, mutant in enumerate(wanted, start=1):
        if sound and not given.swapped_only and book.is_open(mutant) and time.monotonic() < ends_s:
            began_s = time.monotonic()
            outcome = _forked(lambda: _imported_anew(mutant, TESTS))  # noqa: B023  # forked now
            book.note(mutant, outcome, 0, time.monotonic() - began_s)
            _tell(number, len(wanted), mutant, outcome)
    return sound


if __name__ == "__main__":
    sys.exit(main())
