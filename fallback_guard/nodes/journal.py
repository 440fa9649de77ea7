# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The guard's journal as messages."""

from collections.abc import Sequence
from typing import Final

from fallback_guard import msg
from fallback_guard.core.events import Dispatched, PositionArrived
from fallback_guard.core.units import NS_PER_S
from fallback_guard.nodes.cdr import Layout
from fallback_guard.recording.journal import Step, StepKind

NONE: Final = -1
"""For a time that there was none of."""

_JOURNAL: Final = Layout(msg.GuardJournal)


def journal_bytes(steps: Sequence[Step], ros_now_ns: int) -> bytes:
    """Write a GuardJournal of at least one step; their numbers follow one another."""
    return _JOURNAL.write(
        (
            *divmod(ros_now_ns, NS_PER_S),
            "",
            steps[0].number,
            [
                (step.now_ns, step.sent_ns, step.stamp_age_ns, step.checksum, step.kind)
                for step in steps
            ],
            [
                tuple(
                    NONE if ns is None else ns
                    for ns in (sent.planned_ns, sent.woke_ns, sent.deadline_ns)
                )
                for step in steps
                if (sent := step.dispatched) is not None
            ],
            [
                (0, 0, "", each.robot_id, each.x, each.y, 0.0, each.lost, each.sequence)
                for step in steps
                if (each := step.position) is not None
            ],
            [(index, step.text) for index, step in enumerate(steps) if step.text is not None],
        )
    )


def read_journal(message: msg.GuardJournal) -> list[Step]:
    """Read a GuardJournal.  Raises ValueError where its lists do not fit one another."""
    dispatches, positions = iter(message.dispatches), iter(message.positions)
    texts = {each.index: each.text for each in message.texts}
    steps = []
    for index, step in enumerate(message.steps):
        kind = StepKind(step.kind)
        try:
            dispatched = _dispatched(next(dispatches)) if kind is StepKind.DISPATCHED else None
            position = _position(next(positions)) if kind is StepKind.POSITION else None
        except StopIteration:
            raise ValueError("it holds less than its steps say") from None
        steps.append(
            Step(
                number=message.first_step + index,
                kind=kind,
                now_ns=step.now_ns,
                sent_ns=step.sent_ns,
                stamp_age_ns=step.stamp_age_ns,
                checksum=step.checksum,
                position=position,
                dispatched=dispatched,
                text=texts.get(index),
            )
        )
    return steps


def _dispatched(message: msg.GuardDispatch) -> Dispatched:
    planned_ns, woke_ns, deadline_ns = (
        None if ns == NONE else int(ns)
        for ns in (message.planned_ns, message.woke_ns, message.deadline_ns)
    )
    return Dispatched(planned_ns=planned_ns, woke_ns=woke_ns, deadline_ns=deadline_ns)


def _position(message: msg.RobotPosition) -> PositionArrived:
    return PositionArrived(
        robot_id=message.robot_id,
        x=message.x,
        y=message.y,
        lost=message.lost,
        sequence=message.sequence,
    )
