# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""How robots leave a safe move by themselves: with the standby route, where there is time to look for it."""

from collections import deque
from collections.abc import Callable

from fallback_guard.core.config import GuardConfig
from fallback_guard.core.judge import Judge
from fallback_guard.core.outbox import Outbox
from fallback_guard.core.prepared import PreparedRequest
from fallback_guard.core.records import RequestRecord, RobotRecord
from fallback_guard.core.request_states import RequestInput, RequestState
from fallback_guard.core.rules import internal_error
from fallback_guard.core.timers import RECOVERY_PATIENCE_NS, RECOVERY_RETRY_NS, Timers


class Recoveries:
    """Those that are planned for a time, by the guard's timers, and those that wait for a quiet moment."""

    def __init__(
        self,
        *,
        config: GuardConfig,
        judge: Judge,
        outbox: Outbox,
        timers: Timers,
        prepared: Callable[[RequestRecord], PreparedRequest | None],
    ) -> None:
        """Begin with none.  `prepared` says what is known of a request by map and parameters as they are."""
        self.config = config
        self._judge = judge
        self._outbox = outbox
        self._timers = timers
        self._prepared = prepared
        self._waiting: deque[tuple[int, RobotRecord, RequestRecord]] = deque()

    @property
    def are_waiting(self) -> bool:
        """Whether one has only to wait for a quiet moment."""
        return bool(self._waiting)

    def is_impatient(self, now_ns: int) -> bool:
        """Tell whether one has waited for a quiet moment for so long that it goes on without."""
        return bool(self._waiting) and now_ns - self._waiting[0][0] > RECOVERY_PATIENCE_NS

    def plan_all(self, robot: RobotRecord, now_ns: int) -> None:
        """Plan anew whatever of a robot's is halted."""
        robot.stranded_on = None
        for record in robot.requests.values():
            self.plan(record, now_ns)

    def plan(self, record: RequestRecord, now_ns: int) -> None:
        """Plan the standby route for a halted request, where that is how robots recover."""
        halted = record.state is RequestState.HALTED and record.can_be_served
        if halted and self.config.recovery == "standby":
            self._timers.set(now_ns + self.config.recovery_delay_ns, record)

    def fell_due(self, robot: RobotRecord, record: RequestRecord, now_ns: int) -> None:
        """Let one wait for a quiet moment: it may search for ways."""
        self._waiting.append((now_ns, robot, record))

    def do_one(self, now_ns: int) -> None:
        """Recover the robot that has waited longest."""
        _, robot, record = self._waiting.popleft()
        try:
            self._recover(robot, record, now_ns)
        except Exception as error:  # noqa: BLE001  # fail closed, whatever it is
            refusal = internal_error(error, "the guard")
            self._outbox.refuse(record.request_id, record.robot_id, refusal)

    def _recover(self, robot: RobotRecord, record: RequestRecord, now_ns: int) -> None:
        """Drive the standby route from wherever the safe move has brought the robot."""
        request = record.request
        if record.state is not RequestState.HALTED or robot.latched or request is None:
            return
        node = robot.node(now_ns, self.config)
        if node is None:
            self._timers.set(now_ns + RECOVERY_RETRY_NS, record)
            return
        at_start = node == request.start_node
        prepared = self._prepared(record) if at_start else self._judge.prepare(request, node)
        route = prepared.standby if prepared else None
        if route is None:
            robot.stranded_on = node
        elif record.accept(RequestInput.STANDBY_RELEASED):
            self._outbox.recovery(record, route, record.halted_by)
