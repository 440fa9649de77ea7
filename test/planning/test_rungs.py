# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The rungs' parameters: what they come to, and what is said of those that cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import yaml  # type: ignore[import-untyped]  # its stubs would be one more package, for this file

from fallback_guard.core.limits import CANDIDATES_PER_REQUEST_MAX
from fallback_guard.core.parameters import Parameter, ParameterError
from fallback_guard.core.units import NS_PER_MS
from fallback_guard.planning.breaker import NEVER
from fallback_guard.planning.config import PLANNER_PARAMETERS, planner_config
from fallback_guard.planning.rungs import (
    OF_THE_PLANNER,
    RUNG_PARAMETERS,
    RUNGS_MAX,
    RungConfig,
    check_given,
    ladder_config,
    only_rung,
    rung_names,
    rung_table,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLE: Final = Path(__file__).parents[2] / "config" / "planner_ladder.yaml"
PAGE: Final = Path(__file__).parents[2] / "docs" / "planner.md"
PLANNER: Final = planner_config({"planning_timeout_ms": 1_000, "model": "flat", "attempts_max": 2})


def ladder(*names: str, **given: object) -> tuple[RungConfig, ...]:
    """Return the rungs; `__` in a name stands for the dot."""
    return ladder_config(PLANNER, names, {key.replace("__", "."): given[key] for key in given})


def problem(*names: str, **given: object) -> str:
    with pytest.raises(ParameterError) as caught:
        ladder(*names, **given)
    return str(caught.value)


def test_without_rungs_the_planner_is_the_only_one_as_ever() -> None:
    (rung,) = ladder()
    assert rung == only_rung(PLANNER)
    assert (rung.endpoint, rung.budget_ms) == (PLANNER, 1_000)
    assert (rung.breaker, rung.hedge) == (False, False)
    assert (rung.breaker_config.failures_min, rung.breaker_config.latency_ns_max) == (NEVER, NEVER)


def test_a_rung_has_the_planner_s_values_until_it_says_otherwise() -> None:
    first, second = ladder(
        "a",
        "b",
        b__model="other",
        b__base_url="https://b.example/v1",
        b__api_key_env="OTHER_KEY",
        b__temperature=0.5,
    )
    assert first.endpoint == PLANNER
    assert second.endpoint.model == "other"
    assert second.endpoint.base_url == "https://b.example/v1"
    assert second.endpoint.temperature == 0.5
    assert second.endpoint.seed == PLANNER.seed
    assert [rung.endpoint.source for rung in (first, second)] == ["llm:flat", "llm:other"]


def test_a_rung_has_a_row_for_everything_but_what_is_said_once() -> None:
    rows = [row.name for row in rung_table("a", PLANNER)]
    flat = [row.name for row in PLANNER_PARAMETERS if row.name not in OF_THE_PLANNER]
    assert rows == [f"a.{name}" for name in [*flat, *(row.name for row in RUNG_PARAMETERS)]]
    assert all(row.read_only for row in rung_table("a", PLANNER))


def test_the_defaults_of_the_table_are_those_of_the_configuration() -> None:
    (rung,) = ladder("a")
    zeros = {"budget_ms": 1_000, "latency_p95_ms_max": 900}
    for row in RUNG_PARAMETERS:
        assert getattr(rung, row.name) == zeros.get(row.name, row.default)


@pytest.mark.parametrize(
    ("given_ms", "budgets_ms"),
    [
        ((0,), (1_000,)),
        ((0, 0), (500, 500)),
        ((0, 0, 0), (333, 333, 333)),
        ((700, 0), (700, 300)),
        ((950, 0), (950, 50)),
        ((0, 400, 0), (300, 400, 300)),
        ((500, 500), (500, 500)),
        ((50, 60), (50, 60)),
    ],
)
def test_budgets_are_parts_of_one(given_ms: tuple[int, ...], budgets_ms: tuple[int, ...]) -> None:
    names = "abcd"[: len(given_ms)]
    given = {f"{name}__budget_ms": ms for name, ms in zip(names, given_ms, strict=True)}
    rungs = ladder(*names, **given)
    assert tuple(rung.budget_ms for rung in rungs) == budgets_ms
    assert rungs[0].budget_ns == budgets_ms[0] * NS_PER_MS
    assert sum(budgets_ms) <= 1_000


@pytest.mark.parametrize("given_ms", [(501, 500), (951, 0), (1_000, 0), (1_001,)])
def test_budgets_that_do_not_fit_are_refused(given_ms: tuple[int, ...]) -> None:
    names = "ab"[: len(given_ms)]
    given = {f"{name}__budget_ms": ms for name, ms in zip(names, given_ms, strict=True)}
    said = problem(*names, **given)
    assert f"'a.budget_ms' ({given_ms[0]})" in said
    assert "do not fit into 'planning_timeout_ms' (1000)" in said
    assert "lower a budget, or raise" in said


def test_the_whole_has_to_be_long_enough_for_all() -> None:
    short = planner_config({"planning_timeout_ms": 50})
    with pytest.raises(ParameterError, match=r"50 ms for 'a' and 50 ms for 'b' do not fit"):
        ladder_config(short, ["a", "b"], {})


@pytest.mark.parametrize(
    ("said", "given"),
    [
        (("'a.budget_ms' is 49", "at least 50 ms"), {"a__budget_ms": 49}),
        (("'a.budget_ms' is -1", "0 to 120000 ms"), {"a__budget_ms": -1}),
        (("'a.hedge' is 1", "type bool"), {"a__hedge": 1}),
        (("'a.breaker_failure_share' is 0.0", "0.01 to 1"), {"a__breaker_failure_share": 0.0}),
        (("'a.method'", "request_schema"), {"a__method": "guess"}),
        (
            ("'a.rest_ms_max' is 4999", "'a.rest_ms_min' (5000)"),
            {"a__rest_ms_max": 4_999},
        ),
        (
            ("'a.latency_p95_ms_max' is 401", "raise 'a.budget_ms'"),
            {"a__budget_ms": 400, "a__latency_p95_ms_max": 401},
        ),
        (("rung 'a'", "'base_url'", "http://"), {"a__base_url": "ftp://example.com"}),
        (("rung 'a'", "'model'"), {"a__model": ""}),
        (("rung 'a'", "'api_key_env'"), {"a__api_key_env": "sk-not-a-name"}),
        (
            ("'attempts_max' are 18 together", f"up to {CANDIDATES_PER_REQUEST_MAX}"),
            {"a__attempts_max": 16},
        ),
        (("'a.modle' does not exist", "a rung has api_key_env"), {"a__modle": "x"}),
        (("'a.task' does not exist",), {"a__task": "x:Y"}),
        (("'c.model' belongs to no rung", "'rungs' names a, b"), {"c__model": "x"}),
    ],
)
def test_what_cannot_be_used_is_named_with_the_remedy(
    said: tuple[str, ...], given: Mapping[str, object]
) -> None:
    message = problem("a", "b", **given)
    for text in said:
        assert text in message
    assert "sk-not-a-name" not in message


@pytest.mark.parametrize(
    ("step", "fits"), [(0, True), (1, False)], ids=["at the limit", "one above"]
)
def test_attempts_are_bounded_by_what_the_guard_looks_at(step: int, *, fits: bool) -> None:
    given = {"a__attempts_max": CANDIDATES_PER_REQUEST_MAX - 2 + step, "b__attempts_max": 2}
    if fits:
        assert len(ladder("a", "b", **given)) == 2
    else:
        assert "together" in problem("a", "b", **given)


@pytest.mark.parametrize(
    "name", ["1st", "a b", "a.b", "a/b", "\N{LATIN SMALL LETTER A WITH ACUTE}", "a" * 33]
)
def test_a_name_begins_names_of_parameters(name: str) -> None:
    with pytest.raises(ParameterError, match="'rungs' names"):
        rung_names([name])


def test_names_that_can_be_used() -> None:
    assert rung_names(["a" * 32, "_b", "C3"]) == ("a" * 32, "_b", "C3")
    assert rung_names([""]) == ()
    assert rung_names([]) == ()


def test_a_rung_is_named_once_and_there_are_few() -> None:
    with pytest.raises(ParameterError, match=r"'rungs' names 'a' twice; .* 'a.attempts_max'"):
        rung_names(["a", "b", "a"])
    many = [f"r{number}" for number in range(RUNGS_MAX + 1)]
    assert rung_names(many[1:]) == tuple(many[1:])
    with pytest.raises(ParameterError, match="names 5 rungs; allowed: up to 4"):
        rung_names(many)


def test_a_key_goes_to_one_host() -> None:
    """A rung that says nothing of its key would be sent that of another provider."""
    elsewhere: dict[str, object] = {"b__base_url": "https://b.example/v1"}
    said = problem("a", "b", **elsewhere)
    assert "'a.api_key_env' and 'b.api_key_env' are the same" in said
    assert "Give 'b.api_key_env' a name of its own" in said
    assert len(ladder("a", "b", **elsewhere, b__api_key_env="B_KEY")) == 2
    assert len(ladder("a", "b", b__base_url="http://127.0.0.1:9999/v1")) == 2


def test_parameters_of_others_are_none_of_a_rung_s() -> None:
    """ROS gives nodes some with a dot, and a file for all nodes may hold more."""
    check_given(["a"], {"qos_overrides./tf.subscription.depth", "model", "other.gain"}, PLANNER)
    with pytest.raises(ParameterError, match=r"'rungs' names none: add 'primary' to it"):
        check_given([], {"primary.base_url"}, PLANNER)


# The example, and the page.


def example() -> tuple[dict[str, object], dict[str, dict[str, object]], list[str]]:
    """Return the planner's own parameters, each rung's by its name, and the lines."""
    text = EXAMPLE.read_text(encoding="utf-8")
    (node,) = yaml.safe_load(text).values()
    values = node["ros__parameters"]
    rungs = {name: values.pop(name) for name in values.pop("rungs")}
    return values, rungs, text.splitlines()


def test_the_example_can_be_used() -> None:
    values, given, _ = example()
    dotted = {f"{name}.{key}": value for name in given for key, value in given[name].items()}
    rungs = ladder_config(planner_config(values), list(given), dotted)
    assert [rung.name for rung in rungs] == list(given)
    assert len({rung.endpoint.base_url for rung in rungs}) == len(rungs) == 2


def test_the_example_names_every_parameter_of_a_rung_with_unit_and_range() -> None:
    _, given, lines = example()
    first = next(iter(given.values()))
    rows = {row.name.partition(".")[2]: row for row in rung_table("x", PLANNER)}
    assert first.keys() == rows.keys()
    for name, row in rows.items():
        line = next(line for line in lines if line.startswith(f"      {name}:"))
        comment = line.partition(" #")[2]
        if row.minimum is not None:
            assert f"{row.minimum:.15g} to {row.maximum:.15g}" in comment, line
        assert row.unit in comment, line
        for choice in row.choices:
            assert choice in comment, line
        assert type(first[name]) is type(row.default), name


def test_the_example_has_the_defaults_where_nothing_speaks_against_them() -> None:
    _, given, _ = example()
    first = next(iter(given.values()))
    own = {"budget_ms", "hedge", "price_prompt", "price_completion"}
    for row in RUNG_PARAMETERS:
        if row.name not in own:
            assert first[row.name] == row.default, row.name


@pytest.mark.parametrize("row", RUNG_PARAMETERS, ids=lambda row: row.name)
def test_the_page_says_of_every_parameter_what_the_table_says(row: Parameter) -> None:
    default = str(row.default).lower() if isinstance(row.default, bool) else f"{row.default:g}"
    allowed = "true or false" if isinstance(row.default, bool) else row.allowed
    line = f"| `{row.name}` | {default} | {allowed} | {row.meaning} |"
    assert line in PAGE.read_text(encoding="utf-8").splitlines()
