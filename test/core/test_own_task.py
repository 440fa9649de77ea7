# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A guard with a task of one's own: its answers, its rules, and that nothing of it lets anything through."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

import cold
import cold_chain
import world
from cold import FROZEN, GLASS, HEAVY, pick, plan
from fallback_guard.core.closures import Closures
from fallback_guard.core.config import guard_config
from fallback_guard.core.effects import SendMotion
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.judge import Judge
from fallback_guard.core.limits import DETAIL_CHARS_MAX
from fallback_guard.core.paths import Paths
from fallback_guard.core.rules import Refusal, Rule, Stage
from fallback_guard.core.schema import Identifier, Route, Stop
from fallback_guard.core.task import RouteTask, TaskCase
from fallback_guard.core.task_check import checked
from fallback_guard.core.units import NS_PER_S
from test_validation import PAYLOADS
from timeline import WINDOW_MS, Timeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_guard.core.checked_task import CheckedTask
    from fallback_guard.core.request import PickItem, PickRequest
    from fallback_guard.core.validation import Verdict

F = FailureMode
Made_co = TypeVar("Made_co", covariant=True)
PATHS: Final = Paths(world.warehouse())
GOOD: Final = cold_chain.COLD_CHAIN


def judged(payload: bytes, task: CheckedTask = cold.TASK, *, pick_time_s: float = 1.0) -> Verdict:
    """Return the verdict on an answer to `cold.request()`, having checked what holds for each."""
    config = guard_config({"pick_time_s": pick_time_s})
    judge = Judge(config=config, paths=PATHS, task=task)
    verdict = judge.verdict(judge.prepare(cold.request(), 1), payload, source="llm:test")
    assert (verdict.route is None) is not (verdict.refusal is None)
    if verdict.refusal is not None:
        assert verdict.refusal.detail.isprintable()
        assert verdict.refusal.detail
        assert len(verdict.refusal.detail) <= DETAIL_CHARS_MAX + len("...")
        assert verdict.refusal.rule
    return verdict


def said_of(payload: bytes) -> tuple[FailureMode, str, float, float] | None:
    """Return mode, rule, measured and limit of the refusal of an answer; None where it is accepted."""
    refusal = judged(payload).refusal
    return (refusal.mode, refusal.rule, refusal.measured, refusal.limit) if refusal else None


def with_rule(check: Callable[[TaskCase[cold_chain.Plan]], object]) -> CheckedTask:
    """Return the task with one rule, whatever that returns."""
    modes = (F.TASK_RULE, F.DETOUR_TOO_LONG)
    right = cast("Callable[[TaskCase[cold_chain.Plan]], Refusal | None]", check)
    rule = Rule("tried", Stage.TASK, modes, "whatever", "0", right)
    return checked(replace(GOOD, rules=(rule,), standby=None))


def with_conversion(convert: Callable[[cold_chain.Plan, PickRequest], object]) -> CheckedTask:
    """Return the task with a conversion, whatever that returns."""
    right = cast("Callable[[cold_chain.Plan, PickRequest], Route | str]", convert)
    return checked(replace(GOOD, as_route=right, standby=None, rules=()))


# Its answers, and its rules


def test_an_answer_in_its_own_shape_is_driven() -> None:
    route = judged(plan()).route
    assert route is not None
    assert [stop.bin for stop in route.stops] == ["A-1", "A-2", "C-1"]
    assert all(stop.node == world.warehouse().bins[stop.bin] for stop in route.stops)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (plan(pick(FROZEN), pick(HEAVY), pick(GLASS)), (F.TASK_RULE, "frozen_last", 2, 0)),
        (plan(pick(HEAVY), pick(FROZEN), pick(GLASS)), (F.TASK_RULE, "frozen_last", 1, 0)),
        (plan(pick(GLASS), pick(HEAVY), pick(FROZEN)), (F.TASK_RULE, "fragile_after_heavy", 1, 0)),
        (
            plan(pick(HEAVY, zone="chilled"), pick(GLASS, pack="sturdy"), pick(FROZEN)),
            (F.TASK_RULE, "site_labels", 2, 0),
        ),
        (world.answer(cold.request()), (F.SCHEMA, "schema", 7, 0)),
        (plan(priority=1), (F.SCHEMA, "schema", 1, 0)),
        (plan(pick(HEAVY, zone="warm")), (F.SCHEMA, "schema", 1, 0)),
        (plan(pick(HEAVY, pieces="2")), (F.SCHEMA, "schema", 1, 0)),
        (plan()[:-1], (F.TRUNCATED, "json", 1, 0)),
        (plan().replace(b'"A-1"', b'"A-1", "location": "A-1"'), (F.DUPLICATE_KEY, "unique_keys", 1, 0)),
        (plan()[:-1] + b', "order": "R-1"}', (F.DUPLICATE_KEY, "unique_keys", 1, 0)),
        (plan(request_id="R-2"), (F.WRONG_REQUEST, "same_request", 1, 0)),
        (plan(robot_id="picker_2"), (F.WRONG_ROBOT, "same_robot", 1, 0)),
        (plan(pick(HEAVY), pick(FROZEN)), (F.ITEM_MISSING, "every_item", 1, 0)),
        (plan(pick(HEAVY, [99]), pick(GLASS), pick(FROZEN)), (F.UNKNOWN_NODE, "known_nodes", 1, 0)),
        (plan(pick(HEAVY, [8, 6]), pick(GLASS), pick(FROZEN)), (F.NOT_AN_EDGE, "edges_exist", 1, 0)),
    ],
)  # fmt: skip
def test_what_is_refused_and_why(
    payload: bytes, said: tuple[FailureMode, str, float, float]
) -> None:
    assert said_of(payload) == said


def test_the_package_rules_come_before_its_own() -> None:
    assert said_of(plan(pick(FROZEN), pick(HEAVY))) == (F.ITEM_MISSING, "every_item", 1, 0)


@pytest.mark.parametrize(("pick_s", "is_taken"), [(536.0, True), (536.666, True), (536.667, False)])
def test_what_travels_out_of_the_cold_is_counted_from_its_pick(
    pick_s: float, *, is_taken: bool
) -> None:
    """From A-2 to C-1 and home are 50 m, 20 of them at 1 m/s, with a pick on the way; from C-1 it is 30 m, 10 so."""
    glass_s, frozen_s = 30 / 1.5 + 20 / 1.0 + pick_s, 20 / 1.5 + 10 / 1.0
    refusal = judged(plan(), pick_time_s=pick_s).refusal
    assert (refusal is None) is is_taken
    if refusal is not None:
        assert (refusal.mode, refusal.rule) == (F.DURATION_TOO_LONG, "out_of_cold")
        assert refusal.measured == pytest.approx(glass_s + frozen_s)
        assert refusal.limit == 600


def test_when_each_pick_is_done() -> None:
    seen: list[tuple[int, ...]] = []
    judged(plan(), with_rule(lambda case: seen.append(case.times_ns())), pick_time_s=2.0)
    at_2_s, at_4_s = 10 / 1.5, 10 / 1.5 + 10 / 1.0 + 10 / 1.5
    home_s = at_4_s + 10 / 1.5 + 10 / 1.0 + 10 / 1.5
    expected = (at_2_s + 2, at_2_s + 4, at_4_s + 6, home_s + 6)
    assert seen == [tuple(pytest.approx(time_s * NS_PER_S, abs=5) for time_s in expected)]


def test_its_stage_and_its_conversion_are_timed() -> None:
    looks = iter(2**number for number in range(20))
    judge = Judge(config=guard_config({}), paths=PATHS, task=cold.TASK)
    prepared = judge.prepare(cold.request(), 1)
    judge = Judge(
        config=guard_config({}), paths=PATHS, task=cold.TASK, stopwatch=lambda: next(looks)
    )
    verdict = judge.verdict(prepared, plan(), source="llm:test")
    assert list(verdict.stage_ns.items()) == [
        (Stage.ENVELOPE, 1),
        (Stage.SCHEMA, 2 + 8),
        (Stage.REQUEST, 16),
        (Stage.MAP, 32),
        (Stage.BUDGET, 64),
        (Stage.TASK, 128),
    ]


# Code of somebody else's


class Bug(Exception):  # noqa: N818  # what it stands for is no error of the environment
    """What no code expects."""


class Anything(Protocol[Made_co]):
    """A function that takes anything."""

    def __call__(self, *given: object, **named: object) -> Made_co:
        """Return what it makes."""


def _raise(error: BaseException) -> Anything[object]:
    def raise_it(*_: object, **__: object) -> object:
        raise error

    return raise_it


ERRORS: Final = (Bug("secret"), SystemExit(0), GeneratorExit(), RecursionError(), MemoryError())


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_rule_that_raises_refuses(error: BaseException) -> None:
    refusal = judged(plan(), with_rule(_raise(error))).refusal
    assert refusal is not None
    assert (refusal.mode, refusal.rule) == (F.INTERNAL_ERROR, "tried")
    assert refusal.detail == f"{type(error).__name__} in the rule of the task"


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_conversion_that_raises_refuses(error: BaseException) -> None:
    refusal = judged(plan(), with_conversion(_raise(error))).refusal
    assert refusal is not None
    assert (refusal.mode, refusal.rule) == (F.INTERNAL_ERROR, "conversion")
    assert "secret" not in refusal.detail


def test_an_interrupt_by_a_person_is_not_swallowed() -> None:
    with pytest.raises(KeyboardInterrupt):
        judged(plan(), with_rule(_raise(KeyboardInterrupt())))


@pytest.mark.parametrize(
    "said",
    [
        True,
        "no",
        0,
        F.TASK_RULE,
        Refusal(F.LATCHED, "no"),
        Refusal(F.ITEM_MISSING, "not among its modes"),
        Refusal(F.TASK_RULE, "no", float("nan")),
        Refusal(F.TASK_RULE, "no", 1, float("inf")),
        Refusal(F.TASK_RULE, "no", cast("float", "many")),
        Refusal(F.TASK_RULE, "no", cast("float", 10**400)),
        Refusal(cast("FailureMode", []), "no"),
    ],
)
def test_a_rule_that_returns_nonsense_refuses(said: object) -> None:
    refusal = judged(plan(), with_rule(lambda _: said)).refusal
    assert refusal is not None
    assert (refusal.mode, refusal.rule) == (F.INTERNAL_ERROR, "tried")


def test_what_a_rule_says_is_cut_and_escaped() -> None:
    task = with_rule(lambda _: Refusal(F.DETOUR_TOO_LONG, "n\no\ud800" * 10_000, 3, 2, "forged"))
    refusal = judged(plan(), task).refusal
    assert refusal is not None
    assert (refusal.mode, refusal.rule) == (F.DETOUR_TOO_LONG, "tried")
    assert (refusal.measured, refusal.limit) == (3, 2)
    silent = judged(plan(), with_rule(lambda _: Refusal(F.TASK_RULE, ""))).refusal
    assert silent is not None
    assert silent.detail == "whatever"


def _route(request: PickRequest, **changes: object) -> dict[str, object]:
    stops = [Stop(bin=item.bin, sku=item.sku, quantity=item.quantity) for item in request.items]
    return {
        "version": 1,
        "request_id": request.request_id,
        "robot_id": request.robot_id,
        "stops": stops,
    } | changes


def _unasked(**values: object) -> Stop:
    """Return a stop of the package as no schema has seen it."""
    stop = Stop(bin="A-1", sku="AMB-1-H", quantity=2)
    for name, value in values.items():
        object.__setattr__(stop, name, value)
    return stop


class _Route(Route):
    """Is a route, and more."""


CHECKED: Final = cast("Anything[Route]", Route)
UNCHECKED: Final = cast("Anything[Route]", Route.model_construct)
"""Make a route of anything."""


NONSENSE: Final[dict[str, tuple[Callable[[PickRequest], object], FailureMode]]] = {
    "nothing": (lambda _: None, F.INTERNAL_ERROR),
    "a dict": (_route, F.INTERNAL_ERROR),
    "a route that is more": (
        lambda asked: cast("Anything[object]", _Route)(**_route(asked)),
        F.INTERNAL_ERROR,
    ),
    "a sentence": (lambda _: "there is no such article", F.SCHEMA),
    "no sentence": (lambda _: "", F.SCHEMA),
    "no route of the schema": (lambda asked: CHECKED(**_route(asked, stops=[])), F.SCHEMA),
    "another request": (lambda asked: CHECKED(**_route(asked, request_id="R-2")), F.WRONG_REQUEST),
    "another robot": (lambda asked: CHECKED(**_route(asked, robot_id="x")), F.WRONG_ROBOT),
    "unknown bins": (
        lambda asked: CHECKED(**_route(asked, stops=[Stop(bin="Z-9", sku="FRZ-3", quantity=1)])),
        F.UNKNOWN_BIN,
    ),
    "unchecked ids": (
        lambda asked: UNCHECKED(**_route(asked, request_id="R 1")),
        F.SCHEMA,
    ),
    "unchecked stops": (lambda asked: UNCHECKED(**_route(asked, stops=7)), F.SCHEMA),
    "NaN": (
        lambda asked: UNCHECKED(**_route(asked, stops=[_unasked(quantity=float("nan"))])),
        F.SCHEMA,
    ),
    "less than nothing": (
        lambda asked: UNCHECKED(**_route(asked, stops=[_unasked(quantity=-2)])),
        F.SCHEMA,
    ),
    "nodes that are text": (
        lambda asked: UNCHECKED(**_route(asked, stops=[_unasked(via=["2"])])),
        F.SCHEMA,
    ),
    "no fields": (lambda _: UNCHECKED(), F.SCHEMA),
    "what cannot be written": (
        lambda asked: UNCHECKED(**_route(asked, stops=object())),
        F.INTERNAL_ERROR,
    ),
}


@pytest.mark.parametrize(("convert", "mode"), NONSENSE.values(), ids=NONSENSE)
def test_a_conversion_that_returns_nonsense_is_refused(
    convert: Callable[[PickRequest], object], mode: FailureMode
) -> None:
    refusal = judged(plan(), with_conversion(lambda _, asked: convert(asked))).refusal
    assert refusal is not None
    assert refusal.mode is mode, refusal


def test_a_rule_changes_nothing_of_what_is_driven() -> None:
    def meddle(case: TaskCase[cold_chain.Plan]) -> None:
        case.answer.picks.clear()
        for values in (case.route.picks, case.route.waypoints, case.route.pick_waypoints):
            assert isinstance(values, tuple)

    route = judged(plan(), with_rule(meddle)).route
    assert route is not None
    assert [stop.bin for stop in route.stops] == ["A-1", "A-2", "C-1"]


# In the guard


class ColdTimeline(Timeline):
    """A timeline of a guard with the task."""

    answers = cold.TASK

    def __init__(self, **parameters: object) -> None:
        """Begin with the robot where the request begins."""
        super().__init__(standing_on=1, **parameters)


def cold_timeline(*, on_due: bool = False, **parameters: object) -> Timeline:
    """Return a timeline of a guard with the task, and a request."""
    return ColdTimeline(**parameters).request(cold.request(on_due=on_due))


def test_an_answer_in_time_is_driven_and_a_refused_one_ends_in_the_safe_move() -> None:
    cold_timeline().answer(plan()).expect_route()
    t = cold_timeline().answer(plan(pick(FROZEN), pick(HEAVY), pick(GLASS)))
    refusal = t.expect_refusal(F.TASK_RULE)
    assert (refusal.rule, refusal.measured, refusal.limit) == ("frozen_last", 2, 0)
    decision = t.at_ms(WINDOW_MS).expect_safe_move(F.TASK_RULE)
    assert decision.rule == "frozen_last"


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_nothing_raises_out_of_the_guard(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = checked(
        replace(
            GOOD,
            as_route=cast("Callable[[cold_chain.Plan, PickRequest], Route | str]", _raise(error)),
            standby=cast("Callable[[Route, PickRequest], cold_chain.Plan]", _raise(error)),
        )
    )
    monkeypatch.setattr(ColdTimeline, "answers", task)
    t = cold_timeline().answer(plan())
    t.expect_refusal(F.INTERNAL_ERROR)
    t.at_ms(WINDOW_MS).expect_safe_move(F.INTERNAL_ERROR)
    t.at_ms(10_000).expect_nothing()  # Without an answer there is no standby route either.


def test_a_staged_answer_is_judged_again_where_the_map_has_changed() -> None:
    t = cold_timeline(on_due=True).answer(plan())
    t.close(Closures(closed_edges=frozenset({102, 109}))).due()  # Between 3 and 4.
    t.expect_refusal(F.UNREACHABLE)
    t.at_ms(WINDOW_MS).expect_safe_move(F.UNREACHABLE)

    t = cold_timeline(on_due=True).answer(plan())
    t.close(Closures(closed_edges=frozenset({103, 110}))).due()  # A spur that it does not drive.
    t.expect_route()


def test_a_staged_answer_meets_the_further_rules_again() -> None:
    t = cold_timeline(on_due=True, detour_factor=10.0).answer(plan())
    t.configure(pick_time_s=550.0, detour_factor=10.0).due()
    refusal = t.expect_refusal(F.DURATION_TOO_LONG)
    assert refusal.rule == "out_of_cold"


def test_the_standby_route_is_said_as_an_answer_and_meets_the_rules() -> None:
    t = cold_timeline().at_ms(WINDOW_MS)
    t.expect_safe_move(F.PLANNER_SILENT)
    t.at_ms(WINDOW_MS + 1_100)
    sent = t.pending[0]
    assert isinstance(sent, SendMotion)
    assert [stop.sku for stop in sent.motion.stops] == [HEAVY.sku, GLASS.sku, FROZEN.sku]
    t.expect_standby(F.PLANNER_SILENT)
    # Out of the cold for too long whatever the order: no standby route, and the robot stays.
    t = cold_timeline(pick_time_s=580.0).at_ms(WINDOW_MS)
    t.expect_safe_move(F.PLANNER_SILENT)
    t.at_ms(10_000).expect_nothing()


def test_without_a_way_to_say_it_the_standby_route_is_driven_as_it_is() -> None:
    task = with_rule(lambda _: Refusal(F.TASK_RULE, "never"))
    judge = Judge(config=guard_config({}), paths=PATHS, task=task)
    own = judge.prepare(cold.request(), 1).standby
    plain = Judge(config=guard_config({}), paths=PATHS).prepare(cold.request(), 1).standby
    assert own == plain
    assert own is not None


@pytest.mark.parametrize("said", [None, 7, Route], ids=str)
def test_a_standby_that_is_no_answer_is_none(said: object) -> None:
    say = cast("Callable[[Route, PickRequest], cold_chain.Plan]", lambda *_: said)
    judge = Judge(config=guard_config({}), paths=PATHS, task=checked(replace(GOOD, standby=say)))
    prepared = judge.prepare(cold.request(), 1)
    assert prepared.standby is None
    # The length of an answer is then measured against the shortest way over its own stops.
    assert judge.verdict(prepared, plan(), source="x").refusal is None


# What holds for any answer and any rule

ITEMS: Final = (HEAVY, GLASS, FROZEN, replace(HEAVY, quantity=3), replace(GLASS, bin="B-1"))
OUTCOMES: Final = st.sampled_from(
    [None, True, Bug(), SystemExit(), Refusal(F.TASK_RULE, "no"), Refusal(F.LATCHED, "no")]
)


@settings(max_examples=150, deadline=None, print_blob=True)
@given(
    picks=st.lists(
        st.tuples(st.sampled_from(ITEMS), st.lists(st.integers(1, 9), max_size=3)), max_size=4
    )
    | st.permutations(ITEMS[:3]).map(lambda items: [(item, []) for item in items]),
    request_id=st.sampled_from(["R-1", "R-1", "R-2"]),
    outcomes=st.lists(OUTCOMES, max_size=3),
)
def test_what_is_accepted_has_passed_every_rule_of_the_package(
    picks: list[tuple[PickItem, list[int]]], request_id: str, outcomes: list[object]
) -> None:
    def rule(number: int, outcome: object) -> Rule[TaskCase[cold_chain.Plan]]:
        def check(_: TaskCase[cold_chain.Plan]) -> Refusal | None:
            if isinstance(outcome, BaseException):
                raise outcome
            return cast("Refusal | None", outcome)

        return Rule(f"rule_{number}", Stage.TASK, (F.TASK_RULE,), "whatever", "0", check)

    rules = tuple(rule(number, outcome) for number, outcome in enumerate(outcomes))
    task = checked(replace(GOOD, rules=rules, standby=None))
    payload = plan(*[pick(item, way or None) for item, way in picks], request_id=request_id)
    if not picks:
        payload = plan(request_id=request_id)
    verdict = judged(payload, task)
    stops = [
        world.stop(item, way or None)
        for item, way in picks or [(item, list[int]()) for item in (HEAVY, GLASS, FROZEN)]
    ]
    same = world.answer(cold.request(), stops, request_id=request_id)
    judge = Judge(config=guard_config({}), paths=PATHS)
    plain = judge.verdict(judge.prepare(cold.request(), 1), same, source="llm:test")
    if plain.refusal is not None:
        assert verdict.refusal == plain.refusal, "refused by the package, under its name"
    elif any(outcome is not None for outcome in outcomes):
        assert verdict.refusal is not None, "and a rule can only refuse"
    else:
        assert verdict.route == plain.route
        assert verdict.route is not None
        nodes = [point.node for point in verdict.route.waypoints]
        assert not any(hop in PATHS.openness.blocked for hop in pairwise(nodes))
        asked = Counter((item.bin, item.sku, item.quantity) for item in cold.request().items)
        assert Counter(verdict.route.picks) == asked


def _same(route: Route, _request: PickRequest) -> Route:
    return route


@pytest.mark.parametrize(("payload", "mode"), PAYLOADS.values(), ids=PAYLOADS)
def test_the_package_own_schema_is_judged_alike_as_a_task_of_ones_own(
    payload: bytes, mode: FailureMode | None
) -> None:
    """The quick decoder of routes and the exact one of all other models."""
    task = checked(RouteTask(name="routes", answer=Route, as_route=_same))
    verdicts = []
    for judge in (
        Judge(config=guard_config({}), paths=PATHS),
        Judge(config=guard_config({}), paths=PATHS, task=task),
    ):
        prepared = judge.prepare(world.pick_request(), 1)
        verdicts.append(judge.verdict(prepared, payload, source="llm:test"))
    plain, own = verdicts
    assert own.refusal == plain.refusal
    assert own.route == plain.route
    assert (own.refusal.mode if own.refusal else None) is mode


class _Free(BaseModel):
    """An answer with free text."""

    model_config = ConfigDict(strict=True, extra="forbid")
    note: Identifier


def test_a_key_said_twice_within_any_model_is_found() -> None:
    task = checked(RouteTask(name="free", answer=_Free, as_route=lambda *_: "never"))
    twice = b'{"note": "a", "note": "a"}'
    assert _Free.model_validate_json(twice).note == "a", "pydantic keeps the last without a word"
    refusal = judged(twice, task).refusal
    assert refusal is not None
    assert refusal.mode is F.DUPLICATE_KEY
    assert judged(json.dumps({"note": "a"}).encode(), task).refusal is not None
