# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Assertions on a timeline, each with a message that says what was heard instead.

The bounds are defaults for a guard of 150 ms; every one can be given.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import Final

from fallback_guard.core.effects import Occasion
from fallback_guard.core.units import NS_PER_MS, ns_to_ms, ns_to_seconds
from fallback_guard.core.watchdog import SOURCE as WATCHDOG
from fallback_guard.testing import measures
from fallback_guard.testing.measures import Fault, NothingToMeasureError
from fallback_guard.testing.timeline import Answer, Command, Decided, Key, Timeline, about

STOP_S_MAX: Final = 0.3
HOLD_SHARE_MIN: Final = 0.99
RESUME_S_MAX: Final = 1.0
FALSE_STOP_SHARE_MAX: Final = 0.0
_SHOWN_MAX: Final = 5
"""Of a long list a message shows so many."""


class CheckError(AssertionError):
    """What was heard is not what has to be; the message names the robot and the request."""


def assert_one_decision_each(
    timeline: Timeline, *, may_be_open: Collection[Key] = (), may_be_doubled: bool = False
) -> None:
    """Every due request has exactly one decision.  Raises CheckError, also where nothing fell due.

    `may_be_open`: requests that fell due too shortly before the end.  `may_be_doubled`: the watchdog may have spoken as
    well, which it does where the guard was held up.
    """
    if not timeline.fell_due_ns:
        raise CheckError("no request fell due")
    decided: dict[Key, list[Decided]] = defaultdict(list)
    for decision in timeline.decided:
        if decision.occasion is Occasion.DUE:
            decided[decision.key].append(decision)
    wrong = []
    for key in timeline.fell_due_ns:
        sources = Counter(decision.source == WATCHDOG for decision in decided[key])
        is_one = sources.total() == 1 or (may_be_doubled and sources == {True: 1, False: 1})
        if not is_one and not (key in may_be_open and not decided[key]):
            wrong.append(f"{_named(key)} has {_listed(map(_told, decided[key]))}")
    wrong += [
        f"{_named(key)} was decided and did not fall due"
        for key in decided
        if key not in timeline.fell_due_ns
    ]
    _fail_if(wrong, "not exactly one decision for each due request")


def assert_sequences_rise(timeline: Timeline, robot_id: str | None = None) -> None:
    """The numbers of the guard's commands rise, robot by robot, over restarts too.  Raises CheckError.

    Those of the watchdog are by when its requests fell due: they may be below a number that was heard before.  No
    number is ever used twice.
    """
    newest: dict[str, Command] = {}
    wrong = []
    for command in about(timeline.commands, robot_id=robot_id):
        own = command.key[0]
        before = newest.get(own)
        if command.source == WATCHDOG:
            continue
        if before is not None and command.sequence <= before.sequence:
            wrong.append(
                f"{_named(command.key)} has {command.sequence}, after {before.sequence} of {before.key[1]}"
            )
        newest[own] = command
    uses = Counter(
        (each.key[0], each.sequence) for each in about(timeline.commands, robot_id=robot_id)
    )
    wrong += [
        f"{number} of {own} is used {used} times"
        for (own, number), used in uses.items()
        if used > 1
    ]
    if not uses:
        raise CheckError("no command was heard")
    _fail_if(wrong, "sequence numbers do not rise")


def assert_answered_within(
    timeline: Timeline, ms_max: float = 150.0, *, may_be_open: Collection[Key] = ()
) -> None:
    """Every due request's first command reached the observer in time.  Raises CheckError."""
    wrong = []
    for key, due_ns in timeline.fell_due_ns.items():
        commands = about(timeline.commands, robot_id=key[0], request_id=key[1])
        if not commands:
            if key not in may_be_open:
                wrong.append(f"{_named(key)} has no command")
        elif commands[0].heard_ns - due_ns > ms_max * NS_PER_MS:
            wrong.append(f"{_named(key)} took {ns_to_ms(commands[0].heard_ns - due_ns):.1f} ms")
    _fail_if(wrong, f"not answered within {ms_max:g} ms")


def assert_stops(
    timeline: Timeline, fault: Fault, *, deceleration_mps2: float, s_max: float = STOP_S_MAX
) -> float:
    """A robot begins to brake within `s_max` of a fault; return how long it took (s).

    What that means: `measures.time_to_stop_s`.  Raises CheckError.
    """
    taken_s = measures.time_to_stop_s(timeline, fault, deceleration_mps2=deceleration_mps2)
    if taken_s > s_max:
        raise CheckError(
            f"{_subject(fault)} took {taken_s:.3f} s to stop; allowed: {s_max:g} s beside braking at "
            f"{deceleration_mps2:g} m/s^2"
        )
    return taken_s


def assert_holds(timeline: Timeline, fault: Fault, *, share_min: float = HOLD_SHARE_MIN) -> float:
    """A robot that has stopped holds until its release; return the share of the time.  Raises CheckError."""
    share = measures.hold_share(timeline, fault)
    if share < share_min:
        legs = [
            f"{ns_to_seconds(leg.from_ns - fault.since_ns):.2f} to {ns_to_seconds(leg.to_ns - fault.since_ns):.2f} s "
            f"at {leg.speed_mps:.2f} m/s"
            for leg in measures.restless(timeline, fault)[:_SHOWN_MAX]
        ]
        raise CheckError(
            f"{_subject(fault)} held {share:.2%} of the time; at least {share_min:.2%}; it moved or was not seen, "
            f"after the fault: {_listed(legs)}"
        )
    return share


def assert_resumes(
    timeline: Timeline, fault: Fault, ended_ns: int, *, s_max: float = RESUME_S_MAX
) -> float:
    """A robot is at work again within `s_max` of the end of a fault's cause; return how long it took (s).

    Raises CheckError.
    """
    taken_s = measures.time_to_resume_s(timeline, fault, ended_ns)
    if taken_s > s_max:
        raise CheckError(
            f"{_subject(fault)} took {taken_s:.3f} s to resume after the cause had ended; allowed: {s_max:g} s"
        )
    return taken_s


def assert_no_false_stops(
    timeline: Timeline,
    is_valid: Callable[[Answer], bool],
    *,
    share_max: float = FALSE_STOP_SHARE_MAX,
) -> int:
    """No robot is stopped whose answer was valid and in time; return how many such answers there were.

    See `measures.false_stops`.  Raises CheckError.
    """
    stops = measures.false_stops(timeline, is_valid)
    if stops.share > share_max:
        raise CheckError(
            f"{len(stops.stopped)} of {len(stops.answered)} requests with a valid answer in time were stopped "
            f"({stops.share:.2%}; allowed: {share_max:.2%}): {_listed(map(_named, stops.stopped))}"
        )
    return len(stops.answered)


def the_fault_of(timeline: Timeline, robot_id: str, request_id: str) -> Fault:
    """Return the fault of one due request.  Raises NothingToMeasureError where it was answered by a route."""
    key = (robot_id, request_id)
    fault = measures.fault_of_request(timeline, key)
    if fault is None:
        commands = about(timeline.commands, robot_id=robot_id, request_id=request_id)
        fell_due = "fell due" if key in timeline.fell_due_ns else "was not due"
        told = _listed(each.kind.name for each in commands)
        raise NothingToMeasureError(
            f"{_named(key)} did not end in a safe move: it {fell_due} and was told {told}"
        )
    return fault


def described(decided: Iterable[Decided]) -> str:
    """Return decisions for people."""
    return _listed([f"{_named(each.key)}: {_told(each)}" for each in decided])


def _fail_if(wrong: list[str], what: str) -> None:
    if wrong:
        raise CheckError(f"{what}: {_listed(wrong)}")


def _listed(items: Iterable[str]) -> str:
    every = list(items)
    shown = "; ".join(every[-_SHOWN_MAX:]) or "none"
    return shown if len(every) <= _SHOWN_MAX else f"{len(every)}, the last of them {shown}"


def _named(key: Key) -> str:
    return f"{key[1]} of {key[0]}"


def _subject(fault: Fault) -> str:
    return f"{fault.robot_id} ({fault.cause})"


def _told(decision: Decided) -> str:
    by = decision.source or "the guard"
    why = decision.failure_mode or "accepted"
    return f"{decision.occasion.name} {decision.outcome.name} by {by} ({why})"
