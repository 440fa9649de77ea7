# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The robots that a guard serves, and what of theirs was prepared before map or parameters changed."""

from collections import deque
from collections.abc import Iterator
from typing import Final

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.identifiers import is_identifier, printable
from fallback_guard.core.records import RequestRecord, RobotRecord
from fallback_guard.core.rules import Refusal

_OUTDATED_MAX: Final = 1_024
"""So many may wait for spare time before those that nobody needs any more are looked for among them."""


class Fleet:
    """Robots by name.  `renewals` counts how often everything prepared has become outdated."""

    def __init__(self) -> None:
        """Begin without any."""
        self.renewals = 0
        self._robots: dict[str, RobotRecord] = {}
        self._outdated: deque[RequestRecord | RobotRecord] = deque()
        self._outdated_max = _OUTDATED_MAX

    def __iter__(self) -> Iterator[RobotRecord]:
        """Yield every robot, in order of its first message."""
        return iter(self._robots.values())

    def get(self, robot_id: str) -> RobotRecord | None:
        """Return a robot; None where it has said nothing yet."""
        return self._robots.get(robot_id)

    def latched(self, robot_id: str = "") -> list[RobotRecord]:
        """Return the robots that wait for an operator's reset, or one of them."""
        return [robot for robot in self if robot.latched and robot_id in ("", robot.robot_id)]

    def admit(self, robot_id: str, *, robots_max: int) -> RobotRecord | Refusal:
        """Return a robot, which is served from now on if it was not before."""
        robot = self._robots.get(robot_id)
        if robot is not None:
            return robot
        if not is_identifier(robot_id):
            said = f"robot_id {printable(robot_id)!r}"
            return Refusal(FailureMode.BAD_IDENTIFIER, said, 1, 0, "identifiers")
        robots = len(self._robots)
        if robots >= robots_max:
            said = f"{robots} robots are served already"
            return Refusal(FailureMode.UNKNOWN_ROBOT, said, robots + 1, robots_max, "known_robot")
        robot = self._robots[robot_id] = RobotRecord(robot_id=robot_id)
        return robot

    # What was prepared before something changed

    def renew(self) -> None:
        """Take everything that was prepared for outdated."""
        self.renewals += 1
        self._outdated.clear()
        for robot in self:
            self._outdated.append(robot)
            self._outdated.extend(
                record for record in robot.requests.values() if record.can_be_served
            )

    def prepare_later(self, record: RequestRecord) -> None:
        """Take a request for outdated, as nothing of it is prepared yet."""
        if len(self._outdated) > self._outdated_max:
            # Where there was never time, most are over by now.
            self._outdated = deque(self._still_wanted())
            self._outdated_max = max(_OUTDATED_MAX, 2 * len(self._outdated))
        self._outdated.append(record)

    def _still_wanted(self) -> Iterator[RequestRecord | RobotRecord]:
        for one in self._outdated:
            if isinstance(one, RobotRecord) or (one.can_be_served and one.prepared is None):
                yield one

    @property
    def has_outdated(self) -> bool:
        """Whether something is outdated that nobody has taken yet."""
        return bool(self._outdated)

    def take_outdated(self) -> RequestRecord | RobotRecord:
        """Take what has been outdated longest: a request, or a robot for its position.  IndexError without any."""
        return self._outdated.popleft()
