# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard drill`: calls the guard's drill service, where `ros2 service call` is not at hand."""

import argparse
import sys
import time
from typing import Final

from fallback_guard.core.identifiers import is_identifier, printable
from fallback_guard.tools.errors import UsageError

DOES: Final = (
    "Let one robot fall back once, whatever its planner does, and mark all of it as a drill."
)
EXAMPLE: Final = """\
  fallback-guard drill picker_1
  fallback-guard drill picker_1 --namespace /picker_1
  ros2 service call /picker_1/guard/drill fallback_guard/srv/Drill "{robot_id: picker_1}"   # the same

The request that is due now falls back at once; where none is, the next one that falls due within a minute does.
A drill is no failure: it is left out of every objective, and does not count for the latch.

exit codes: 0 ordered, 1 the guard refused, 2 unusable arguments or no guard, 130 interrupted"""

TIMEOUT_S_MAX: Final = 600.0
_SPIN_S: Final = 0.05


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the robot, and where its guard is."""
    parser.add_argument("robot_id", metavar="ROBOT", help="the robot's id, such as picker_1")
    parser.add_argument("--namespace", default="", help="the guard's namespace (default: none)")
    parser.add_argument(
        "--timeout-s",
        type=float,
        default=10.0,
        metavar="S",
        help="how long to look for the guard, and to wait for its answer (default %(default)s)",
    )


def run(options: argparse.Namespace) -> int:
    """Order the drill, and print what the guard said."""
    if not is_identifier(options.robot_id):
        raise UsageError(f"{printable(options.robot_id)!r} is no robot's id: [A-Za-z0-9_.:-]")
    if not 0.0 < options.timeout_s <= TIMEOUT_S_MAX:
        raise UsageError(
            f"--timeout-s is {options.timeout_s:g}; allowed: more than 0, up to {TIMEOUT_S_MAX:g}"
        )
    accepted, said = _order(options.robot_id, options.namespace, options.timeout_s)
    sys.stdout.write(f"{said}\n")
    return 0 if accepted else 1


def _order(robot_id: str, namespace: str, timeout_s: float) -> tuple[bool, str]:
    """Call the service.  Raises UsageError where there is none, or where it does not answer."""
    # ROS only here: every other word works without.
    import rclpy  # noqa: PLC0415
    from rclpy.exceptions import InvalidNamespaceException  # noqa: PLC0415

    from fallback_guard.nodes import topics  # noqa: PLC0415
    from fallback_guard.srv import Drill  # noqa: PLC0415

    until_s = time.monotonic() + timeout_s
    rclpy.init(args=[])
    try:
        node = rclpy.create_node("drill", namespace=namespace)
        name = node.resolve_service_name(topics.DRILL_SERVICE)
        client = node.create_client(Drill, topics.DRILL_SERVICE)
        if not client.wait_for_service(timeout_s):
            raise UsageError(
                f"no guard offers {name} after {timeout_s:g} s. Start it, name its --namespace, and look at"
                " ROS_DOMAIN_ID"
            )
        answer = client.call_async(Drill.Request(robot_id=robot_id))
        while not answer.done():
            if time.monotonic() > until_s:
                raise UsageError(f"{name} did not answer within {timeout_s:g} s. Look at its log")
            rclpy.spin_once(node, timeout_sec=_SPIN_S)
        response = answer.result()
    except InvalidNamespaceException as error:
        raise UsageError(f"--namespace {namespace!r} cannot be one: {error}") from error
    finally:
        rclpy.try_shutdown()
    return bool(response.success), printable(str(response.message), chars_max=240)
