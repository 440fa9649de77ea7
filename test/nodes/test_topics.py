# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The names on the graph are those that people script against, with their types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from fallback_guard.nodes import topics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness import Message, Scene

INFINITE_NS: Final = 2**63 - 1
TYPES: Final = {
    "/pick_request": "fallback_guard/msg/PickRequest",
    "/route_due": "fallback_guard/msg/RouteDue",
    "/candidate_route": "fallback_guard/msg/RouteCandidate",
    "/map_closures": "fallback_guard/msg/MapClosures",
    "/robot_position": "fallback_guard/msg/RobotPosition",
    "/pick_report": "fallback_guard/msg/PickReport",
    "/motion": "fallback_guard/msg/MotionCommand",
    "/guard/decision": "fallback_guard/msg/GuardDecision",
    "/guard/state": "fallback_guard/msg/GuardState",
    "/guard/journal": "fallback_guard/msg/GuardJournal",
    "/diagnostics": "diagnostic_msgs/msg/DiagnosticArray",
}
DRAWN: Final = {
    "/markers": "visualization_msgs/msg/MarkerArray",
    "/markers/map": "visualization_msgs/msg/MarkerArray",
}
"""Topics of markers, which the table leaves out: what guard and watchdog import is small."""

SPEAKS: Final = {
    "guard_node": {
        "/motion",
        "/guard/decision",
        "/guard/state",
        "/guard/journal",
        "/diagnostics",
    },
    "guard_node_candidates": set(),
    "planner_node": {"/candidate_route", "/diagnostics"},
    "watchdog_node": {"/motion", "/guard/decision", "/diagnostics"},
    "picker_sim_node": {"/pick_request", "/route_due", "/robot_position", "/pick_report"},
    "follower_node": {"/robot_position", "/pick_report"},
    "recorder_node": {"/diagnostics"},
    "metrics_node": set(),
    "markers_node": set(DRAWN),
}
HEARS: Final = {
    "guard_node": {
        "/pick_request",
        "/route_due",
        "/robot_position",
        "/map_closures",
    },
    # A participant of its own, so that a flood of answers fills no other's socket.
    "guard_node_candidates": {"/candidate_route"},
    "planner_node": {"/pick_request", "/guard/decision", "/map_closures"},
    "watchdog_node": {"/pick_request", "/route_due", "/motion", "/guard/state"},
    "picker_sim_node": {"/motion", "/guard/state"},
    "follower_node": {"/motion", "/guard/state"},
    "recorder_node": set(TYPES),
    "metrics_node": {"/motion", "/guard/decision", "/guard/state", "/diagnostics"},
    "markers_node": {
        "/motion",
        "/guard/decision",
        "/guard/state",
        "/candidate_route",
        "/robot_position",
        "/map_closures",
    },
}


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Return a scene with every node of the chain."""
    from harness import free_port, open_scene  # noqa: PLC0415

    with open_scene(tmp_path_factory.mktemp("graph")) as opened:
        opened.start_guard()
        for node in ("planner_node", "watchdog_node", "recorder_node"):
            opened.nodes.start_node(node)
        opened.nodes.start_node("metrics_node", port=free_port())
        opened.nodes.start_node("markers_node", map_file=str(opened.map_file))
        # Waits for more listeners than there are: it asks for nothing.
        opened.nodes.start_node("picker_sim_node", map_file=str(opened.map_file), listeners_min=100)
        opened.nodes.start_node(
            "follower_node", map_file=str(opened.map_file), pose_source="odometry"
        )
        yield opened


def ours(entries: Message) -> dict[str, list[str]]:
    """Return the topics of the package among `entries`, without those that every node has."""
    return {name: types for name, types in entries if name in TYPES | DRAWN}


@pytest.mark.parametrize("node", SPEAKS)
def test_a_node_speaks_and_hears_on_its_topics(graph: Scene, node: str) -> None:
    bystander = graph.bystander.node
    graph.bystander.wait_until(
        lambda: (
            node in bystander.get_node_names()
            and ours(bystander.get_publisher_names_and_types_by_node(node, "/")).keys()
            >= SPEAKS[node]
            and ours(bystander.get_subscriber_names_and_types_by_node(node, "/")).keys()
            >= HEARS[node]
        ),
        f"{node} on the graph",
    )
    spoken = ours(bystander.get_publisher_names_and_types_by_node(node, "/"))
    heard = ours(bystander.get_subscriber_names_and_types_by_node(node, "/"))
    assert spoken.keys() == SPEAKS[node]
    assert heard.keys() == HEARS[node]
    for name, types in (spoken | heard).items():
        assert types == [(TYPES | DRAWN)[name]]


def test_the_guard_asks_nobody_for_a_deadline_or_a_lifespan(graph: Scene) -> None:
    """A subscription with a deadline hears nothing from a publisher that offers none."""
    bystander = graph.bystander.node

    def subscriptions() -> dict[str, Message]:
        return {
            name: info.qos_profile
            for node in guards
            for name in HEARS[node]
            for info in bystander.get_subscriptions_info_by_topic(name)
            if info.node_name == node
        }

    guards = ("guard_node", "guard_node_candidates")
    wanted = set().union(*(HEARS[node] for node in guards))
    graph.bystander.wait_until(
        lambda: subscriptions().keys() == wanted, "the guard's subscriptions"
    )
    for name, qos in subscriptions().items():
        for asked in (qos.deadline, qos.lifespan, qos.liveliness_lease_duration):
            assert asked.nanoseconds == INFINITE_NS, name


def test_the_lifecycle_and_the_reset_are_services(graph: Scene) -> None:
    def services() -> dict[str, list[str]]:
        return dict(graph.bystander.node.get_service_names_and_types_by_node("guard_node", "/"))

    wanted = {
        "/guard/reset": ["fallback_guard/srv/ResetLatch"],
        "/guard/drill": ["fallback_guard/srv/Drill"],
        "/guard_node/change_state": ["lifecycle_msgs/srv/ChangeState"],
        "/guard_node/get_state": ["lifecycle_msgs/srv/GetState"],
        "/guard_node/set_parameters": ["rcl_interfaces/srv/SetParameters"],
    }
    graph.bystander.wait_until(lambda: wanted.items() <= services().items(), "the guard's services")


def test_a_namespace_holds_every_name_but_that_of_the_diagnostics(graph: Scene) -> None:
    graph.nodes.start(
        "guard_in_hall",
        "fallback_guard.nodes.guard_node",
        "--ros-args",
        "-r",
        "__ns:=/hall_1",
        "-p",
        f"map_file:={graph.map_file}",
    )
    bystander = graph.bystander.node
    wanted = {name if name == "/diagnostics" else f"/hall_1{name}" for name in SPEAKS["guard_node"]}

    def spoken() -> set[str]:
        if ("guard_node", "/hall_1") not in bystander.get_node_names_and_namespaces():
            return set()
        return {
            name
            for name, _ in bystander.get_publisher_names_and_types_by_node("guard_node", "/hall_1")
        }

    graph.bystander.wait_until(lambda: wanted <= spoken(), "the guard in its namespace")


def test_the_table_of_topics_holds_every_name() -> None:
    rows = [row for row in vars(topics).values() if isinstance(row, topics.Topic)]
    # What the middleware brings is heard with `simulation_time` alone.
    assert {f"/{row.name.removeprefix('/')}" for row in rows} == set(TYPES) | {"/clock"}
    assert all(row.qos.depth > 0 for row in rows)
