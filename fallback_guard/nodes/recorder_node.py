# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The recorder as a node: hears the whole chain, and keeps it on disk.

One thread takes messages, and never waits for the disk; one writes and syncs; one tells how far the writing is, also
while the disk does not answer.  Nobody waits for any of them: the process is the recorder's own.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from struct import Struct
from typing import Final

from rclpy.clock import Clock, ClockType

from fallback_guard.core.units import NS_PER_MS, NS_PER_S
from fallback_guard.nodes import topics
from fallback_guard.nodes.cdr import Reader, UndecodableError
from fallback_guard.nodes.deadline_timer import DeadlineTimer
from fallback_guard.nodes.definitions import definition, offered_qos, type_name
from fallback_guard.nodes.diagnostics import diagnostic_array
from fallback_guard.nodes.intake import Inlet, Intake, Taken
from fallback_guard.nodes.parameters import Explaining, declared
from fallback_guard.nodes.process import run
from fallback_guard.nodes.recorder_status import RecorderReport
from fallback_guard.recording.config import RECORDER_PARAMETERS, recorder_config
from fallback_guard.recording.recorder import Recorder
from fallback_guard.recording.records import Channel
from fallback_guard.recording.thinning import Thinning, Told

RECORDED: Final = (
    topics.MOTION,
    topics.GUARD_DECISION,
    topics.PICK_REQUEST,
    topics.ROUTE_DUE,
    topics.CANDIDATE_ROUTE,
    topics.ROBOT_POSITION,
    topics.PICK_REPORT,
    topics.MAP_CLOSURES,
    topics.GUARD_STATE,
    topics.GUARD_JOURNAL,
)
"""The chain, from asking to moving.  The first is taken first."""

THINNED: Final = (topics.DIAGNOSTICS,)
"""What the planner's models cost and how their breakers are, and how the others are: changes, and a status in a while.

Everybody on a robot tells there, the recorder too, which would otherwise record for ever that it records.
"""

_TELLER_BYTES_MAX: Final = 256
"""Of a status's name."""

_DEPTH: Final = 1_000
"""What the middleware keeps of a topic until it is taken: more than robots keep, since here every message counts."""

_REPORT_NS_MIN: Final = 100 * NS_PER_MS
_REPORT_NS_MAX: Final = NS_PER_S
"""Between two reports: at most ten a second, and at least one."""

_CHECK_S: Final = 1.0
_STAMP: Final = Struct("<iI")
_LEVEL: Final = Struct("<B")


class RecorderNode(Explaining):
    """Hears everything, says nothing but how far it is."""

    def __init__(self) -> None:
        """Take the directory and begin to listen.  Raises ParameterError, DirectoryError and StartError."""
        super().__init__("recorder_node")
        config = recorder_config(declared(self, RECORDER_PARAMETERS))
        names = [(topic, self.resolve_topic_name(topic.name)) for topic in RECORDED]
        thinned = [(topic, self.resolve_topic_name(topic.name)) for topic in THINNED]
        self._recorder = Recorder(
            config,
            [
                Channel(
                    topic=name,
                    type_name=type_name(topic.type),
                    definition=definition(topic.type),
                    qos_profiles=offered_qos(topic.qos),
                )
                for topic, name in (*names, *thinned)
            ],
        )
        self._thinning = {name: Thinning() for _, name in thinned}
        self._sync_ns = config.sync_ms * NS_PER_MS
        self._turn_since_ns = 0
        self._reported_ns = 0
        self._report = RecorderReport(f"{self.get_fully_qualified_name()}: recording")
        self._diagnostics = topics.DIAGNOSTICS.publisher(self)
        self._writing = DeadlineTimer(self._write_once)
        self._reporting = DeadlineTimer(self._report_once)
        self._intake = Intake(
            self,
            [
                *(Inlet(_deep(topic), self._keeping(name)) for topic, name in names),
                *(Inlet(_deep(topic), self._thinning_out(name)) for topic, name in thinned),
            ],
        )
        self.at_the_end(self._end)
        self._intake.start()
        self.create_timer(_CHECK_S, self._check, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info(f"recording into {self._recorder.directory}")
        self._writing.set(time.monotonic_ns())
        self._reporting.set(time.monotonic_ns())

    def _end(self) -> None:
        """Take nothing more, write what is there, and say what could not be written."""
        self._intake.close()
        self._writing.close()
        self._reporting.close()
        for name, thinning in self._thinning.items():
            for told in thinning.rest():
                self._keep_told(name, told)
        self._recorder.close(time.monotonic_ns(), time.time_ns())
        self._tell(time.monotonic_ns())

    def _keeping(self, name: str) -> Callable[[Taken], None]:
        def keep(taken: Taken) -> None:
            now_ns = time.time_ns()
            self._recorder.offer(
                name, taken.data, log_ns=now_ns, publish_ns=taken.sent_ns or now_ns
            )

        return keep

    def _thinning_out(self, name: str) -> Callable[[Taken], None]:
        thinning = self._thinning[name]

        def keep(taken: Taken) -> None:
            now_ns = time.time_ns()
            teller, level = _teller(taken.data)
            told = Told(
                teller=teller,
                level=level,
                heard_ns=now_ns,
                sent_ns=taken.sent_ns or now_ns,
                data=taken.data,
            )
            if thinning.keeps(told):
                self._keep_told(name, told)

        return keep

    def _keep_told(self, name: str, told: Told) -> None:
        self._recorder.offer(name, told.data, log_ns=told.heard_ns, publish_ns=told.sent_ns)

    def _write_once(self) -> None:
        now_ns = time.monotonic_ns()
        self._turn_since_ns = now_ns
        self._recorder.turn(now_ns, time.time_ns())
        self._turn_since_ns = 0
        self._writing.set(now_ns + self._sync_ns)
        if self._report.has_news(self._recorder.progress):
            self._reporting.set(max(time.monotonic_ns(), self._reported_ns + _REPORT_NS_MIN))

    def _report_once(self) -> None:
        now_ns = time.monotonic_ns()
        self._reported_ns = now_ns
        self._reporting.set(now_ns + _REPORT_NS_MAX)
        self._tell(now_ns)

    def _tell(self, now_ns: int) -> None:
        since_ns = self._turn_since_ns
        status, lines = self._report.step(
            self._recorder.progress,
            now_ns=now_ns,
            stalled_ns=now_ns - since_ns if since_ns else 0,
        )
        self._diagnostics.publish(diagnostic_array(status, self.get_clock().now().to_msg()))
        for line in lines:
            if line.is_error:
                self.get_logger().error(line.text)
            else:
                self.get_logger().info(line.text)

    def _check(self) -> None:
        """End the process, loudly, where one of its threads has ended."""
        self._intake.check()
        self._writing.check()
        self._reporting.check()


def _teller(data: bytes) -> tuple[str, int]:
    """Return the name and the level of the first status of a DiagnosticArray; nobody's where there is none."""
    try:
        reader = Reader(data)
        reader.primitives(_STAMP, 4)
        reader.octets(0)
        if reader.u32() == 0:
            return "", 0
        (level,) = reader.primitives(_LEVEL, 1)
        return reader.text(_TELLER_BYTES_MAX), level
    except UndecodableError:
        return "", 0


def _deep(topic: topics.AnyTopic) -> topics.AnyTopic:
    """Return a topic as the recorder hears it: with room for a burst."""
    return replace(topic, qos=topics.deepened(topic.qos, _DEPTH))


def main() -> int:
    """Run the recorder; see process.run for the exit codes."""
    return run(
        RecorderNode,
        name="recorder_node",
        does="Records every message of the chain into MCAP files, and says how far they are on disk.",
        parameters=RECORDER_PARAMETERS,
    )


if __name__ == "__main__":
    raise SystemExit(main())
