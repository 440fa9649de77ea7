# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A task of one's own: picks from three temperature zones, with fragile goods among them."""

from collections.abc import Callable
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from fallback_guard.tasks.api import (
    FailureMode,
    Identifier,
    NodeId,
    PickRequest,
    Quantity,
    Refusal,
    Route,
    RouteTask,
    Rule,
    Stage,
    Stop,
    TaskCase,
)

Zone = Literal["ambient", "chilled", "frozen"]
Pack = Literal["heavy", "sturdy", "fragile"]


class Pick(BaseModel):
    """One pick as the planner says it."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    location: Identifier
    article: Identifier
    pieces: Quantity
    zone: Zone
    pack: Pack
    past: Annotated[list[NodeId], Field(max_length=16)] | None = None


class Plan(BaseModel):
    """The whole answer: the picks in driving order."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    order: Identifier
    vehicle: Identifier
    picks: Annotated[list[Pick], Field(min_length=1, max_length=32)]


def as_route(plan: Plan, _request: PickRequest) -> Route:
    """Say a plan as a route of the package."""
    return Route(
        version=1,
        request_id=plan.order,
        robot_id=plan.vehicle,
        stops=[
            Stop(bin=pick.location, sku=pick.article, quantity=pick.pieces, via=pick.past)
            for pick in plan.picks
        ],
    )


OUT_OF_COLD_S_MAX: Final = 600
"""How long chilled and frozen picks may travel, all their times added up."""


def zone_of(sku: str) -> Zone:
    """Return where an article is stored, by the site's own numbering."""
    if sku.startswith("FRZ-"):
        return "frozen"
    return "chilled" if sku.startswith("CHL-") else "ambient"


def pack_of(sku: str) -> Pack:
    """Return how an article is packed, likewise."""
    if sku.endswith("-G"):
        return "fragile"
    return "heavy" if sku.endswith("-H") else "sturdy"


def _labels(case: TaskCase[Plan]) -> Refusal | None:
    wrong = [
        pick.article
        for pick in case.answer.picks
        if (pick.zone, pick.pack) != (zone_of(pick.article), pack_of(pick.article))
    ]
    if not wrong:
        return None
    said = f"zone or pack of {wrong[0]} is not the site's"
    return Refusal(FailureMode.TASK_RULE, said, len(wrong))


def _none_after(
    is_last: Callable[[Pick], bool], may_follow: Callable[[Pick], bool], said: str
) -> Callable[[TaskCase[Plan]], Refusal | None]:
    """Return a check that counts what comes after a pick of one kind and must not."""

    def check(case: TaskCase[Plan]) -> Refusal | None:
        picks = case.answer.picks
        first = next((place for place, pick in enumerate(picks) if is_last(pick)), len(picks))
        after = [pick.article for pick in picks[first:] if not may_follow(pick)]
        if not after:
            return None
        return Refusal(FailureMode.TASK_RULE, f"{after[0]} {said}", len(after))

    return check


def _out_of_cold(case: TaskCase[Plan]) -> Refusal | None:
    *picked_ns, home_ns = case.times_ns()
    together_s = sum(
        (home_ns - done_ns) / 1e9
        for done_ns, pick in zip(picked_ns, case.answer.picks, strict=True)
        if pick.zone != "ambient"
    )
    if together_s <= OUT_OF_COLD_S_MAX:
        return None
    said = f"{together_s:.0f} s out of the cold, allowed are {OUT_OF_COLD_S_MAX} s"
    return Refusal(FailureMode.DURATION_TOO_LONG, said, together_s, OUT_OF_COLD_S_MAX)


RULES: Final = (
    Rule(
        "site_labels",
        Stage.TASK,
        (FailureMode.TASK_RULE,),
        "picks with another zone or pack than the site's",
        "0",
        _labels,
    ),
    Rule(
        "frozen_last",
        Stage.TASK,
        (FailureMode.TASK_RULE,),
        "picks after a frozen one that are not frozen",
        "0",
        _none_after(
            lambda pick: pick.zone == "frozen",
            lambda pick: pick.zone == "frozen",
            "comes after a frozen article",
        ),
    ),
    Rule(
        "fragile_after_heavy",
        Stage.TASK,
        (FailureMode.TASK_RULE,),
        "heavy picks after a fragile one",
        "0",
        _none_after(
            lambda pick: pick.pack == "fragile",
            lambda pick: pick.pack != "heavy",
            "is heavy and comes after a fragile article",
        ),
    ),
    Rule(
        "out_of_cold",
        Stage.TASK,
        (FailureMode.DURATION_TOO_LONG,),
        "time that chilled and frozen picks travel, all together (s)",
        f"{OUT_OF_COLD_S_MAX}",
        _out_of_cold,
    ),
)


def standby(route: Route, _request: PickRequest) -> Plan:
    """Say the guard's own route as a plan, in an order that the rules allow."""

    def rank(stop: Stop) -> tuple[bool, int]:
        packs: tuple[Pack, ...] = ("heavy", "sturdy", "fragile")
        return zone_of(stop.sku) == "frozen", packs.index(pack_of(stop.sku))

    return Plan(
        order=route.request_id,
        vehicle=route.robot_id,
        picks=[
            Pick(
                location=stop.bin,
                article=stop.sku,
                pieces=stop.quantity,
                zone=zone_of(stop.sku),
                pack=pack_of(stop.sku),
            )
            for stop in sorted(route.stops, key=rank)
        ],
    )


PROMPT: Final = """\
For example:
{"order":"R-0","vehicle":"r","picks":[{"location":"A-1","article":"AMB-7-H","pieces":3,"zone":"ambient","pack":"heavy"},
{"location":"B-4","article":"FRZ-2","pieces":6,"zone":"frozen","pack":"sturdy"}]}
Copy request_id to order and robot_id to vehicle. Make one pick for each entry of items: location is its bin, article
its sku, pieces its quantity. zone is frozen where the sku begins with FRZ-, chilled where it begins with CHL-, else
ambient. pack is fragile where the sku ends in -G, heavy where it ends in -H, else sturdy. Everything frozen comes last.
Nothing heavy comes after something fragile. Keep the way from start_node over the bins to goal_node short."""

COLD_CHAIN: Final = RouteTask(
    name="cold_chain",
    answer=Plan,
    as_route=as_route,
    rules=RULES,
    prompt=PROMPT,
    standby=standby,
)
