# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Plays the parts of a pilot, on several processors, and keeps what is done when it is interrupted."""

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from fallback_guard.maps.geojson import load_warehouse
from fallback_guard.pilot.arms import ARMS
from fallback_guard.pilot.parts import Done, Part
from fallback_guard.pilot.settings import PilotSettings
from fallback_guard.pilot.simulation import simulate
from fallback_guard.pilot.tally import RobotTally
from fallback_guard.pilot.tours import TourBook
from fallback_guard.tools.share import share_directory

_AHEAD: Final = 4
"""Parts handed out for each processor: enough that none waits, and few enough that an interrupt loses little."""

_BOOKS: Final[dict[tuple[str, int, int, int], TourBook]] = {}
"""Each process's tours, drawn once."""

Job = tuple[str, Part]
OnPart = Callable[[str, Part], None]


def map_of(given: Path | None) -> Path:
    """Return the map that was given, or the sample."""
    return given or share_directory() / "config" / "sample_warehouse.geojson"


def book_of(map_file: Path, settings: PilotSettings) -> TourBook:
    """Return this process's book of tours.  Raises MapError."""
    key = (str(map_file), settings.items_min, settings.items_max, settings.seed)
    if key not in _BOOKS:
        _BOOKS[key] = TourBook(
            load_warehouse(map_file),
            items_min=settings.items_min,
            items_max=settings.items_max,
            seed=settings.seed,
        )
    return _BOOKS[key]


def play(settings: PilotSettings, map_file: Path, arm: str, part: Part) -> list[RobotTally]:
    """Play one part of an arm in this process."""
    book = book_of(map_file, settings)
    return simulate(settings, ARMS[arm], part=part.number, plans=part.plans, book=book)


def run_parts(  # noqa: PLR0913  # what, with what, and how
    *,
    settings: PilotSettings,
    map_file: Path,
    arms: Sequence[str],
    parts: Sequence[Part],
    done: Done,
    processors: int,
    on_part: OnPart,
) -> bool:
    """Play what is not done yet, every arm's first part first; return False where an interrupt came before the end."""
    open_jobs = ((arm, part) for part in parts for arm in arms if not done.has(arm, part))
    if processors == 1:
        try:
            for arm, part in open_jobs:
                done.add(arm, part, play(settings, map_file, arm, part))
                on_part(arm, part)
        except KeyboardInterrupt:
            return False
        return True
    return _run_beside(settings, map_file, open_jobs, done, processors, on_part)


def _run_beside(  # noqa: PLR0913, PLR0917  # as above
    settings: PilotSettings,
    map_file: Path,
    open_jobs: Iterator[Job],
    done: Done,
    processors: int,
    on_part: OnPart,
) -> bool:
    with ProcessPoolExecutor(
        processors, mp_context=get_context("spawn"), initializer=_leave_interrupts_to_parent
    ) as pool:
        running: dict[Future[list[RobotTally]], Job] = {}
        try:
            while True:
                while len(running) < processors * _AHEAD:
                    job = next(open_jobs, None)
                    if job is None:
                        break
                    running[pool.submit(play, settings, map_file, *job)] = job
                if not running:
                    return True
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    arm, part = running.pop(future)
                    done.add(arm, part, future.result())
                    on_part(arm, part)
        except KeyboardInterrupt:
            pool.shutdown(wait=True, cancel_futures=True)
            return False


def _leave_interrupts_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
