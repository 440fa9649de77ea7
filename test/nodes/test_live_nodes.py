# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The live views as processes beside a real guard: they hear what is, and outlive what should not be."""

from __future__ import annotations

import array
import json
import os
import pty
import re
import signal
import subprocess
import sys
import urllib.request
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import pytest
from geometry_msgs.msg import Point
from typing_extensions import Self
from visualization_msgs.msg import Marker, MarkerArray

import world
from fallback_guard import msg
from fallback_guard.core.effects import Occasion
from fallback_guard.live.heard import Part
from fallback_guard.nodes import topics
from fallback_guard.nodes.diagnostics import NO_NAMESPACE
from fallback_guard.nodes.marker_messages import MAP_MARKERS, MARKERS
from harness import free_port, open_scene, wait_until
from rviz_rules import problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness import Bystander, Message, Scene

ROBOT: Final = "picker_1"
TOP: Final = (sys.executable, "-m", "fallback_guard.tools.cli", "top")


class Screen:
    """What somebody who looks at the markers has heard."""

    def __init__(self, bystander: Bystander) -> None:
        self.messages: list[Message] = []
        self.seen: set[str] = set()
        self.gone: set[str] = set()
        for topic in (MARKERS, MAP_MARKERS):
            bystander.node.create_subscription(MarkerArray, f"/{topic.name}", self._take, topic.qos)

    def _take(self, message: Message) -> None:
        self.messages.append(message)
        for marker in message.markers:
            (self.gone if marker.action == Marker.DELETE else self.seen).add(marker.ns)


class Terminal:
    """A program in a terminal of its own, without colour, as somebody sees it."""

    def __init__(self, *command: str) -> None:
        self.shown = ""
        self._child, self._number = pty.fork()
        if self._child == 0:  # pragma: no cover  # another process
            os.chdir("/")
            seen = {"TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "100", "LINES": "30"}
            os.execve(command[0], command, {**os.environ, **seen})  # noqa: S606  # no shell

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGKILL)
        os.close(self._number)

    def press(self, keys: bytes) -> None:
        os.write(self._number, keys)

    def wait_for(self, text: str, meanwhile: Callable[[], object] = lambda: None) -> None:
        def is_shown() -> bool:
            meanwhile()
            return self._read() and text in self.shown

        wait_until(is_shown, text)

    def wait_for_end(self) -> int:
        while self._read():
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self._child, 0)[1])

    def _read(self) -> bool:
        try:
            data = os.read(self._number, 65_536)
        except OSError:  # Linux says so when the other side is closed.
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)


class Stage:
    """A guard with everybody who reports, and everybody who listens."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.port = free_port()
        scene.start_guard(deadline_ms=1_000)
        for node in ("watchdog_node", "planner_node"):
            scene.nodes.start_node(
                node, **({} if node == "planner_node" else {"deadline_ms": 1_000})
            )
        scene.nodes.start_node("recorder_node", directory="recordings")
        scene.nodes.start_node("metrics_node", port=self.port)
        scene.nodes.start_node("markers_node", map_file=str(scene.map_file), period_ms=50)
        self.screen = Screen(scene.bystander)

    def scraped(self) -> dict[str, float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        rows = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in rows}

    def wait_for_metric(self, name: str, value: float) -> None:
        def is_told() -> bool:
            try:
                return self.scraped().get(name) == value
            except OSError:
                return False

        wait_until(is_told, f"{name} {value}")

    def wait_for_at_least(self, name: str, value: float) -> None:
        def is_told() -> bool:
            try:
                return self.scraped().get(name, 0.0) >= value
            except OSError:
                return False

        wait_until(is_told, f"{name} at least {value}")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Return a stage with everybody on it."""
    with open_scene(tmp_path_factory.mktemp("live")) as scene:
        yield Stage(scene)


def test_what_is_published_on_diagnostics_is_what_the_views_know(stage: Stage) -> None:
    bystander = stage.scene.bystander

    def heard() -> dict[str, str]:
        return {
            status.name: status.hardware_id
            for each in bystander.diagnostics
            for status in each.message.status
        }

    wanted = {f"/{part.value}": NO_NAMESPACE for part in Part}
    bystander.wait_until(lambda: heard().keys() >= wanted.keys(), "every part on /diagnostics")
    assert heard() == wanted


def test_decisions_come_out_as_metrics_and_markers(stage: Stage) -> None:
    bystander = stage.scene.bystander
    stage.wait_for_metric('fallback_guard_up{guard="/"}', 1.0)
    bystander.settle(ROBOT)
    bystander.wait_for_subscribers(topics.CANDIDATE_ROUTE, topics.MOTION)
    bystander.wait_until(lambda: f"{ROBOT}/robot" in stage.screen.seen, "the robot drawn")
    before = stage.scraped()
    good, bad = world.pick_request("R-good", ROBOT), world.pick_request("R-bad", ROBOT)
    bystander.serve(good)
    bystander.wait_until(lambda: f"{ROBOT}/route" in stage.screen.seen, "the route drawn")
    wrong = json.loads(world.answer(bad))
    wrong["stops"].pop()
    bystander.stage(bad, json.dumps(wrong).encode())
    bystander.wait_until(lambda: f"{ROBOT}/refused" in stage.screen.seen, "the refused way drawn")
    bystander.fall_due("R-bad", ROBOT)
    bystander.wait_for_decision("R-bad", ROBOT, Occasion.DUE)
    bystander.wait_until(lambda: f"{ROBOT}/route" in stage.screen.gone, "the route removed")
    assert f"{ROBOT}/safe_move_target" in stage.screen.seen
    name = 'fallback_guard_robot_decisions_total{guard="/",outcome="route",robot="picker_1"}'
    stage.wait_for_metric(name, before.get(name, 0.0) + 1)
    for message in stage.screen.messages:
        assert problems(message.markers) == []


def test_what_is_closed_is_drawn_anew_and_late_joiners_see_the_map(stage: Stage) -> None:
    bystander = stage.scene.bystander
    late = Screen(bystander)
    bystander.wait_until(lambda: "map/edges" in late.seen, "the map, for somebody who came late")
    bystander.publish(topics.MAP_CLOSURES, msg.MapClosures(everything=True))
    bystander.wait_until(lambda: "map/edges_closed" in late.seen, "the closed edges")
    bystander.publish(topics.MAP_CLOSURES, msg.MapClosures())
    for message in late.messages:
        assert problems(message.markers) == []


def test_what_no_guard_would_say_is_outlived(stage: Stage) -> None:
    """Constants that are none, numbers that are none, names that are none, from whoever reaches the graph."""
    bystander = stage.scene.bystander
    nan = float("nan")
    for name in (ROBOT, "", "\ufffd\x1b[31m", "x" * 10_000):
        who = {"robot_id": name, "request_id": name}
        points = [msg.Waypoint(x=nan, y=1e300, node=4_294_967_295)] * 2_000
        stop = msg.RouteStop(bin=name, waypoint_index=4_294_967_295)
        bystander.publish(
            topics.MOTION, msg.MotionCommand(**who, kind=77, safe_move=99, waypoints=points)
        )
        bystander.publish(topics.MOTION, msg.MotionCommand(**who, kind=1, stops=[stop] * 99))
        bystander.publish(
            topics.GUARD_DECISION,
            msg.GuardDecision(**who, occasion=77, outcome=88, safe_move=99, failure_mode=name),
        )
        bystander.publish(
            topics.GUARD_DECISION, msg.GuardDecision(**who, occasion=3, attempt=1, source=name)
        )
        bystander.publish(
            topics.CANDIDATE_ROUTE,
            msg.RouteCandidate(
                **who, attempt=1, source=name, payload=array.array("B", b"{" * 100_000)
            ),
        )
        bystander.publish(topics.ROBOT_POSITION, msg.RobotPosition(robot_id=name, x=nan, theta=nan))
    stage.wait_for_metric('fallback_guard_up{guard="/"}', 1.0)
    count = len(stage.screen.messages)
    bystander.wait_until(lambda: len(stage.screen.messages) > count + 5, "markers go on")
    for message in stage.screen.messages[count:]:
        assert problems(message.markers) == []
    name = 'failure_mode="other",guard="/",occasion="none",outcome="none"'
    stage.wait_for_at_least(f"fallback_guard_decisions_total{{{name}}}", 1.0)


def test_a_taken_port_ends_the_second_node(stage: Stage) -> None:
    stage.wait_for_metric('fallback_guard_up{guard="/"}', 1.0)
    nodes = stage.scene.nodes
    nodes.start(
        "metrics_again",
        "fallback_guard.nodes.metrics_node",
        "--ros-args",
        "-p",
        f"port:={stage.port}",
    )
    assert nodes.wait_for_end("metrics_again") == 2
    assert "Give another port or address" in nodes.text("metrics_again")


def test_top_takes_one_look(stage: Stage) -> None:
    stage.wait_for_metric('fallback_guard_up{guard="/"}', 1.0)
    domain = str(stage.scene.domain)
    once = ("--once", "--wait", "15", "--domain", domain)
    done = subprocess.run(
        [*TOP, *once, "--json"], capture_output=True, text=True, check=False, timeout=60, cwd="/"
    )
    assert (done.returncode, done.stderr) == (0, "")
    (guard,) = json.loads(done.stdout)["guards"]
    assert (guard["namespace"], guard["state"], guard["stale"]) == ("", "active", False)
    elsewhere = subprocess.run(
        [*TOP, "--once", "--wait", "0.3", "--namespace", "nowhere", "--domain", domain],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd="/",  # not where the sources are, which have no messages
    )
    assert elsewhere.returncode == 1
    assert "nowhere  not heard yet" in elsewhere.stdout


def test_top_goes_on_until_it_is_interrupted_and_then_ends_quietly(stage: Stage) -> None:
    with subprocess.Popen(
        [*TOP, "--json", "--interval", "0.1", "--domain", str(stage.scene.domain)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
    ) as top:
        assert top.stdout is not None
        for _ in range(2):
            assert "guards" in json.loads(top.stdout.readline())
        top.send_signal(signal.SIGINT)
        _, said = top.communicate(timeout=30)
    assert (top.returncode, said) == (0, "")


@pytest.mark.parametrize("ends_by", [b"q", b"\x03"], ids=["q", "ctrl_c"])
def test_top_leaves_the_terminal_as_it_was(stage: Stage, ends_by: bytes) -> None:
    """In a terminal it takes keys, draws on the alternate screen without colour if so asked, and gives both back."""
    with Terminal(*TOP, "--interval", "0.1", "--domain", str(stage.scene.domain)) as terminal:
        terminal.wait_for("ACTIVE")
        told = msg.GuardDecision(robot_id=ROBOT, request_id="R-told", occasion=1, outcome=1)
        terminal.wait_for(
            "robot*", meanwhile=lambda: stage.scene.bystander.publish(topics.GUARD_DECISION, told)
        )
        terminal.press(b"l")
        terminal.wait_for("left*")
        assert re.search(r"\x1b\[[0-9;]*3[1-7]m", terminal.shown) is None
        terminal.press(ends_by)
        assert terminal.wait_for_end() == 0
        assert terminal.shown.count("\x1b[?1049h") == terminal.shown.count("\x1b[?1049l") == 1
        assert "Traceback" not in terminal.shown


def test_the_rules_can_fail() -> None:
    """Each of RViz's rules finds what breaks it."""
    line = Marker(type=Marker.LINE_LIST, action=Marker.ADD, points=[Point(), Point()])
    line.header.frame_id = "map"
    line.scale.x = line.color.a = line.pose.orientation.w = 1.0
    assert problems([line]) == []
    assert len(problems([line, line])) == 1
    line.points.append(Point(x=float("inf")))
    line.color.a = line.pose.orientation.w = 0.0
    line.header.frame_id = ""
    assert len(problems([line])) == 5
