# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The SROS2 policy is well-formed, says what it has to say, and says the same as the real graph."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import rclpy
import xmlschema
from fallback_guard.srv import Drill, ResetLatch
from lifecycle_msgs.msg import TransitionEvent
from lifecycle_msgs.srv import (
    ChangeState,
    GetAvailableStates,
    GetAvailableTransitions,
    GetState,
)
from rcl_interfaces import srv as parameter_srv
from rcl_interfaces.msg import Log
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from fallback_guard.nodes import topics
from policies import (
    POLICY,
    ROOT,
    SCHEMA,
    Grant,
    Use,
    covers,
    differences,
    in_namespace,
    read_policy,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness import Message, Scene

TEXT: Final = POLICY.read_text(encoding="utf-8")
GRANTS: Final = read_policy(TEXT)
HALL: Final = "hall_1"

ALONE: Final = {
    Use("publish", "/motion"): {"/guard", "/watchdog"},
    Use("publish", "/guard/decision"): {"/guard", "/watchdog"},
    Use("publish", "/guard/state"): {"/guard"},
    Use("publish", "/candidate_route"): {"/planner"},
    Use("publish", "/pick_request"): {"/robot"},
    Use("publish", "/route_due"): {"/robot"},
    Use("publish", "/robot_position"): {"/robot", "/driver"},
    Use("publish", "/pick_report"): {"/robot", "/driver"},
    Use("publish", "/cmd_vel"): {"/driver"},
    Use("publish", "/map_closures"): {"/operator"},
    Use("publish", "/markers"): {"/markers"},
    Use("publish", "/markers/map"): {"/markers"},
    Use("publish", "/clock"): set(),
    Use("reply", "/guard/reset"): {"/guard"},
    Use("request", "/guard/reset"): {"/operator"},
    Use("request", "/guard_node/change_state"): {"/operator"},
    Use("request", "/guard_node/set_parameters"): {"/operator"},
    Use("request", "/guard_node/set_parameters_atomically"): {"/operator"},
    Use("request", "/planner_node/set_parameters"): set(),
    Use("request", "/watchdog_node/set_parameters"): set(),
    Use("request", "/picker_sim_node/set_parameters"): set(),
    Use("request", "/follower_node/set_parameters"): set(),
    Use("request", "/metrics_node/set_parameters"): set(),
    Use("request", "/markers_node/set_parameters"): set(),
}
"""Who may do what; everybody else may not."""

PROCESSES: Final = {
    "/guard": "guard_node",
    "/watchdog": "watchdog_node",
    "/planner": "planner_node",
    "/recorder": "recorder_node",
    "/metrics": "metrics_node",
    "/markers": "markers_node",
    "/robot": "picker_sim_node",
    "/driver": "follower_node",
}
GRAPH_S: Final = 60.0
"""Until sixteen processes, which start at once, have found each other on a busy machine."""

LOOK: Final = {
    "publish": "get_publisher_names_and_types_by_node",
    "subscribe": "get_subscriber_names_and_types_by_node",
    "reply": "get_service_names_and_types_by_node",
    "request": "get_client_names_and_types_by_node",
}


# The file.


def schema() -> xmlschema.XMLSchema:
    """Return the schema of policies; only files of this machine are opened."""
    return xmlschema.XMLSchema(str(SCHEMA), allow="local")


def test_the_policy_follows_the_schema_of_sros2() -> None:
    schema().validate(TEXT)
    schema().validate(in_namespace(TEXT, HALL))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('version="0.2.0"', 'version="0.1.0"'),
        ('publish="ALLOW"', 'publish="PERHAPS"'),
        ("<services ", "<actions "),
        (' path="/guard"', ""),
    ],
)
def test_the_schema_refuses_what_is_no_policy(before: str, after: str) -> None:
    spoiled = TEXT.replace(before, after).replace(
        "</services>", "</actions>" if "actions" in after else "</services>"
    )
    assert spoiled != TEXT
    assert not schema().is_valid(spoiled)


@pytest.mark.parametrize("use", ALONE, ids=" ".join)
def test_what_moves_a_robot_or_changes_the_guard_is_for_few(use: Use) -> None:
    assert {enclave for enclave, grant in GRANTS.items() if grant.allows(use)} == ALONE[use]


@pytest.mark.parametrize("enclave", ["/planner", "/robot", "/driver", "/operator"])
def test_motion_is_denied_first(enclave: str) -> None:
    """A denial wins over whatever somebody may allow later."""
    grant = GRANTS[enclave]
    assert Use("publish", "/motion") in grant.denied
    everything = Grant({Use("publish", "*")}, grant.denied)
    assert not everything.allows(Use("publish", "/motion"))
    first = next(
        line for line in TEXT.partition(f'path="{enclave}"')[2].splitlines() if "publish" in line
    )
    assert "DENY" in first


def test_who_looks_at_a_terminal_needs_no_more_than_an_operator_has() -> None:
    """`fallback-guard top` hears what metrics_node hears, which the graph below is held to."""
    heard = {use for use in GRANTS["/metrics"].allowed if use.doing == "subscribe"}
    assert heard <= GRANTS["/operator"].allowed


def test_nothing_is_both_allowed_and_denied() -> None:
    for grant in GRANTS.values():
        assert not [rule for rule in grant.allowed if any(covers(no, rule) for no in grant.denied)]


def test_a_wildcard_stands_for_the_numbers_of_processes_alone() -> None:
    wild = {rule.name for grant in GRANTS.values() for rule in grant.allowed if "*" in rule.name}
    assert wild == {"/_ros2cli_*/get_type_description"}


def test_the_command_of_the_documentation_moves_the_policy_into_a_namespace() -> None:
    (command,) = re.findall(
        r"^sed (.+) \\\n +\$POLICY > ",
        (ROOT / "docs/security.md").read_text("utf-8"),
        re.MULTILINE,
    )
    done = subprocess.run(
        [shutil.which("sed") or "sed", *shlex.split(command)],
        input=TEXT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == in_namespace(TEXT, "picker_1")
    assert read_policy(done.stdout).keys() == {f"/picker_1{enclave}" for enclave in GRANTS}


# The graph.


class Operator:
    """Opens all that people have to do with a guard, as a process of theirs would."""

    def __init__(self, domain: int, enclave: str, namespace: str) -> None:
        """Open it in an enclave.  The second node is what the ros2 command would open."""
        self._context = rclpy.Context()
        rclpy.init(
            args=["--ros-args", "--enclave", enclave],
            context=self._context,
            domain_id=domain,
            signal_handler_options=SignalHandlerOptions.NO,
        )
        self._node = self._open("operator", namespace, enable_rosout=True)
        self._command = self._open("_ros2cli_4711", "", enable_rosout=False)
        topics.MAP_CLOSURES.publisher(self._node)
        for topic in (topics.MOTION, topics.GUARD_DECISION, topics.GUARD_STATE, topics.DIAGNOSTICS):
            topic.subscribe(self._node, lambda _: None)
        for kind, name in ((TransitionEvent, "guard_node/transition_event"), (Log, "/rosout")):
            self._node.create_subscription(kind, name, lambda _: None, 10)
        for kind, name in _calls():
            self._node.create_client(kind, name)

    def _open(self, name: str, namespace: str, *, enable_rosout: bool) -> Node:
        return Node(
            name,
            context=self._context,
            namespace=namespace,
            enable_rosout=enable_rosout,
            start_parameter_services=False,
            parameter_overrides=[rclpy.Parameter("use_sim_time", value=enable_rosout)],
        )

    def close(self) -> None:
        """Close it."""
        for node in (self._node, self._command):
            node.destroy_node()
        rclpy.shutdown(context=self._context)


def _calls() -> Iterator[tuple[type[Message], str]]:
    yield ResetLatch, topics.RESET_SERVICE
    yield Drill, topics.DRILL_SERVICE
    for kind, name in (
        (ChangeState, "change_state"),
        (GetState, "get_state"),
        (GetAvailableStates, "get_available_states"),
        (GetAvailableTransitions, "get_available_transitions"),
        (GetAvailableTransitions, "get_transition_graph"),
        (parameter_srv.SetParameters, "set_parameters"),
        (parameter_srv.SetParametersAtomically, "set_parameters_atomically"),
    ):
        yield kind, f"guard_node/{name}"
    for node in ("guard_node", "planner_node", "watchdog_node"):
        for kind, name in (
            (parameter_srv.DescribeParameters, "describe_parameters"),
            (parameter_srv.GetParameterTypes, "get_parameter_types"),
            (parameter_srv.GetParameters, "get_parameters"),
            (parameter_srv.ListParameters, "list_parameters"),
        ):
            yield kind, f"{node}/{name}"


def uses_seen(node: Node) -> dict[str, set[Use]]:
    """Return what every process does, by its enclave, as the graph has it now."""
    uses: dict[str, set[Use]] = {}
    for name, namespace, enclave in node.get_node_names_and_namespaces_with_enclaves():
        if name == node.get_name():
            continue
        here = uses.setdefault(enclave, set())
        for doing, look in LOOK.items():
            here.update(Use(doing, seen) for seen, _ in getattr(node, look)(name, namespace))
    return uses


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Return a scene with every process of the policy twice: in no namespace, and in one.

    With simulated time, for /clock is heard with that alone.
    """
    from harness import open_scene  # noqa: PLC0415

    with open_scene(tmp_path_factory.mktemp("policy")) as opened:
        operators = []
        for namespace in ("", f"/{HALL}"):
            for enclave, node in PROCESSES.items():
                _start(opened, node, f"{namespace}{enclave}", namespace or "/")
            operators.append(Operator(opened.domain, f"{namespace}/operator", namespace))
        yield opened
        for operator in operators:
            operator.close()


def _start(scene: Scene, node: str, enclave: str, namespace: str) -> None:
    from harness import free_port, ros_arguments  # noqa: PLC0415

    own: Mapping[str, Mapping[str, object]] = {
        "guard_node": scene.guard_parameters(),
        # Waits for more listeners than there are: it asks for nothing.
        "picker_sim_node": {"map_file": str(scene.map_file), "listeners_min": 100},
        "follower_node": {"map_file": str(scene.map_file), "pose_source": "odometry"},
        "metrics_node": {"port": free_port()},
        "markers_node": {"map_file": str(scene.map_file)},
        "recorder_node": {"directory": f"recordings_of{namespace.replace('/', '_')}"},
    }
    # Both forms of the option.
    option = "--enclave" if namespace == "/" else "-e"
    scene.nodes.start(
        enclave.replace("/", "_"),
        f"fallback_guard.nodes.{node}",
        *ros_arguments({"use_sim_time": True, **own.get(node, {})}),
        *("-r", f"__ns:={namespace}", option, enclave),
    )


def both_policies() -> dict[str, Grant]:
    """Return the grants of the policy as it stands and of the one moved into the namespace."""
    return GRANTS | read_policy(in_namespace(TEXT, HALL))


def test_the_policy_allows_what_the_nodes_do_and_nothing_else(graph: Scene) -> None:
    node = graph.bystander.node
    seen: list[str] = []

    def is_the_same() -> bool:
        seen[:] = differences(both_policies(), uses_seen(node))
        return not seen

    try:
        graph.bystander.wait_until(is_the_same, "a graph that is the policy's", GRAPH_S)
    except AssertionError:
        assert seen == []


def test_a_policy_that_lacks_something_or_allows_too_much_is_found(graph: Scene) -> None:
    """Each rule that is taken away is missed, and each that is added is in excess."""
    graph.bystander.wait_until(
        lambda: not differences(both_policies(), uses_seen(graph.bystander.node)), "the graph"
    )
    uses = uses_seen(graph.bystander.node)
    for enclave, grant in GRANTS.items():
        for rule in grant.allowed:
            less = Grant(grant.allowed - {rule}, grant.denied)
            missed = differences(both_policies() | {enclave: less}, uses)
            assert [line for line in missed if line.startswith(f"{enclave} may not {rule.doing} ")]
        more = Grant(grant.allowed | {Use("publish", "/elsewhere")}, grant.denied)
        found = differences(both_policies() | {enclave: more}, uses)
        assert found == [f"{enclave} needs not publish /elsewhere"]


def test_a_denied_use_is_found_even_where_it_is_allowed(graph: Scene) -> None:
    uses = uses_seen(graph.bystander.node)
    denied = Grant(GRANTS["/guard"].allowed, {Use("publish", "/motion")})
    found = differences(both_policies() | {"/guard": denied}, uses)
    assert "/guard may not publish /motion" in found


def test_the_policy_is_installed_beside_the_parameters() -> None:
    installed = Path(sys.prefix) / "share" / "fallback_guard" / "config" / "sros2" / "policy.xml"
    if not installed.parent.parent.is_dir():
        pytest.skip("the package is installed in a workspace")
    assert installed.read_text(encoding="utf-8") == TEXT
