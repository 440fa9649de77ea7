# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard runbook`: who acts on which failure mode, and what they type first, as a page from one table."""

import argparse
import sys
import textwrap
from dataclasses import dataclass
from enum import Enum
from typing import Final

from fallback_guard.core.failure_modes import FAILURE_MODES, FailureMode

DOES: Final = (
    "Print who acts on which failure mode, and the first three commands to type, as Markdown."
)
EXAMPLE: Final = "  fallback-guard runbook > docs/runbook.md"

_F = FailureMode


class Owner(str, Enum):
    """Who acts."""

    ROBOTICS = "robotics"
    INFRASTRUCTURE = "infrastructure"
    PLANNER = "planner owners"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What to do about failure modes that have one cause: `commands` in the order in which they are typed.

    ROBOT, URL and the folder of recordings stand for one's own.
    """

    title: str
    owner: Owner
    modes: tuple[FailureMode, ...]
    cause: str
    commands: tuple[str, str, str]
    mend: str


_TOP: Final = "fallback-guard top --once"
_DIAGNOSTICS: Final = "ros2 topic echo --once /diagnostics"
_REPORT: Final = "fallback-guard report recordings --since 24h --out today.html"
_REPLAY: Final = "fallback-guard replay recordings"
_STATE: Final = "ros2 topic echo --once /ROBOT/guard/state"
_DECISION: Final = "ros2 topic echo --once /ROBOT/guard/decision"
_ENDPOINT: Final = "fallback-guard endpoint URL"

RESPONSES: Final = (
    Response(
        title="The planner is silent or slow",
        owner=Owner.PLANNER,
        modes=(
            _F.PLANNER_SILENT,
            _F.PLANNER_LATE,
            _F.PLANNER_TIMEOUT,
            _F.PLANNER_BREAKER_OPEN,
        ),
        cause="The model needs longer than the robot can wait, or nobody asks it.",
        commands=(_TOP, _ENDPOINT, _DIAGNOSTICS),
        mend="Have robots ask early (`on_due`), shorten the prompt, add a faster rung (docs/planner.md). Robots drive "
        "the standby route meanwhile.",
    ),
    Response(
        title="The endpoint does not work",
        owner=Owner.INFRASTRUCTURE,
        modes=(
            _F.PLANNER_UNREACHABLE,
            _F.PLANNER_HTTP_ERROR,
            _F.PLANNER_BAD_RESPONSE,
            _F.PLANNER_OVERSIZE,
            _F.PLANNER_NOT_UTF8,
            _F.PLANNER_SEVERAL_CHOICES,
        ),
        cause="Network, proxy, certificate, key, quota, or something else than a model behind the address.",
        commands=(_ENDPOINT, _DIAGNOSTICS, "curl -sS URL/models"),
        mend="The planner's log has the HTTP status and the remedy. Name a second endpoint as another rung, so that "
        "one outage is none.",
    ),
    Response(
        title="The model does not answer the question",
        owner=Owner.PLANNER,
        modes=(
            _F.PLANNER_REFUSED,
            _F.PLANNER_TOOL_CALL,
            _F.PLANNER_LENGTH,
            _F.PLANNER_EMPTY,
            _F.PLANNER_CUT,
        ),
        cause="A filter, a limit of tokens, a template of another model, or a prompt that asks for something else.",
        commands=(_ENDPOINT, _REPORT, "fallback-guard bench planner --help"),
        mend="Raise `max_tokens`, choose a method with structured output (docs/methods.md), and look at the yield "
        "before it goes live.",
    ),
    Response(
        title="The answer is no route",
        owner=Owner.PLANNER,
        modes=(
            _F.OVERSIZE,
            _F.NOT_UTF8,
            _F.BYTE_ORDER_MARK,
            _F.TOO_DEEP,
            _F.EMPTY,
            _F.TRUNCATED,
            _F.FENCED,
            _F.PROSE,
            _F.REASONING,
            _F.SEVERAL_DOCUMENTS,
            _F.COMMENT,
            _F.TRAILING_COMMA,
            _F.SINGLE_QUOTES,
            _F.UNQUOTED_KEY,
            _F.PYTHON_LITERAL,
            _F.NOT_FINITE,
            _F.MALFORMED_JSON,
            _F.NOT_AN_OBJECT,
            _F.DUPLICATE_KEY,
            _F.SURROGATE,
            _F.NUMBER_RANGE,
            _F.SCHEMA,
        ),
        cause="The model writes JSON by heart. A new version of model, server or prompt is the usual reason.",
        commands=(_REPORT, "fallback-guard check --help", _ENDPOINT),
        mend="Turn structured output on (`method: request_schema`), or take a method that asks for less than a route. "
        "Go back to the last version until the yield is where it was.",
    ),
    Response(
        title="The answer is a route, and a wrong one",
        owner=Owner.PLANNER,
        modes=(
            _F.WRONG_REQUEST,
            _F.WRONG_ROBOT,
            _F.ITEM_UNKNOWN,
            _F.ITEM_REPEATED,
            _F.ITEM_MISSING,
            _F.WRONG_QUANTITY,
            _F.OVER_CAPACITY,
            _F.WRONG_BIN,
            _F.UNKNOWN_BIN,
            _F.UNKNOWN_NODE,
            _F.NOT_AN_EDGE,
            _F.DETOUR_TOO_LONG,
            _F.TOO_MANY_WAYPOINTS,
            _F.DURATION_TOO_LONG,
            _F.TASK_RULE,
        ),
        cause="The model invents or forgets. `detail`, `rule`, `measured` and `limit` say what and by how much.",
        commands=(_DECISION, _REPORT, _REPLAY + " --set detour_factor=2"),
        mend="Nothing on the robot: it was guarded. Where one rule prevails and its limit is wrong, try another on the "
        "recording; changing it is robotics' decision (docs/policy.md).",
    ),
    Response(
        title="The way is closed",
        owner=Owner.ROBOTICS,
        modes=(_F.EDGE_CLOSED, _F.KEEP_OUT, _F.UNREACHABLE),
        cause="Ways were closed, and planner or task system do not know, or no open way is left.",
        commands=(
            "ros2 topic echo --once /map_closures",
            "fallback-guard map check MAP",
            _STATE,
        ),
        mend="Open what need not be closed, or keep requests away from what is cut off. A robot that has no way waits "
        "for one.",
    ),
    Response(
        title="The robot is not where it should be",
        owner=Owner.ROBOTICS,
        modes=(_F.START_OUT_OF_RANGE, _F.POSITION_UNKNOWN),
        cause="Localisation is lost or late, frames differ, or requests begin elsewhere than the robot stands.",
        commands=(
            "ros2 topic hz /ROBOT/robot_position",
            "ros2 topic echo --once /ROBOT/robot_position",
            _DECISION,
        ),
        mend="Localise anew; compare `start_node` and `start_tolerance_m` with where the robot stands.",
    ),
    Response(
        title="The request itself is wrong",
        owner=Owner.ROBOTICS,
        modes=(
            _F.BAD_REQUEST,
            _F.BAD_IDENTIFIER,
            _F.UNKNOWN_ROBOT,
            _F.UNKNOWN_REQUEST,
            _F.REPEATED,
            _F.STALE,
            _F.OVERTAKEN,
            _F.QUEUE_OVERRUN,
        ),
        cause="The task system asks for what cannot be served, twice, out of turn, or for robots that this guard does "
        "not serve.",
        commands=(_DECISION, "ros2 topic echo --once /ROBOT/pick_request", _REPLAY),
        mend="Mend the task system; `request_id` has to be new for each request. `robots_max` bounds who is served.",
    ),
    Response(
        title="A robot is latched",
        owner=Owner.ROBOTICS,
        modes=(_F.LATCHED,),
        cause="`latch_after` safe moves in a row: what brought them about is in the decisions before.",
        commands=(
            _REPORT,
            _TOP,
            'ros2 service call /ROBOT/guard/reset fallback_guard/srv/ResetLatch "{robot_id: ROBOT}"',
        ),
        mend="Find the cause first, by its own entry here; look at the robot; then reset.",
    ),
    Response(
        title="The guard itself fails",
        owner=Owner.INFRASTRUCTURE,
        modes=(_F.INTERNAL_ERROR, _F.GUARD_SILENT),
        cause="The guard's process is gone, hangs, or has a fault; the watchdog or the guard failed closed.",
        commands=(_STATE, _DIAGNOSTICS, _REPLAY),
        mend="Its log says why it ended. Have the launch file respawn it, give it real-time priority "
        "(docs/performance.md). An INTERNAL_ERROR replays: send the recording with the report of the fault.",
    ),
    Response(
        title="Somebody speaks who should not",
        owner=Owner.INFRASTRUCTURE,
        modes=(_F.STRANGER, _F.CANDIDATE_FLOOD),
        cause="A second guard or another publisher on `motion`; a planner that runs twice, or a flood.",
        commands=(
            "ros2 topic info --verbose /ROBOT/motion",
            "ros2 topic info --verbose /ROBOT/candidate_route",
            _DIAGNOSTICS,
        ),
        mend="Stop robots that are concerned, end what does not belong there, and keep it out: docs/security.md.",
    ),
    Response(
        title="A drill",
        owner=Owner.NOBODY,
        modes=(_F.DRILL,),
        cause="An operator wanted to see the fallback. It is in no objective and counts for no latch.",
        commands=(_TOP, _REPORT, "fallback-guard drill --help"),
        mend="Did the robot stop, and did it go on by itself? If not, that is the finding.",
    ),
)

assert sorted(mode for response in RESPONSES for mode in response.modes) == sorted(FAILURE_MODES), (
    "each failure mode has one response"
)

_HEAD: Final = """\
# Runbook

Every fallback carries a failure mode: in `reason` of the motion, in `failure_mode` of the decision, in
[the report](report.md), in `fallback-guard top` and in the metrics. Look for it here. A robot that is guarded stands or
drives a validated route; there is time to look before something is changed.

`ROBOT`, `URL`, `MAP` and `recordings` stand for your own. This page is written by `fallback-guard runbook`; what each
mode means word by word is in [failure-modes.md](failure-modes.md), who may change what in [policy.md](policy.md).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take none."""


def run(_options: argparse.Namespace) -> int:
    """Print the page."""
    sys.stdout.write(page())
    return 0


def page() -> str:
    """Return the page."""
    parts = [_HEAD, "\n| what you see | who acts |\n|---|---|\n"]
    parts += [
        f"| [{each.title}](#{_anchor(each.title)}) | {each.owner.value} |\n" for each in RESPONSES
    ]
    for each in RESPONSES:
        modes = ", ".join(f"`{mode.value}`" for mode in each.modes)
        parts.append(
            f"\n## {each.title}\n\n"
            + _wrapped(f"**Who acts: {each.owner.value}.** {each.cause}")
            + f"\n\n{_wrapped(modes)}\n\n```bash\n{chr(10).join(each.commands)}\n```\n\n{_wrapped(each.mend)}\n"
        )
    return "".join(parts)


def _anchor(title: str) -> str:
    return "".join(
        char for char in title.lower().replace(" ", "-") if char.isalnum() or char == "-"
    )


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, 120, break_long_words=False))
