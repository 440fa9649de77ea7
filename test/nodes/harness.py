# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Real nodes as processes, and a bystander that talks to them over DDS.

Every scene has a ROS domain of its own.  Nothing sleeps for a fixed time: whatever is expected is waited
for, with a bound, and that something does not happen is shown by a later event that does.
"""

from __future__ import annotations

import array
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from domains import own_domain
from fallback_guard.srv import Drill, ResetLatch
from rclpy.parameter import Parameter as RosParameter
from rclpy.parameter_client import AsyncParameterClient
from rclpy.publisher import Publisher
from std_msgs.msg import Header

import world
from fallback_guard import msg
from fallback_guard.core.effects import Occasion
from fallback_guard.core.motion import MotionKind, SafeMoveKind
from fallback_guard.nodes import topics
from fallback_guard.nodes.conversion import from_pick_request
from fallback_guard.testing.participant import Participant
from fallback_guard.tools.processes import Processes
from forked import Forked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rclpy.task import Future

    from fallback_guard.core.request import PickRequest
    from fallback_guard.tools.processes import Child

WAIT_S: Final = 15.0
"""Bound of every wait.  Generous, because it is reached only where something is broken."""

GUARD_PARAMETERS: Final = {
    "recovery": "none",
    "latch_after": 100,
    "robots_max": 1_000,
    # A machine under load may hold a bystander's timer back, and no test is about that.
    "position_age_ms_max": 10_000,
}
"""A guard that decides and does nothing by itself afterwards."""

_ALIVE_NS: Final = 300_000_000
_POLL_S: Final = 0.02
_PROBE_S: Final = 0.3
_AGAIN_S: Final = 2.0
_POSITION_PERIOD_S: Final = 0.05

Message: TypeAlias = msg.MotionCommand
"""Any ROS message: the generated classes carry no types, so to a type checker each is like every other."""


class NotSeenError(AssertionError):
    """Something that was waited for did not come."""


def ros_arguments(parameters: dict[str, object]) -> list[str]:
    """Return `--ros-args` for these parameters (JSON is YAML)."""
    arguments = ["--ros-args"]
    for key, value in parameters.items():
        arguments += ["-p", f"{key}:={value if isinstance(value, RawValue) else json.dumps(value)}"]
    return arguments


class RawValue(str):
    """A parameter's value as it stands on the command line."""

    __slots__ = ()


class Nodes(Processes):
    """The executables under test, each in a process of its own."""

    def start_node(self, node: str, **parameters: object) -> None:
        """Start an executable with parameters."""
        self.start(node, f"fallback_guard.nodes.{node}", *ros_arguments(parameters))

    def start(self, name: str, module: str, *arguments: str) -> None:
        """Start an executable: a fork of what has imported it already."""
        self._children[name] = Forked(
            module,
            arguments,
            directory=self._directory,
            environment=self._environment,
            log=self.log(name),
        )

    def start_afresh(self, name: str, module: str, *arguments: str) -> None:
        """Start an executable as a shell would."""
        super().start(name, module, *arguments)

    @property
    def environment(self) -> dict[str, str]:
        """What every process here is started with."""
        return dict(self._environment)

    def take(self, name: str, child: Child) -> None:
        """Have a process that was started elsewhere end with the others."""
        self._children[name] = child

    def signal(self, name: str, number: int) -> None:
        """Send a signal to one process."""
        self._children[name].send_signal(number)

    def end_at_once(self, name: str) -> None:
        """Kill one process, and wait until it is gone."""
        self.signal(name, signal.SIGKILL)
        self.wait_for_end(name)

    def wait_for_end(self, name: str) -> int:
        """Wait until a process has ended; return its exit code."""
        try:
            return self._children[name].wait(WAIT_S)
        except subprocess.TimeoutExpired:
            raise NotSeenError(f"{name} has not ended:\n{self.tail(name)}") from None

    def text(self, name: str) -> str:
        """Return all that a process has said."""
        return self.log(name).read_text(encoding="utf-8", errors="replace")

    def wait_for_text(self, name: str, pattern: str) -> None:
        """Wait until a pattern stands in a process's log."""
        wait_until(lambda: re.search(pattern, self.text(name)), f"{pattern!r} in the log of {name}")

    @property
    def running(self) -> list[str]:
        """The names of the processes that run."""
        return [name for name, child in self._children.items() if child.poll() is None]

    def close_cleanly(self) -> None:
        """End every process that runs; each has to end with exit code 0, and none may have crashed."""
        ending = self.running
        for name in reversed(ending):
            self.signal(name, signal.SIGINT)
        for name in ending:
            self._end_or_show_why(name)
            assert self.returncode(name) == 0, f"{name}: {self.returncode(name)}\n{self.text(name)}"
        for name in self._children:
            assert "Traceback" not in self.text(name), self.text(name)

    def _end_or_show_why(self, name: str) -> None:
        """Wait for a process's end; have one that hangs say where, before it is killed.

        A fork that has not come to its handlers yet loses an interrupt, so it is sent again.
        """
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            with suppress(subprocess.TimeoutExpired):
                self._children[name].wait(_AGAIN_S)
                return
            self.signal(name, signal.SIGINT)
        self.signal(name, signal.SIGABRT)
        self._children[name].wait(WAIT_S)


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def run_to_end(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module of the package to its end and return what it said.  It has nobody to talk to."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        capture_output=True,
        text=True,
        timeout=60.0,
        check=False,
        cwd=directory,
    )


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = WAIT_S) -> None:
    """Wait until a condition holds.  Raises NotSeenError."""
    until = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > until:
            raise NotSeenError(f"not within {timeout_s:g} s: {what}")
        time.sleep(_POLL_S)


def report(text: str) -> None:
    """Say what was measured; pytest shows it with -s or after a failure."""
    sys.stdout.write(f"{text}\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A message with the steady time at which it reached the bystander."""

    message: Message
    arrived_ns: int


class Bystander(Participant):
    """A ROS node in the test's own process: speaks as task system, robot and planner, and hears everything."""

    def __init__(self, domain: int) -> None:
        """Open a context on a domain and begin to listen."""
        super().__init__("bystander", domain=domain)
        self._changed = threading.Condition()
        self.motions: list[Heard] = []
        self.decisions: list[Heard] = []
        self.states: list[Heard] = []
        self.diagnostics: list[Heard] = []
        self.candidates: list[Heard] = []
        self.requests: list[Heard] = []
        self.positions: list[Heard] = []
        self.due: list[Heard] = []
        for topic, heard in (
            (topics.MOTION, self.motions),
            (topics.GUARD_DECISION, self.decisions),
            (topics.GUARD_STATE, self.states),
            (topics.DIAGNOSTICS, self.diagnostics),
            (topics.CANDIDATE_ROUTE, self.candidates),
            (topics.PICK_REQUEST, self.requests),
            (topics.ROBOT_POSITION, self.positions),
            (topics.ROUTE_DUE, self.due),
        ):
            self.node.create_subscription(topic.type, topic.name, self._listener(heard), topic.qos)
        self.publishers: dict[str, Publisher] = {
            topic.name: topic.publisher(self.node)
            for topic in (
                topics.PICK_REQUEST,
                topics.ROUTE_DUE,
                topics.CANDIDATE_ROUTE,
                topics.ROBOT_POSITION,
                topics.PICK_REPORT,
                topics.MAP_CLOSURES,
                topics.MOTION,
                topics.GUARD_DECISION,
                topics.GUARD_JOURNAL,
            )
        }
        # As a guard does, or the watchdog would not be told when it falls silent.
        self.publishers[topics.GUARD_STATE.name] = topics.GUARD_STATE.publisher(
            self.node, alive_ns=_ALIVE_NS
        )
        self._standing: dict[str, Message] = {}
        self._taken_over: dict[str, int] = {}
        topics.MOTION.subscribe(self.node, self._take_over)
        self._probes = count(1)
        self.node.create_timer(_POSITION_PERIOD_S, self._publish_positions)
        self.start()

    def _listener(self, heard: list[Heard]) -> Callable[[Message], None]:
        def listen(message: Message) -> None:
            heard.append(Heard(message=message, arrived_ns=time.monotonic_ns()))
            with self._changed:
                self._changed.notify_all()

        return listen

    def wait_until(
        self, condition: Callable[[], object], what: str, timeout_s: float = WAIT_S
    ) -> None:
        """Wait until a condition on what was heard holds.  Raises NotSeenError."""
        until = time.monotonic() + timeout_s
        with self._changed:
            while not condition():
                left_s = until - time.monotonic()
                if left_s <= 0:
                    raise NotSeenError(f"not within {timeout_s:g} s: {what}")
                self._changed.wait(min(left_s, _POLL_S))

    # Speaking

    def header(self, *, age_ns: int = 0) -> Header:
        """Return a header stamped `age_ns` ago."""
        now = self.node.get_clock().now().nanoseconds - age_ns
        header = Header()
        header.stamp.sec, header.stamp.nanosec = divmod(now, 10**9)
        return header

    def publish(self, topic: topics.Topic[Message], message: Message) -> int:
        """Publish; return the steady time just before."""
        now_ns = time.monotonic_ns()
        self.publishers[topic.name].publish(message)
        return now_ns

    def ask(self, request: PickRequest) -> int:
        """Publish a pick request."""
        return self.publish(topics.PICK_REQUEST, self.request_message(request))

    def request_message(self, request: PickRequest) -> Message:
        """Write a pick request as a message."""
        return from_pick_request(request, self.header())

    def fall_due(self, request_id: str, robot_id: str) -> int:
        """Publish that a request's route is needed now."""
        return self.publish(
            topics.ROUTE_DUE,
            msg.RouteDue(header=self.header(), request_id=request_id, robot_id=robot_id),
        )

    def answer(
        self,
        request: PickRequest,
        payload: bytes | None = None,
        *,
        attempt: int = 1,
        failure: str = "",
    ) -> int:
        """Publish an answer to a request as a planner would; the right one unless told otherwise."""
        if payload is None:
            payload = b"" if failure else world.answer(request)
        return self.publish(
            topics.CANDIDATE_ROUTE,
            msg.RouteCandidate(
                header=self.header(),
                request_id=request.request_id,
                robot_id=request.robot_id,
                source="test",
                attempt=attempt,
                payload=array.array("B", payload),
                failure=failure,
            ),
        )

    def ask_surely(self, request: PickRequest) -> None:
        """Ask for a route, and wait until the guard knows the request.

        It says so of a request that comes twice.  Two topics have no order between them, and after a
        burst of large messages one of them may be seconds behind the other.
        """
        self.ask(request)
        self.say_until_heard(
            lambda: self.ask(request),
            lambda: self.decisions_for(request.request_id, request.robot_id, Occasion.REFUSAL),
        )

    def stage(self, request: PickRequest, payload: bytes | None = None) -> None:
        """Ask for a route that falls due later, answer, and wait until the guard has judged the answer.

        Of a good answer it says nothing, and of the same one again that it is repeated.
        """
        self.ask_surely(replace(request, on_due=True))
        self.answer(request, payload)
        self.say_until_heard(
            lambda: self.answer(request, payload),
            lambda: self.refused_answers(request.request_id, request.robot_id),
        )

    def say_until_heard(self, say: Callable[[], object], heard: Callable[[], object]) -> None:
        """Say something until there is an effect: the guard reports only so many refusals in a second."""
        until = time.monotonic() + WAIT_S
        while not heard():
            if time.monotonic() > until:
                raise NotSeenError(f"no refusal within {WAIT_S:g} s")
            say()
            with suppress(NotSeenError):
                self.wait_until(heard, "a refusal", _PROBE_S)

    def serve(self, request: PickRequest, payload: bytes | None = None) -> Message:
        """Stage an answer and have it fall due; return the decision, which no slow machine can change."""
        self.stage(request, payload)
        self.fall_due(request.request_id, request.robot_id)
        return self.wait_for_decision(request.request_id, request.robot_id)

    def stand(self, robot_id: str, node: int = 1) -> None:
        """Let a robot say from now on that it stands on a node of the small warehouse."""
        x, y = world.position_of(node)
        self._standing[robot_id] = msg.RobotPosition(robot_id=robot_id, x=x, y=y)

    def leave(self, robot_id: str) -> None:
        """Let a robot say nothing of its position any more."""
        self._standing.pop(robot_id, None)

    def _take_over(self, motion: Message) -> None:
        newest = self._taken_over.get(motion.robot_id, 0)
        self._taken_over[motion.robot_id] = max(newest, motion.sequence)

    def _publish_positions(self) -> None:
        for message in list(self._standing.values()):
            message.header = self.header()
            message.sequence = self._taken_over.get(message.robot_id, 0)
            self.publishers[topics.ROBOT_POSITION.name].publish(message)

    def wait_for_subscribers(self, *wanted: topics.AnyTopic) -> None:
        """Wait until somebody else than the bystander hears these topics."""

        def heard_by_others(topic: topics.AnyTopic) -> bool:
            infos = self.node.get_subscriptions_info_by_topic(f"/{topic.name}")
            matched = self.publishers[topic.name].get_subscription_count()
            own = sum(info.node_name == self.node.get_name() for info in infos)
            return bool(matched > own)

        for topic in wanted:
            self.wait_until(lambda: heard_by_others(topic), f"who hears {topic.name}")  # noqa: B023  # called here

    def wait_for_planner(self) -> None:
        """Wait until a planner is on the graph, beside a guard and the bystander."""
        node = self.node
        self.wait_until(
            lambda: (
                node.count_subscribers("guard/decision") > 1
                and node.count_publishers("candidate_route") > 1
                and node.count_subscribers("pick_request") > 2
            ),
            "the planner on the graph",
        )

    def settle(self, robot_id: str, node: int = 1) -> None:
        """Stand on a node and wait until the guard knows, and everybody hears everybody.

        The probe is a due message for a request that never came: its safe move tells whether the guard
        knows the position, and it counts for nothing.
        """
        self.stand(robot_id, node)
        candidate = self.publishers[topics.CANDIDATE_ROUTE.name]
        self.wait_until(
            lambda: candidate.get_subscription_count() > 0, "somebody who hears candidates"
        )
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            if self._probe(robot_id) not in (None, SafeMoveKind.CANCEL_AND_HOLD):
                return
        raise NotSeenError(f"the guard does not know where {robot_id} is")

    def _probe(self, robot_id: str) -> int | None:
        """Return what the guard has a robot do that asks for a route nobody knows; None if it is silent."""
        probe = f"probe-{next(self._probes)}"
        self.fall_due(probe, robot_id)
        with suppress(NotSeenError):
            self.wait_until(lambda: self.decisions_for(probe, robot_id), "a decision", _PROBE_S)
            motion = self.wait_for_motion(probe, robot_id, timeout_s=_PROBE_S)
            return int(motion.message.safe_move)
        return None

    # Hearing

    def motions_for(self, request_id: str, robot_id: str) -> list[Heard]:
        """Return every command for a request, in order."""
        return _about(self.motions, request_id, robot_id)

    def decisions_for(
        self, request_id: str, robot_id: str, occasion: Occasion | None = None
    ) -> list[Heard]:
        """Return every decision on a request, in order."""
        about = _about(self.decisions, request_id, robot_id)
        return [heard for heard in about if occasion is None or heard.message.occasion == occasion]

    def refused_answers(self, request_id: str, robot_id: str) -> list[Heard]:
        """Return every refusal of an answer to a request, in order."""
        refusals = self.decisions_for(request_id, robot_id, Occasion.REFUSAL)
        return [heard for heard in refusals if heard.message.attempt]

    def wait_for_refused_answer(self, request_id: str, robot_id: str) -> Message:
        """Wait for the first refusal of an answer to a request."""
        self.wait_until(
            lambda: self.refused_answers(request_id, robot_id), f"a refused answer to {request_id}"
        )
        return self.refused_answers(request_id, robot_id)[0].message

    def wait_for_decision(
        self, request_id: str, robot_id: str, occasion: Occasion = Occasion.DUE
    ) -> Message:
        """Wait for the first decision of a kind on a request."""
        self.wait_until(
            lambda: self.decisions_for(request_id, robot_id, occasion),
            f"the decision {occasion.name} on {request_id} of {robot_id}",
        )
        return self.decisions_for(request_id, robot_id, occasion)[0].message

    def wait_for_motion(
        self,
        request_id: str,
        robot_id: str,
        kind: MotionKind | None = None,
        *,
        timeout_s: float = WAIT_S,
    ) -> Heard:
        """Wait for the first command for a request, or the first of a kind."""

        def found() -> list[Heard]:
            motions = self.motions_for(request_id, robot_id)
            return [heard for heard in motions if kind is None or heard.message.kind == kind]

        self.wait_until(found, f"a motion for {request_id} of {robot_id}", timeout_s)
        return found()[0]

    def wait_for_states(self, number: int) -> None:
        """Wait for `number` more signs of life: the guard's own time, in which something could have happened."""
        before = len(self.states)
        self.wait_until(lambda: len(self.states) >= before + number, f"{number} signs of life")

    def wait_for_state(self, state: int) -> Message:
        """Wait until the guard's newest state is this one."""
        self.wait_until(
            lambda: self.states and self.states[-1].message.state == state,
            f"the state {state} of the guard",
        )
        return self.states[-1].message

    # Services

    def call(self, service: type[Message], name: str, request: Message) -> Message:
        """Call a service and return its response."""
        client = self.node.create_client(service, name)
        try:
            assert client.wait_for_service(WAIT_S), f"there is no service {name}"
            return self.result_of(client.call_async(request), name)
        finally:
            self.node.destroy_client(client)

    def drill(self, robot_id: str) -> Message:
        """Ask the guard for a fallback."""
        return self.call(Drill, topics.DRILL_SERVICE, Drill.Request(robot_id=robot_id))

    def reset_latch(self, robot_id: str = "") -> Message:
        """Reset the latch as an operator would."""
        return self.call(ResetLatch, topics.RESET_SERVICE, ResetLatch.Request(robot_id=robot_id))

    def set_parameters(self, node: str, **values: object) -> Sequence[Message]:
        """Set parameters of a running node; return one result for each."""
        client = AsyncParameterClient(self.node, node)
        assert client.wait_for_services(WAIT_S), f"{node} has no parameter services"
        future = client.set_parameters(
            [RosParameter(name, value=value) for name, value in values.items()]
        )
        results: Sequence[Message] = self.result_of(future, f"parameters of {node}").results
        return results

    def result_of(self, future: Future, what: str) -> Message:
        """Wait for a call's end; return its result."""
        self.wait_until(future.done, f"the end of a call: {what}")
        return future.result()


def _about(heard: list[Heard], request_id: str, robot_id: str) -> list[Heard]:
    return [
        entry
        for entry in list(heard)
        if entry.message.request_id == request_id and entry.message.robot_id == robot_id
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A domain with a bystander and the nodes under test."""

    domain: int
    directory: Path
    nodes: Nodes
    bystander: Bystander

    @property
    def map_file(self) -> Path:
        """The small warehouse as a map file."""
        return self.directory / "small.geojson"

    def start_guard(self, **parameters: object) -> None:
        """Start a guard on the small warehouse."""
        self.nodes.start_node("guard_node", **self.guard_parameters(**parameters))

    def guard_parameters(self, **parameters: object) -> dict[str, object]:
        """Return a guard's parameters: `parameters` laid over the usual ones."""
        return {"map_file": str(self.map_file), **GUARD_PARAMETERS, **parameters}


@contextmanager
def open_scene(directory: Path, **environment: str) -> Iterator[Scene]:
    """Open a scene.  On leaving it every process has ended, and after a passed test it has ended cleanly."""
    with own_domain() as domain:
        own = {
            "PYTHONFAULTHANDLER": "1",
            "ROS_DOMAIN_ID": str(domain),
            "ROS_LOG_DIR": str(directory / "ros"),
            "XDG_RUNTIME_DIR": str(directory),
        }
        bystander = Bystander(domain)
        try:
            with Nodes(directory, {**os.environ, **own, **environment}) as nodes:
                opened = Scene(domain=domain, directory=directory, nodes=nodes, bystander=bystander)
                opened.map_file.write_bytes(world.collection(world.features()))
                yield opened
                nodes.close_cleanly()
        finally:
            bystander.close()
