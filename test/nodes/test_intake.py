# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The guard's intake by itself: which messages reach their handles, in which order, and as what."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest
import rclpy
from domains import own_domain
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.serialization import deserialize_message, serialize_message
from rclpy.signals import SignalHandlerOptions

from fallback_guard import msg
from fallback_guard.nodes import intake as intake_module
from fallback_guard.nodes import topics
from fallback_guard.nodes.cdr import LITTLE_ENDIAN
from fallback_guard.nodes.intake import FOREIGN_BYTES_MAX, Inlet, Intake, Taken
from harness import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rclpy.publisher import Publisher

    from fallback_guard.nodes.topics import AnyTopic
    from harness import Message

URGENT_FIRST: Final = (topics.ROUTE_DUE, topics.CANDIDATE_ROUTE, topics.PICK_REQUEST)
"""Reliable ones, so that it is known when a message waits on the other side."""


class World:
    """A node that takes, another one that speaks, and what was taken, in order."""

    def __init__(self, domain: int) -> None:
        """Open both on a domain."""
        self._context = rclpy.Context()
        rclpy.init(
            args=[],
            context=self._context,
            domain_id=domain,
            signal_handler_options=SignalHandlerOptions.NO,
        )
        self.node = Node("taker", context=self._context, enable_rosout=False)
        self.speaker = Node("speaker", context=self._context, enable_rosout=False)
        self.taken: list[tuple[str, Taken]] = []
        self._publishers: dict[str, Publisher] = {}
        self._intakes: list[Intake] = []

    def close(self) -> None:
        """End everything."""
        for intake in self._intakes:
            intake.close()
        self.node.destroy_node()
        self.speaker.destroy_node()
        rclpy.shutdown(context=self._context)

    def intake(self, *of: AnyTopic, handle: Callable[[Taken], None] | None = None) -> Intake:
        """Return an intake of these topics, most urgent first, to which every speaker is connected."""
        intake = Intake(self.node, [Inlet(topic, handle or self._handle_of(topic)) for topic in of])
        self._intakes.append(intake)
        for topic in of:
            publisher = self.speaker.create_publisher(topic.type, topic.name, topic.qos)
            self._publishers[topic.name] = publisher
            wait_until(publisher.get_subscription_count, f"a subscription to {topic.name}")
        return intake

    def _handle_of(self, topic: AnyTopic) -> Callable[[Taken], None]:
        return lambda taken: self.taken.append((topic.name, taken))

    def say(self, topic: AnyTopic, message: Message | bytes) -> None:
        """Publish a message, or the bytes of one."""
        self._publishers[topic.name].publish(message)

    def say_surely(self, topic: AnyTopic, message: Message | bytes) -> None:
        """Publish, and wait until the other side has it: nothing is sent a second time to who has said so."""
        self.say(topic, message)
        assert self._publishers[topic.name].wait_for_all_acked()

    def wait_for(self, count: int) -> list[Taken]:
        """Wait until so many messages were taken; return all."""
        wait_until(lambda: len(self.taken) >= count, f"{count} messages taken")
        return [taken for _, taken in self.taken]


@pytest.fixture
def world() -> Iterator[World]:
    """Return a world of its own."""
    with _open() as opened:
        yield opened


@contextmanager
def _open() -> Iterator[World]:
    with own_domain() as domain:
        opened = World(domain)
        try:
            yield opened
        finally:
            opened.close()


def due(request_id: str) -> Message:
    return msg.RouteDue(request_id=request_id, robot_id="picker_1")


def big_endian(request_id: bytes, robot_id: bytes) -> bytes:
    """Return a RouteDue as a machine with the other byte order writes it."""
    octets = b"\x00\x00\x00\x00" + (7).to_bytes(4, "big") + (8).to_bytes(4, "big")
    for text in (b"", request_id, robot_id):
        octets += bytes(-len(octets) % 4)
        octets += (len(text) + 1).to_bytes(4, "big") + text + b"\0"
    return octets


def test_messages_of_every_topic_reach_their_handles_as_they_came(world: World) -> None:
    world.intake(*URGENT_FIRST).start()
    said: dict[str, Message] = {
        topics.ROUTE_DUE.name: due("R-1"),
        topics.CANDIDATE_ROUTE.name: msg.RouteCandidate(request_id="R-2", payload=b"abc"),
        topics.PICK_REQUEST.name: msg.PickRequest(robot_id="picker_1", goal_node=3),
    }
    before_ns = time.monotonic_ns()
    for topic in URGENT_FIRST:
        world.say(topic, said[topic.name])
    world.wait_for(3)
    after_ns = time.monotonic_ns()
    assert {name for name, _ in world.taken} == set(said)
    for name, taken in world.taken:
        assert isinstance(taken.data, bytes)
        assert taken.data.startswith(LITTLE_ENDIAN)
        assert deserialize_message(taken.data, type(said[name])) == said[name]
        assert before_ns <= taken.taken_ns <= after_ns


def test_bytes_that_are_no_message_reach_it_too(world: World) -> None:
    """Whether they can be read is for the reader to say."""
    world.intake(topics.ROUTE_DUE).start()
    world.say(topics.ROUTE_DUE, LITTLE_ENDIAN + b"\xff" * 5)
    assert world.wait_for(1)[0].data[:9] == LITTLE_ENDIAN + b"\xff" * 5


def test_nothing_is_taken_before_the_start_and_then_the_most_urgent_first(world: World) -> None:
    intake = world.intake(*URGENT_FIRST)
    for number in range(3):
        world.say_surely(topics.PICK_REQUEST, msg.PickRequest(request_id=f"R-{number}"))
        world.say_surely(topics.CANDIDATE_ROUTE, msg.RouteCandidate(request_id=f"R-{number}"))
        world.say_surely(topics.ROUTE_DUE, due(f"R-{number}"))
    assert world.taken == []
    intake.start()
    world.wait_for(9)
    # One of each in turn: a flood on one topic keeps no other waiting.
    order = [topic.name for topic in URGENT_FIRST]
    assert [name for name, _ in world.taken] == order * 3


def test_a_flood_on_one_topic_keeps_no_other_waiting(world: World) -> None:
    intake = world.intake(topics.CANDIDATE_ROUTE, topics.ROUTE_DUE)
    for number in range(8):
        world.say_surely(topics.CANDIDATE_ROUTE, msg.RouteCandidate(attempt=number))
    world.say_surely(topics.ROUTE_DUE, due("R-1"))
    intake.start()
    world.wait_for(9)
    assert [name for name, _ in world.taken].index(topics.ROUTE_DUE.name) == 1


def test_the_messages_of_a_topic_keep_their_order(world: World) -> None:
    world.intake(topics.ROUTE_DUE).start()
    # No more than are kept for one that has not come round to them yet.
    names = [f"R-{number}" for number in range(topics.ROUTE_DUE.qos.depth)]
    for name in names:
        world.say(topics.ROUTE_DUE, due(name))
    read = [deserialize_message(taken.data, msg.RouteDue) for taken in world.wait_for(len(names))]
    assert [message.request_id for message in read] == names


# Other representations


def test_a_message_of_a_big_endian_machine_is_handed_over_as_little_endian(world: World) -> None:
    world.intake(topics.ROUTE_DUE).start()
    world.say(topics.ROUTE_DUE, big_endian(b"R-1", b"picker_1"))
    (taken,) = world.wait_for(1)
    assert taken.data.startswith(LITTLE_ENDIAN)
    message = deserialize_message(taken.data, msg.RouteDue)
    assert (message.request_id, message.robot_id) == ("R-1", "picker_1")
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (7, 8)


@pytest.mark.parametrize(
    "junk",
    [
        b"\x00\x00\x00\x00",
        b"\x00\x00\x00\x00" + b"\xff" * 40,
        big_endian(b"R-1", b"picker_1")[:-4],
        b"\xff\xff\xff\xff" + b"\xff" * 40,
    ],
)
def test_junk_is_handed_over_as_nothing(junk: bytes, world: World) -> None:
    world.intake(topics.ROUTE_DUE).start()
    world.say(topics.ROUTE_DUE, junk)
    world.say(topics.ROUTE_DUE, due("R-1"))
    nothing, good = world.wait_for(2)
    assert nothing.data == b""
    assert good.data.startswith(LITTLE_ENDIAN), "and what comes after it is taken"


@pytest.mark.parametrize(("more", "is_read"), [(-1, True), (0, True), (1, False)])
def test_so_large_a_message_is_rewritten_and_no_larger(more: int, *, is_read: bool) -> None:
    short = big_endian(b"", b"")
    # The last name fills it up to the limit; no network is asked to carry so much.
    octets = big_endian(b"", b"x" * (FOREIGN_BYTES_MAX + more - len(short)))
    assert len(octets) == FOREIGN_BYTES_MAX + more
    assert bool(intake_module._rewritten(octets, msg.RouteDue)) is is_read


# How it ends


def test_what_a_handle_raises_is_raised_where_somebody_asks(world: World) -> None:
    def fail(_: Taken) -> None:
        raise RuntimeError("no guard")

    intake = world.intake(topics.ROUTE_DUE, handle=fail)
    intake.check()
    intake.start()
    intake.check()
    world.say(topics.ROUTE_DUE, due("R-1"))

    def raises() -> bool:
        try:
            intake.check()
        except RuntimeError:
            return True
        return False

    wait_until(raises, "the fault handed on")
    with pytest.raises(RuntimeError, match="no guard"):
        intake.check()
    intake.close()
    with pytest.raises(RuntimeError, match="no guard"):
        intake.check()


def test_after_closing_nothing_is_taken(world: World) -> None:
    intake = world.intake(topics.ROUTE_DUE)
    intake.start()
    world.say(topics.ROUTE_DUE, due("R-1"))
    world.wait_for(1)
    intake.close()
    world.say_surely(topics.ROUTE_DUE, due("R-2"))
    intake.close()
    intake.check()
    assert len(world.taken) == 1


def test_it_closes_while_it_waits_for_the_end_of_a_handle(world: World) -> None:
    began, may_end = threading.Event(), threading.Event()
    ended: list[Taken] = []

    def handle(taken: Taken) -> None:
        began.set()
        assert may_end.wait(15)
        ended.append(taken)

    intake = world.intake(topics.ROUTE_DUE, handle=handle)
    intake.start()
    for number in range(3):
        world.say_surely(topics.ROUTE_DUE, due(f"R-{number}"))
    assert began.wait(15)
    closing = threading.Thread(target=intake.close)
    closing.start()
    wait_until(lambda: intake._closed, "the beginning of the end")
    assert closing.is_alive(), "a handle is never cut off"
    may_end.set()
    closing.join(15)
    assert len(ended) == 1, "what had not been taken by then is not taken any more"


def test_one_that_was_never_started_can_be_closed(world: World) -> None:
    intake = world.intake(topics.ROUTE_DUE)
    world.say_surely(topics.ROUTE_DUE, due("R-1"))
    intake.close()
    assert world.taken == []


def test_an_executor_that_spins_the_node_takes_nothing(world: World) -> None:
    intake = world.intake(topics.ROUTE_DUE)
    heard: list[Message] = []
    ordinary = topics.ROBOT_POSITION
    world.node.create_subscription(ordinary.type, ordinary.name, heard.append, ordinary.qos)
    speaker = world.speaker.create_publisher(ordinary.type, ordinary.name, ordinary.qos)
    wait_until(speaker.get_subscription_count, "the ordinary subscription")
    executor = SingleThreadedExecutor(context=world.node.context)
    executor.add_node(world.node)
    try:
        world.say_surely(topics.ROUTE_DUE, due("R-1"))
        # That it does spin is shown by what it hears later.
        for _ in range(3):
            before = len(heard)
            speaker.publish(msg.RobotPosition())
            wait_until(lambda: executor.spin_once(0.01) or len(heard) > before, "a position")  # noqa: B023
        assert world.taken == []
        intake.start()
        data = world.wait_for(1)[0].data
        assert deserialize_message(data, msg.RouteDue).request_id == "R-1"
    finally:
        executor.shutdown()


def test_how_long_a_message_was_under_way_is_told_by_the_wall_clocks(world: World) -> None:
    before_ns = time.time_ns()
    world.intake(topics.ROUTE_DUE).start()
    world.say(topics.ROUTE_DUE, serialize_message(due("R-1")))
    (taken,) = world.wait_for(1)
    # Both ends have this machine's clock: it was sent after the beginning, and taken by now.
    assert 0 <= taken.transport_ns <= time.time_ns() - before_ns
