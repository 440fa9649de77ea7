# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Every way to get a route out of a model: what it asks for, and what it makes of what comes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import world
from fallback_guard.core.config import guard_config
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.judge import Judge
from fallback_guard.core.limits import STOPS_MAX
from fallback_guard.core.parameters import ParameterError
from fallback_guard.core.paths import Paths
from fallback_guard.core.request import PickItem
from fallback_guard.core.rules import Refusal
from fallback_guard.core.schema import Route
from fallback_guard.maps.geojson import load_warehouse
from fallback_guard.planning.config import planner_config
from fallback_guard.planning.llm import Answer, Usage, never_hopeless
from fallback_guard.planning.methods import EXAMPLES_MAX, METHODS, Brief, aisles_of
from fallback_guard.planning.prompt import route_json_schema, route_text
from instructions import REQUEST
from scripted import Script, planned, saying

if TYPE_CHECKING:
    from fallback_guard.core.request import PickRequest

PATHS: Final = Paths(load_warehouse(world.SAMPLE))
JUDGE: Final = Judge(config=guard_config({"detour_factor": 10.0}), paths=PATHS)
SAID: Final = replace(REQUEST, instructions="GLASS-7 is blue, aisle C has seen better days.")
BRIEF: Final = Brief(request=SAID, paths=PATHS)
GOOD: Final = route_text(SAID).encode()
WHOLE: Final = ("free_text", "json_mode", "fixed_schema", "request_schema", "examples")
"""Methods that publish what the model said, as it is."""

COMPUTED: Final = ("wishes", "labels")
"""Methods that compute the route, whatever the model says."""

BY_NUMBER: Final = sorted(SAID.items)
NOT_JSON: Final = (
    b"", b" ", b"no", b"{", b"\xff", b"\0", b"[1]", b"null", b"1" * 5_000, b"[" * 60_000, b"{}",
    b'{"order": null}', b'{"order": {"1": 2}}', b'{"order": [1.0, 2, 3, 4]}', b'{"order": [true, 2, 3, 4]}',
    b'{"order": [0, 1, 2, 3]}', b'{"order": [5]}', b'{"order": ["1"]}', b'{"order": [1e999]}',
)  # fmt: skip
"""What is no order of four items."""


def mode_of(answer: Answer, request: PickRequest = SAID) -> FailureMode | None:
    """Return why the guard refuses what was published; None where it accepts it."""
    verdict = JUDGE.verdict(
        JUDGE.prepare(request, request.start_node), answer.payload, source="llm"
    )
    return verdict.refusal.mode if verdict.refusal else None


def plan(method: str, script: Script, brief: Brief = BRIEF) -> Answer:
    return planned(METHODS[method].start(), brief, script)


def skus(answer: Answer) -> list[str]:
    return [stop["sku"] for stop in json.loads(answer.payload)["stops"]]


def refused_for(mode: FailureMode) -> Refusal:
    return Refusal(mode, "said the guard", 1, 0, "rule")


def test_every_method_is_tried_here() -> None:
    assert set(METHODS) == {*WHOLE, "order", *COMPUTED}
    assert {name for name, row in METHODS.items() if row.needs_map} == set(COMPUTED)
    assert all(row.about for row in METHODS.values())


# All of them.


@pytest.mark.parametrize("method", METHODS)
def test_a_failure_is_handed_on(method: str) -> None:
    failure = Answer(
        failure=FailureMode.PLANNER_TIMEOUT, detail="late", usage=Usage(prompt_tokens=1)
    )
    script = Script(says=lambda _question, _number: failure)
    assert plan(method, script) == failure
    assert len(script.asked) == 1


@pytest.mark.parametrize("method", METHODS)
@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda some: (
            st.lists(some, max_size=5)
            | st.dictionaries(st.sampled_from(["order", "first", "last", "avoid_aisles"]), some)
        ),
        max_leaves=8,
    ).map(lambda document: json.dumps(document).encode())
)
def test_nothing_raises_whatever_the_model_says(method: str, payload: bytes) -> None:
    answer = plan(method, saying(payload))
    assert answer.failure is None
    if method in COMPUTED:
        assert mode_of(answer) is None


@pytest.mark.parametrize("method", METHODS)
def test_nothing_raises_for_a_request_that_no_route_can_serve(method: str) -> None:
    """Of an unknown bin there is no tour; the guard gets a route, and refuses the request."""
    items = (*SAID.items, PickItem(bin="\ud800\0", sku="", quantity=-1))
    for request in (
        replace(SAID, items=items),
        replace(SAID, items=items * 40, request_id="", instructions="\0" * 10_000),
        replace(SAID, items=(), start_node=-1),
    ):
        for payload in (b'{"order": [1, 5]}', b'{"first": ["", "GLASS-7"]}', b""):
            answer = plan(method, saying(payload), replace(BRIEF, request=request))
            assert answer.failure is None


# Whole routes.


@pytest.mark.parametrize("method", WHOLE)
@pytest.mark.parametrize("payload", [GOOD, *NOT_JSON], ids=lambda payload: payload[:24])
def test_a_whole_answer_is_published_untouched(method: str, payload: bytes) -> None:
    script = saying(payload)
    assert plan(method, script).payload == payload
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("method", "form", "schema"),
    [
        ("free_text", "none", None),
        ("json_mode", "json_object", None),
        ("fixed_schema", "json_schema", Route.model_json_schema()),
        ("request_schema", "json_schema", route_json_schema(SAID)),
        ("examples", "json_schema", route_json_schema(SAID)),
    ],
)
def test_a_whole_route_is_asked_for_in_a_form(
    method: str, form: str, schema: dict[str, object] | None
) -> None:
    script = saying(GOOD)
    plan(method, script, replace(BRIEF, refusal=refused_for(FailureMode.UNKNOWN_BIN)))
    [question] = script.asked
    assert question.form == form
    assert schema is None or question.schema == schema
    assert question.labels == ()
    assert question.hopeless is not never_hopeless
    assert question.answer_bytes == len(GOOD)
    assert [message.role for message in question.messages] == ["system", "user"]
    assert "UNKNOWN_BIN" in question.messages[-1].content


@pytest.mark.parametrize("count", range(EXAMPLES_MAX + 3))
def test_the_latest_examples_are_shown(count: int) -> None:
    """Between what a route is and what to plan, as if they had been asked and answered before."""
    requests = [replace(SAID, request_id=f"R-{number}") for number in range(count)]
    examples = [(request, route_text(request).encode() + b"\xff") for request in requests]
    script = saying(GOOD)
    plan("examples", script, replace(BRIEF, examples=examples))
    system, *shown, asked = script.asked[0].messages
    assert (system.role, asked.role) == ("system", "user")
    assert '"request_id":"R-1"' in asked.content
    latest = requests[-EXAMPLES_MAX:] if count else []
    assert [message.role for message in shown] == ["user", "assistant"] * min(count, EXAMPLES_MAX)
    assert [message.content for message in shown[1::2]] == [
        route_text(request) + "\N{REPLACEMENT CHARACTER}" for request in latest
    ]
    for request, message in zip(latest, shown[::2], strict=True):
        assert f'"request_id":"{request.request_id}"' in message.content


@pytest.mark.parametrize("method", [name for name in METHODS if name != "examples"])
def test_examples_are_shown_by_their_method_alone(method: str) -> None:
    script = saying(b"{}")
    example = (replace(SAID, request_id="R-example"), b"R-example")
    plan(method, script, replace(BRIEF, examples=[example]))
    assert "R-example" not in str(script.asked)


# The order alone.


@pytest.mark.parametrize("order", [[1, 2, 3, 4], [4, 2, 3, 1]])
def test_code_writes_the_route_of_an_order(order: list[int]) -> None:
    answer = plan("order", saying(json.dumps({"order": order, "why": "short"}).encode()))
    assert skus(answer) == [BY_NUMBER[number - 1].sku for number in order]
    assert mode_of(answer) is None
    assert answer.usage == Usage(prompt_tokens=10, completion_tokens=1)


@pytest.mark.parametrize(
    ("order", "mode"),
    [
        ([1, 2, 2, 4], FailureMode.ITEM_REPEATED),
        ([1, 2, 3, 4, 4], FailureMode.ITEM_REPEATED),
        ([1, 2, 3], FailureMode.ITEM_MISSING),
    ],
)
def test_an_order_that_is_none_is_a_route_for_the_guard_to_refuse(
    order: list[int], mode: FailureMode
) -> None:
    """So that the model reads what was wrong in terms of its items."""
    answer = plan("order", saying(json.dumps({"order": order}).encode()))
    assert len(skus(answer)) == len(order)
    assert mode_of(answer) is mode


@pytest.mark.parametrize(
    "payload",
    [*NOT_JSON, json.dumps({"order": [1] * (STOPS_MAX + 1)}).encode()],
    ids=lambda payload: payload[:24],
)
def test_what_is_no_order_is_published_as_it_is(payload: bytes) -> None:
    answer = plan("order", saying(payload))
    assert answer.payload == payload
    assert mode_of(answer) is not None


def test_an_order_is_asked_for_by_numbers() -> None:
    script = saying(b"{}")
    plan("order", script, replace(BRIEF, refusal=refused_for(FailureMode.ITEM_REPEATED)))
    [question] = script.asked
    assert question.form == "json_schema"
    assert question.schema["properties"] == {
        "order": {
            "type": "array",
            "minItems": 4,
            "maxItems": 4,
            "items": {"type": "integer", "enum": [1, 2, 3, 4]},
        }
    }
    lines = question.messages[-1].content.splitlines()
    document = json.loads(lines[1])
    assert document["instructions"] == SAID.instructions
    assert document["items"] == [
        {"number": number, "bin": item.bin, "sku": item.sku}
        for number, item in enumerate(BY_NUMBER, 1)
    ]
    assert "ITEM_REPEATED" in lines[2]


def test_numbers_mean_what_was_shown_of_too_long_a_list() -> None:
    """The guard refuses such a request; what is shown and what is meant are the same all the same."""
    items = tuple(
        replace(SAID.items[0], bin=f"A-{number:03d}") for number in range(STOPS_MAX, -1, -1)
    )
    script = saying(b'{"order": [1]}')
    answer = plan("order", script, replace(BRIEF, request=replace(SAID, items=items)))
    shown = json.loads(script.asked[0].messages[-1].content.splitlines()[1])["items"]
    assert json.loads(answer.payload)["stops"][0]["bin"] == shown[0]["bin"]


# What the instructions wish.


@pytest.mark.parametrize("said", ["", " \n\t"])
@pytest.mark.parametrize("method", COMPUTED)
def test_without_instructions_nothing_is_asked(method: str, said: str) -> None:
    script = saying(b"{}")
    request = replace(SAID, instructions=said)
    answer = plan(method, script, replace(BRIEF, request=request))
    assert script.asked == []
    assert mode_of(answer, request) is None


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        ({"first": ["TOWEL-4"]}, ["TOWEL-4"], []),
        ({"first": ["B-01"], "last": ["GLASS-7"]}, ["ANVIL-2"], ["GLASS-7"]),
        ({"first": ["GLASS-7"], "last": ["GLASS-7", "TOWEL-4"]}, ["GLASS-7"], ["TOWEL-4"]),
        ({"first": "GLASS-7", "last": [["GLASS-7"], 7, None]}, [], []),
        ({"first": ["NO-SUCH"], "later": ["GLASS-7"]}, [], []),
    ],
)
def test_a_computed_route_does_what_was_wished(
    said: dict[str, object], first: list[str], last: list[str]
) -> None:
    """What names nothing of the request is passed over."""
    answer = plan("wishes", saying(json.dumps(said).encode()))
    order = skus(answer)
    assert order[: len(first)] == first
    assert order[len(order) - len(last) :] == last
    assert mode_of(answer) is None
    plain = skus(plan("wishes", saying(b"{}")))
    assert (order == plain) == (not first and not last)


@pytest.mark.parametrize(
    ("name", "is_avoided"), [("C", True), (" c", True), ("Z", False), ("", False)]
)
def test_an_aisle_is_kept_out_of(name: str, is_avoided: bool) -> None:  # noqa: FBT001  # a column of a table
    answer = plan("wishes", saying(json.dumps({"avoid_aisles": [name]}).encode()))
    plain = plan("wishes", saying(b"{}"))
    assert (answer.payload != plain.payload) == is_avoided
    assert mode_of(answer) is None


@pytest.mark.parametrize("payload", NOT_JSON, ids=lambda payload: payload[:24])
def test_an_answer_without_wishes_is_the_shortest_route(payload: bytes) -> None:
    answer = plan("wishes", saying(payload))
    assert answer.payload == plan("wishes", saying(b"{}")).payload
    verdict = JUDGE.verdict(JUDGE.prepare(SAID, SAID.start_node), answer.payload, source="llm")
    standby = JUDGE.prepare(SAID, SAID.start_node).standby
    assert verdict.route is not None
    assert standby is not None
    assert verdict.route.length_m == pytest.approx(standby.length_m)


def test_wishes_are_asked_for_by_the_names_of_the_request_and_the_map() -> None:
    script = saying(b"{}")
    plan("wishes", script)
    [question] = script.asked
    listed = {"type": "string", "enum": [item.sku for item in BY_NUMBER]}
    aisles = {"type": "string", "enum": ["A", "B", "C", "D"]}
    assert question.form == "json_schema"
    assert question.schema["properties"] == {
        "first": {"type": "array", "maxItems": 4, "items": listed},
        "last": {"type": "array", "maxItems": 4, "items": listed},
        "avoid_aisles": {"type": "array", "maxItems": 4, "items": aisles},
    }
    assert json.loads(question.messages[-1].content)["instructions"] == SAID.instructions
    assert aisles_of(None) == ()


@pytest.mark.parametrize("method", COMPUTED)
@pytest.mark.parametrize(
    ("refusal", "is_kept"),
    [
        (None, True),
        (refused_for(FailureMode.ITEM_MISSING), True),
        (refused_for(FailureMode.DETOUR_TOO_LONG), False),
    ],
)
def test_what_is_refused_as_too_long_is_planned_without_wishes(
    method: str, refusal: Refusal | None, is_kept: bool  # noqa: FBT001  # a column of a table
) -> None:  # fmt: skip
    request = replace(SAID, instructions="EGGS-9 last. Avoid aisle C.")
    payload = b'{"last": ["EGGS-9"], "avoid_aisles": ["C"]}'
    brief = replace(BRIEF, request=request)
    wished = plan(method, saying(payload), brief)
    plain = plan(method, saying(b"{}"), replace(brief, request=replace(request, instructions="")))
    assert wished.payload != plain.payload
    again = plan(method, saying(payload), replace(brief, refusal=refusal))
    assert again.payload == (wished.payload if is_kept else plain.payload)


def test_labels_learn_once_for_a_plan_and_not_for_all() -> None:
    """What is learned is of one model, with which the plan was started."""
    likely = Answer(likelihoods={"any": -1.0, "first": -2.0, "last": -2.0, "avoid": -2.0})
    script = Script(says=lambda _question, _number: likely)
    first = METHODS["labels"].start()
    counts = []
    for one in (first, first, METHODS["labels"].start()):
        before = len(script.asked)
        assert mode_of(planned(one, BRIEF, script)) is None
        counts.append(len(script.asked) - before)
    assert counts == [10, 2, 10]


# Parameters.


@pytest.mark.parametrize("method", METHODS)
def test_a_method_that_computes_needs_the_map(method: str) -> None:
    if METHODS[method].needs_map:
        with pytest.raises(
            ParameterError, match=r"parameter 'map_file' is empty.*name the guard's map"
        ):
            planner_config({"method": method})
    else:
        assert planner_config({"method": method}).map_file == ""
    assert planner_config({"method": method, "map_file": "m"}).method == method


@pytest.mark.parametrize("method", METHODS)
def test_a_task_of_ones_own_has_no_method_that_writes_routes(method: str) -> None:
    """The guard of such a task would refuse each of its answers."""
    given_ = {"method": method, "map_file": "m", "task": "cold_chain:TASK"}
    if METHODS[method].writes_routes:
        with pytest.raises(
            ParameterError, match=r"not those of the task 'cold_chain:TASK'.*choose free_text"
        ):
            planner_config(given_)
    else:
        assert planner_config(given_).method == method
    assert METHODS[method].writes_routes is (method in ("order", "wishes", "labels"))


@pytest.mark.parametrize(
    "given_", [{"method": "guess"}, {"method": ""}, {"method": 1}, {"map_file": 1}]
)
def test_an_unknown_method_is_refused(given_: dict[str, object]) -> None:
    with pytest.raises(ParameterError, match=next(iter(given_))):
        planner_config(given_)
