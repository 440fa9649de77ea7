# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""How long a day's report takes: a recording of 100,000 decisions is made up, read, counted, written, and opened.

The recording is a fleet's day as recorders write it: requests, answers with their payloads, decisions, commands with
waypoints, signs of life ten times a second, a position of each robot every second, statuses; 3 % of answers are bad.

    python bench/report.py
    python bench/report.py --decisions 10000 --keep /tmp/tape
"""

from __future__ import annotations

import argparse
import array
import json
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rclpy.serialization import serialize_message

from fallback_guard import msg
from fallback_guard.nodes import topics
from fallback_guard.nodes.definitions import definition, type_name
from fallback_guard.recording.file import Encoder
from fallback_guard.recording.records import Channel, Recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

S: Final = 1_000_000_000
BEGIN_NS: Final = 1_790_000_000 * S
DAY_NS: Final = 86_400 * S
GENERATION_S_MAX: Final = 20.0
LOAD_S_MAX: Final = 5.0
SYNC_NS: Final = 200_000_000
"""The recorder's: so much stands in one chunk."""

FILE_MESSAGES: Final = 400_000
BAD_SHARE: Final = 0.03
LATE_SHARE: Final = 0.0002
STOPS, WAYPOINTS = 4, 24
MODES: Final = (
    ("TRUNCATED", 2),
    ("WRONG_BIN", 2),
    ("FENCED", 2),
    ("PLANNER_SILENT", 1),
    ("SCHEMA", 2),
)

Made = tuple[int, str, bytes]
TOPICS: Final = (
    topics.PICK_REQUEST,
    topics.CANDIDATE_ROUTE,
    topics.GUARD_DECISION,
    topics.MOTION,
    topics.GUARD_STATE,
    topics.ROBOT_POSITION,
)


def stamped(message: object, at_ns: int) -> object:
    """Return a message with its stamp set."""
    header = message.header  # type: ignore[attr-defined]  # every one of ours has it
    header.stamp.sec, header.stamp.nanosec = divmod(at_ns, S)
    return message


def decisions(robots: int, count: int, chance: random.Random) -> Iterator[Made]:
    """Yield what belongs to each request: its topics' messages with their times."""
    route = [msg.Waypoint(node=node, x=float(node), y=0.5) for node in range(WAYPOINTS)]
    stops = [msg.RouteStop(bin=f"A-0{number}", sku="SKU-1", quantity=1) for number in range(STOPS)]
    items = [msg.PickItem(bin=f"A-0{number}", sku="SKU-1", quantity=1) for number in range(STOPS)]
    for number in range(count):
        due_ns = BEGIN_NS + DAY_NS * number // count
        ids = {"request_id": f"R-{number:06}", "robot_id": f"picker_{number % robots + 1}"}
        mode, bucket = chance.choice(MODES) if chance.random() < BAD_SHARE else ("", 0)
        is_late = chance.random() < LATE_SHARE
        taken_ns = int(chance.gauss(4e6, 1e6)) if not mode else int(chance.gauss(137e6, 1e6))
        taken_ns = 171_000_000 if is_late else max(taken_ns, 500_000)
        yield (
            due_ns,
            "pick_request",
            serialize_message(stamped(msg.PickRequest(**ids, items=items), due_ns)),
        )
        if mode != "PLANNER_SILENT":
            payload = json.dumps({"version": 1, **ids, "stops": ["x" * 40] * STOPS}).encode()
            answer = msg.RouteCandidate(
                **ids, source="llm:model", attempt=1, payload=array.array("B", payload)
            )
            answer.planning_time.nanosec = int(chance.uniform(3e8, 9e8))
            yield (
                due_ns + 1_000_000,
                "candidate_route",
                serialize_message(stamped(answer, due_ns + 1_000_000)),
            )
        at_ns = due_ns + taken_ns
        kind = 2 if mode else 1
        decision = msg.GuardDecision(
            **ids,
            sequence=at_ns // 1_000,
            occasion=1,
            outcome=kind,
            source="llm:model",
            attempt=0 if mode == "PLANNER_SILENT" else 1,
            failure_mode=mode,
            bucket=bucket,
            schema_ns=chance.randrange(50_000, 200_000),
            map_ns=chance.randrange(20_000, 60_000),
            waiting_ns=chance.randrange(50_000, 200_000),
            decision_ns=chance.randrange(200_000, 900_000),
            dispatch_ns=chance.randrange(200_000, 700_000),
        )
        decision.time_to_decision.nanosec = taken_ns
        decision.time_left.nanosec = max(0, 150_000_000 - taken_ns)
        yield at_ns, "guard/decision", serialize_message(stamped(decision, at_ns))
        motion = msg.MotionCommand(**ids, sequence=at_ns // 1_000, kind=kind, reason=mode)
        if not mode:
            motion.stops, motion.waypoints, motion.source = stops, route, "llm:model"
        yield at_ns, "motion", serialize_message(stamped(motion, at_ns))
        if mode:
            later_ns = at_ns + int(chance.choice([3e8, 3e8, 3e8, 4e9]))
            decision.occasion, decision.outcome, decision.source = 2, 1, "standby"
            decision.sequence = later_ns // 1_000
            yield later_ns, "guard/decision", serialize_message(stamped(decision, later_ns))
            motion.sequence, motion.kind, motion.source = later_ns // 1_000, 1, "standby"
            motion.waypoints = route
            yield later_ns, "motion", serialize_message(stamped(motion, later_ns))


def beside(robots: int) -> Iterator[Made]:
    """Yield what comes all the time: signs of life and positions."""
    sign = b""
    for tenth in range(864_000):
        at_ns = BEGIN_NS + tenth * S // 10
        if tenth % 10 == 0:
            state = msg.GuardState(heartbeat=tenth, decisions=tenth)
            sign = serialize_message(stamped(state, at_ns))
            for number in range(robots):
                position = msg.RobotPosition(robot_id=f"picker_{number + 1}", x=float(tenth))
                yield at_ns, "robot_position", serialize_message(stamped(position, at_ns))
        yield at_ns, "guard/state", sign


def make(folder: Path, *, robots: int, count: int) -> int:
    """Write the recording; return how many messages it has."""
    channels = [
        Channel(
            topic=f"/{topic.name}",
            type_name=type_name(topic.type),
            definition=definition(topic.type),
        )
        for topic in TOPICS
    ]
    numbers = dict.fromkeys((channel.topic for channel in channels), 0)
    made = sorted([*decisions(robots, count, random.Random(1)), *beside(robots)])  # noqa: S311  # no secret
    for first in range(0, len(made), FILE_MESSAGES):
        encoder = Encoder(channels)
        with (folder / f"recording_{first:09}.mcap").open("wb") as file:
            file.write(encoder.head())
            part = made[first : first + FILE_MESSAGES]
            for _, synced in groupby(part, key=lambda each: each[0] // SYNC_NS):
                batch = []
                for at_ns, name, data in synced:
                    topic = f"/{name}"
                    numbers[topic] += 1
                    batch.append(
                        Recorded(
                            topic=topic,
                            sequence=numbers[topic],
                            log_ns=at_ns + 1_000_000,
                            publish_ns=at_ns,
                            data=data,
                        )
                    )
                file.write(encoder.batch(batch))
            file.write(encoder.end())
    return len(made)


def opened_s(page: Path) -> float | None:
    """Return how long a browser takes to load the page and run its script; None where there is no browser."""
    browser = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if browser is None:
        return None
    command = [
        browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom", "--virtual-time-budget=10000",
    ]  # fmt: skip
    text = page.read_text(encoding="utf-8")
    # The same page, told to write down what it took.
    probe = page.with_name("probe.html")
    script = (
        "addEventListener('load',()=>setTimeout(()=>{const t=performance.getEntriesByType('navigation')[0];"
        "document.title='loaded '+t.domComplete.toFixed(0)},0))"
    )
    unguarded = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text, count=1)
    probe.write_text(
        unguarded.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8"
    )
    run = subprocess.run(
        [*command, probe.as_uri()], capture_output=True, text=True, check=False, timeout=120
    )
    found = re.search(r"<title>loaded (\d+)</title>", run.stdout)
    return int(found[1]) / 1_000 if found else None


def main() -> int:
    """Measure; exit code 1 where a page takes longer than it may."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--decisions", type=int, default=100_000, metavar="N")
    parser.add_argument("--robots", type=int, default=10, metavar="N")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="leave the recording and the page there"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = options.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        if not list(folder.glob("*.mcap")):
            messages = make(folder, robots=options.robots, count=options.decisions)
            print(f"{messages:,} messages were made up")
        size = sum(path.stat().st_size for path in folder.glob("*.mcap"))
        page = folder / "report.html"
        begun = time.monotonic()
        command = [
            sys.executable,
            "-m",
            "fallback_guard.tools.cli",
            "report",
            str(folder),
            "--out",
            str(page),
        ]
        subprocess.run(command, check=True, cwd=folder)
        took_s = time.monotonic() - begun
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        peak, cpu_s = used.ru_maxrss / 1_024, used.ru_utime + used.ru_stime
        loaded_s = opened_s(page)
        print(f"recordings {size / 1e6:,.0f} MB; page {page.stat().st_size / 1e6:.2f} MB")
        print(
            f"generated in {took_s:.1f} s (at most {GENERATION_S_MAX:g}), {cpu_s:.1f} s of a processor,"
            f" {peak:,.0f} MiB of memory"
        )
        print(
            f"loaded in {loaded_s:.2f} s (at most {LOAD_S_MAX:g})"
            if loaded_s
            else "no browser found"
        )
        is_quick = took_s <= GENERATION_S_MAX and (loaded_s or 0) <= LOAD_S_MAX
    return 0 if is_quick else 1


if __name__ == "__main__":
    raise SystemExit(main())
