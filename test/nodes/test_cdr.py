# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Messages written and read as bytes are those that rclpy writes and reads, whatever is in them.

Bytes are never compared with rclpy's: between its fields stands whatever was in memory before.
"""

from __future__ import annotations

import array
import math
from functools import partial
from random import Random
from struct import Struct, error
from typing import TYPE_CHECKING, Final

import pytest
from builtin_interfaces.msg import Duration, Time
from fallback_guard.srv import ResetLatch
from hypothesis import given, settings
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Header

from fallback_guard import msg
from fallback_guard.core import events
from fallback_guard.core.limits import (
    IDENTIFIER_CHARS_MAX,
    INSTRUCTIONS_CHARS_MAX,
    STOPS_MAX,
)
from fallback_guard.core.request import PickItem
from fallback_guard.core.units import NS_PER_S
from fallback_guard.nodes import cdr, conversion
from fallback_guard.nodes.cdr import LITTLE_ENDIAN, Layout, Reader, UndecodableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness import Message

BYTES_MAX: Final = 100
"""Of a payload in these tests."""

WRITTEN: Final = (msg.MotionCommand, msg.GuardDecision)
READ: Final[dict[type[Message], Callable[[bytes], events.Event]]] = {
    msg.PickRequest: partial(conversion.read_request, ros_now_ns=0),
    msg.RouteDue: partial(conversion.read_route_due, ros_now_ns=0),
    msg.RouteCandidate: partial(conversion.read_candidate, bytes_max=BYTES_MAX),
    msg.RobotPosition: conversion.read_position,
}
"""The four types that the deadline rests on, with what reads them."""

KINDS: Final[dict[str, type[Message]]] = {
    "std_msgs/Header": Header,
    "builtin_interfaces/Time": Time,
    "builtin_interfaces/Duration": Duration,
    "fallback_guard/PickItem": msg.PickItem,
    "fallback_guard/RouteStop": msg.RouteStop,
    "fallback_guard/Waypoint": msg.Waypoint,
}
# A string of ROS ends with its first NUL.
TEXTS: Final = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=9)
PRIMITIVES: Final = {
    "boolean": st.booleans(),
    "uint8": st.integers(0, 2**8 - 1),
    "uint32": st.integers(0, 2**32 - 1),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "float": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
    "string": TEXTS,
    "sequence<uint8>": st.binary(max_size=20).map(lambda octets: array.array("B", octets)),
}


def types_of(kind: type[Message]) -> dict[str, str]:
    """Return the types of a message's fields."""
    types: dict[str, str] = kind.get_fields_and_field_types()
    return types


def messages(kind: type[Message], *, elements_max: int = 4) -> st.SearchStrategy[Message]:
    """Return messages with anything in every field."""
    return st.builds(
        kind,
        **{name: _values(type_, elements_max) for name, type_ in types_of(kind).items()},
    )


def _values(type_: str, elements_max: int) -> st.SearchStrategy[object]:
    if type_ in PRIMITIVES:
        return PRIMITIVES[type_]
    element = type_.removeprefix("sequence<").removesuffix(">")
    one = messages(KINDS[element])
    return one if element == type_ else st.lists(one, max_size=elements_max)


def flat(message: Message) -> list[object]:
    """Return the values of a message as a layout takes them."""
    values: list[object] = []
    for name, type_ in types_of(type(message)).items():
        value = getattr(message, name)
        if type_ in PRIMITIVES:
            values.append(value)
        elif type_ in KINDS:
            values += flat(value)
        else:
            values.append([flat(each) for each in value])
    return values


def written(message: Message) -> bytes:
    """Return the message as it is written here."""
    return Layout(message).write(flat(message))


def expect_read_by_rclpy(message: Message) -> None:
    """Find that rclpy reads what is written here, and that the same values make the same bytes."""
    data = written(message)
    assert deserialize_message(data, type(message)) == message
    assert written(message) == data


# Writing


@pytest.mark.parametrize("kind", WRITTEN)
@settings(max_examples=200, deadline=None, print_blob=True)
@given(data=st.data())
def test_rclpy_reads_what_is_written_here(kind: type[Message], data: st.DataObject) -> None:
    expect_read_by_rclpy(data.draw(messages(kind)))


@pytest.mark.parametrize("length", range(9))
@pytest.mark.parametrize("kind", WRITTEN)
def test_every_field_may_begin_at_every_offset(kind: type[Message], length: int) -> None:
    """A string of each length shifts whatever follows it, the fields of sequences too."""
    strings = [name for name, type_ in types_of(kind).items() if type_ == "string"]
    for shifted in strings:
        message = kind(**{shifted: "x" * length})
        if kind is msg.MotionCommand:
            stop = msg.RouteStop(bin="b" * length, sku="s", quantity=1, node=2, waypoint_index=3)
            message.stops = [stop, stop]
            message.waypoints = [msg.Waypoint(node=1, x=1.5, y=-2.5, speed_limit=0.5)] * 3
            message.safe_move_target = 2**32 - 1
            message.lease = Duration(sec=-1, nanosec=2)
        else:
            message.measured, message.limit = math.pi, -math.e
            message.planning_time = Duration(sec=7, nanosec=8)
            message.transport_ns, message.dispatch_ns = 2**64 - 1, 2**63
            message.candidates_refused = 5
        message.header.frame_id = "f" * (8 - length)
        expect_read_by_rclpy(message)


POWERS: Final = [1 << bit for bit in range(cdr._CHUNK_MAX.bit_length())]
LENGTHS: Final = sorted(
    {0, *(power + near for power in POWERS for near in (-1, 0, 1))}
    | {2 * cdr._CHUNK_MAX + near for near in (-1, 0, 1)}
    | {1_000}
)


@pytest.mark.parametrize("count", LENGTHS)
@pytest.mark.parametrize("robot_id", ["", "r", "ro", "rob", "robo"])
def test_sequences_of_any_length(count: int, robot_id: str) -> None:
    message = msg.MotionCommand(
        robot_id=robot_id,
        stops=[
            msg.RouteStop(bin="b" * (number % 9), sku="s", quantity=number)
            for number in range(count)
        ],
        waypoints=[
            msg.Waypoint(node=number, x=number + 0.5, y=-float(number), speed_limit=0.25 * number)
            for number in range(count)
        ],
        safe_move=3,
        safe_move_target=2**32 - 1,
    )
    expect_read_by_rclpy(message)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7e308])
def test_any_float(value: float) -> None:
    read = deserialize_message(written(msg.GuardDecision(measured=value)), msg.GuardDecision)
    assert repr(float(read.measured)) == repr(value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sequence", -1),
        ("sequence", 2**64),
        ("safe_move_target", 2**32),
        ("kind", 256),
        ("kind", "x"),
    ],
)
def test_a_value_that_its_field_cannot_hold_is_an_error(field: str, value: object) -> None:
    values = flat(msg.MotionCommand())
    # The header lies open: it is two numbers and a string in place of one field.
    values[2 + list(types_of(msg.MotionCommand)).index(field)] = value
    with pytest.raises(error):
        Layout(msg.MotionCommand).write(values)


def test_no_layout_is_made_of_what_it_cannot_write() -> None:
    with pytest.raises(TypeError, match="field payload of type sequence<uint8>"):
        Layout(msg.RouteCandidate)
    with pytest.raises(TypeError, match="field latched_robots of type sequence<string>"):
        Layout(msg.GuardState)
    Layout(ResetLatch.Request)


# Reading


def as_event(message: Message) -> events.Event:
    """Return the event that a message is, field by field, from rclpy's own reading."""
    stamp_age_ns = -(message.header.stamp.sec * NS_PER_S + message.header.stamp.nanosec)
    if isinstance(message, msg.PickRequest):
        request = conversion.to_pick_request(message)
        return events.RequestArrived(request=request, stamp_age_ns=stamp_age_ns)
    if isinstance(message, msg.RouteDue):
        return events.RouteFellDue(
            request_id=message.request_id, robot_id=message.robot_id, stamp_age_ns=stamp_age_ns
        )
    if isinstance(message, msg.RobotPosition):
        return events.PositionArrived(
            robot_id=message.robot_id,
            x=message.x,
            y=message.y,
            lost=message.lost,
            sequence=message.sequence,
        )
    return events.CandidateArrived(
        request_id=message.request_id,
        robot_id=message.robot_id,
        source=message.source,
        attempt=message.attempt,
        payload=bytes(message.payload),
        planning_ns=conversion.from_duration(message.planning_time),
        failure=message.failure,
    )


@pytest.mark.parametrize("kind", READ)
@settings(max_examples=200, deadline=None, print_blob=True)
@given(data=st.data())
def test_what_rclpy_writes_is_read_here(kind: type[Message], data: st.DataObject) -> None:
    """Each field that is read stands where the message class has it."""
    message = data.draw(messages(kind))
    assert READ[kind](serialize_message(message)) == as_event(message)


@pytest.mark.parametrize("kind", READ)
@settings(max_examples=40, deadline=None, print_blob=True)
@given(data=st.data())
def test_a_message_that_ends_too_early_is_none(kind: type[Message], data: st.DataObject) -> None:
    message = data.draw(messages(kind))
    octets = serialize_message(message)
    ends = len(octets)
    while _read_or_none(kind, octets[: ends - 1]):
        ends -= 1
    # What rclpy fills the end up with, to a multiple of 4, is no part of any field.
    assert len(octets) - ends <= 3
    for length in range(ends):
        assert _read_or_none(kind, octets[:length]) is None, length


def _read_or_none(kind: type[Message], octets: bytes) -> events.Event | None:
    """Read; None where it is undecodable.  Anything else that is raised is a bug."""
    try:
        return READ[kind](octets)
    except UndecodableError:
        return None


@pytest.mark.parametrize("kind", READ)
@settings(max_examples=300, deadline=None, print_blob=True)
@given(octets=st.binary(max_size=200))
def test_random_bytes_are_an_event_or_none(kind: type[Message], octets: bytes) -> None:
    _read_or_none(kind, octets)
    _read_or_none(kind, LITTLE_ENDIAN + octets)


@pytest.mark.parametrize("kind", READ)
@settings(max_examples=20, deadline=None, print_blob=True)
@given(data=st.data())
def test_a_byte_that_changed_leaves_an_event_or_none(
    kind: type[Message], data: st.DataObject
) -> None:
    octets = bytearray(serialize_message(data.draw(messages(kind))))
    random = Random(len(octets))  # noqa: S311  # reproducible, not secret
    for at, before in enumerate(octets):
        for value in {0, 1, 127, 128, 255, before ^ 1, random.randrange(256)}:
            octets[at] = value
            _read_or_none(kind, bytes(octets))
        octets[at] = before


@pytest.mark.parametrize("kind", READ)
@pytest.mark.parametrize(
    "begin",
    [
        b"",
        b"\x00",
        b"\x00\x01",
        b"\x00\x01\x00",
        b"\x00\x00\x00\x00",  # Big-endian.
        b"\x00\x02\x00\x00",  # A list of parameters.
        b"\x00\x03\x00\x00",
        b"\x00\x07\x00\x00",  # The second version.
        b"\x00\x0b\x00\x00",
        b"\x00\x01\x00\x01",
        b"\x01\x01\x00\x00",
        b"\xff\xff\xff\xff",
    ],
)
def test_another_representation_is_undecodable(kind: type[Message], begin: bytes) -> None:
    octets = serialize_message(kind())
    assert _read_or_none(kind, octets)
    shown = begin.hex() if len(begin) == 4 else ""
    with pytest.raises(UndecodableError, match=f"begins with {shown}"):
        READ[kind](begin + octets[4:] if len(begin) == 4 else begin)


U32: Final = Struct("<I")
COUNT_MAX: Final = U32.pack(2**32 - 1)


def test_a_count_beyond_reason_of_items_reads_no_more_than_one_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    message = msg.PickRequest(items=[msg.PickItem(bin="A-1", sku="S", quantity=3)] * 100)
    octets = written(message)
    at = octets.index(U32.pack(100) + U32.pack(len("A-1\0")) + b"A-1\0")
    read: list[Reader] = []
    item = conversion._item

    def counted(reader: Reader) -> PickItem:
        read.append(reader)
        return item(reader)

    monkeypatch.setattr(conversion, "_item", counted)
    event = conversion.read_request(octets[:at] + COUNT_MAX + octets[at + 4 :], 0)
    assert len(event.request.items) == len(read) == STOPS_MAX + 1
    # Where there are none, the first one that is missing ends it.
    read.clear()
    with pytest.raises(UndecodableError):
        conversion.read_request(octets[:at] + COUNT_MAX, 0)
    assert len(read) == 1


def test_a_string_or_a_payload_longer_than_its_message_is_undecodable() -> None:
    names = {"request_id": "R-1", "robot_id": "robot", "source": "llm:x", "failure": "failed"}
    message = msg.RouteCandidate(**names, payload=array.array("B", b"payload"))
    octets = serialize_message(message)
    for text in names.values():
        counted = U32.pack(len(text) + 1) + text.encode()
        assert octets.count(counted) == 1
        with pytest.raises(UndecodableError):
            conversion.read_candidate(octets.replace(counted, COUNT_MAX + text.encode()), 10)
    counted = U32.pack(len(b"payload")) + b"payload"
    with pytest.raises(UndecodableError):
        conversion.read_candidate(octets.replace(counted, COUNT_MAX + b"payload"), 10)


ID_BYTES_MAX: Final = 4 * (IDENTIFIER_CHARS_MAX + 1)


@pytest.mark.parametrize("character", ["x", "ä", "€", "🤖"])
@pytest.mark.parametrize("more", [0, 1, 2, 1_000])
def test_of_a_name_so_much_is_read_that_it_is_seen_to_be_too_long(
    character: str, more: int
) -> None:
    name = character * (IDENTIFIER_CHARS_MAX + more)
    event = conversion.read_route_due(serialize_message(msg.RouteDue(request_id=name)), 0)
    assert len(event.request_id) <= ID_BYTES_MAX
    if more > 1:
        assert len(event.request_id) > IDENTIFIER_CHARS_MAX
    else:
        assert event.request_id == name


def test_of_instructions_so_much_is_read_that_they_are_seen_to_be_too_long() -> None:
    for more in (0, 1, 1_000_000):
        text = "🤖" * (INSTRUCTIONS_CHARS_MAX + more)
        octets = serialize_message(msg.PickRequest(instructions=text))
        read = conversion.read_request(octets, 0).request.instructions
        assert read == text[: INSTRUCTIONS_CHARS_MAX + 1]


@pytest.mark.parametrize(
    "octets", [b"\xff\xfe", b"ab\xc3", b"\xed\xa0\x80", b"a\0b", b"\0", b"caf\xc3\xa9"]
)
def test_a_string_that_is_none_is_read_as_by_rclpy(octets: bytes) -> None:
    placeholder = "#" * len(octets)
    data = written(msg.RouteDue(request_id=placeholder, robot_id="robot"))
    data = data.replace(placeholder.encode(), octets)
    by_rclpy = deserialize_message(data, msg.RouteDue)
    event = conversion.read_route_due(data, 0)
    assert (event.request_id, event.robot_id) == (by_rclpy.request_id, by_rclpy.robot_id)


@pytest.mark.parametrize("octets", [b"", b"abc"])
def test_a_string_without_its_nul_is_read(octets: bytes) -> None:
    """Not every sender counts the NUL."""
    data = LITTLE_ENDIAN + U32.pack(len(octets)) + octets
    assert Reader(data).text(10) == octets.decode()
