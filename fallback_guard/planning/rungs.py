# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The rungs of the planner's ladder as parameters: which models are asked, in which order, and each one's budget.

`rungs` names them; everything else about one stands under its name, as Nav2 does it for its plug-ins:

    rungs: [primary, second]
    primary:
      base_url: https://llm.example.com/v1
      budget_ms: 3000
    second:
      base_url: http://127.0.0.1:8080/v1

A rung has every parameter that the planner itself has for its endpoint, with the planner's value as its default, and
those of `RUNG_PARAMETERS` besides.  Where `rungs` names none, the planner's own values are the only rung, which has
no breaker.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final
from urllib.parse import urlsplit

from fallback_guard.core.identifiers import printable
from fallback_guard.core.limits import CANDIDATES_PER_REQUEST_MAX
from fallback_guard.core.parameters import Parameter, ParameterError, Value, checked_values
from fallback_guard.core.units import NS_PER_MS
from fallback_guard.planning.breaker import NEVER, BreakerConfig
from fallback_guard.planning.config import PLANNER_PARAMETERS, PlannerConfig, planner_config
from fallback_guard.planning.prices import Price

RUNGS_MAX: Final = 4
"""A request's budget is shared by all; with more of them none has time to answer."""

BUDGET_MS_MIN: Final = 50
"""As for the whole: in less than this no model answers, and a network does so barely."""

OF_THE_PLANNER: Final = frozenset({"task", "map_file", "planning_timeout_ms"})
"""What is said once, for all rungs."""

RUNGS: Final = Parameter(
    name="rungs",
    default="",
    read_only=True,
    meaning=f"Names of the models to ask, in this order, up to {RUNGS_MAX} (an array of strings). Empty: only one.",
)
"""For people; ROS declares it as an array, which the tables have no type for."""

RUNG_PARAMETERS: Final = (
    Parameter(
        name="budget_ms",
        default=0,
        unit="ms",
        minimum=0,
        maximum=120_000,
        read_only=True,
        meaning="Its part of planning_timeout_ms. What it leaves goes to the next rung. 0: an equal part of the rest.",
    ),
    Parameter(
        name="hedge",
        default=False,
        read_only=True,
        meaning="Ask the next rung as well once a call takes longer than 95 in 100 did; the first answer wins.",
    ),
    Parameter(
        name="breaker",
        default=True,
        read_only=True,
        meaning="Leave it alone while it fails or is slow, and probe whether it is well again.",
    ),
    Parameter(
        name="breaker_failures_min",
        default=5,
        unit="failures",
        minimum=1,
        maximum=256,
        read_only=True,
        meaning="Failed calls and refused answers within the window, at which its breaker opens.",
    ),
    Parameter(
        name="breaker_failure_share",
        default=0.5,
        minimum=0.01,
        maximum=1.0,
        read_only=True,
        meaning="Share of the calls within the window that these have to be.",
    ),
    Parameter(
        name="breaker_window_ms",
        default=60_000,
        unit="ms",
        minimum=1_000,
        maximum=900_000,
        read_only=True,
        meaning="Length of the window in which failures are counted.",
    ),
    Parameter(
        name="latency_window_ms",
        default=300_000,
        unit="ms",
        minimum=1_000,
        maximum=900_000,
        read_only=True,
        meaning="Age up to which latencies count surely; none counts beyond twice this.",
    ),
    Parameter(
        name="latency_p95_ms_max",
        default=0,
        unit="ms",
        minimum=0,
        maximum=120_000,
        read_only=True,
        meaning="95th percentile of latency above which its breaker opens. 0: nine tenths of its budget.",
    ),
    Parameter(
        name="rest_ms_min",
        default=5_000,
        unit="ms",
        minimum=100,
        maximum=900_000,
        read_only=True,
        meaning="How long its breaker stays open at first; each relapse doubles it.",
    ),
    Parameter(
        name="rest_ms_max",
        default=300_000,
        unit="ms",
        minimum=100,
        maximum=900_000,
        read_only=True,
        meaning="How long its breaker stays open at most before the next probe.",
    ),
    Parameter(
        name="health_ms",
        default=60_000,
        unit="ms",
        minimum=1_000,
        maximum=900_000,
        read_only=True,
        meaning="Time without a failure, with an answer at its end, that takes back one doubling.",
    ),
    Parameter(
        name="probes_min",
        default=2,
        unit="probes",
        minimum=1,
        maximum=16,
        read_only=True,
        meaning="Probes in a row that have to pass before its breaker closes.",
    ),
    Parameter(
        name="price_prompt",
        default=0.0,
        minimum=0.0,
        maximum=100_000.0,
        read_only=True,
        meaning="Price of a million prompt tokens, in whatever currency.",
    ),
    Parameter(
        name="price_completion",
        default=0.0,
        minimum=0.0,
        maximum=100_000.0,
        read_only=True,
        meaning="Price of a million completion tokens, in the same currency.",
    ),
)

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,31}\Z")
_SHARE_OF_BUDGET: Final = 0.9
"""Calls end with the budget, so that a percentile above it would never be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RungConfig:
    """One rung: how its endpoint is asked, and one value for each row of `RUNG_PARAMETERS`.

    `endpoint` is the planner's configuration with this rung's values.  `budget_ms` and `latency_p95_ms_max` are what
    their zeros stand for.
    """

    name: str
    endpoint: PlannerConfig
    budget_ms: int
    hedge: bool
    breaker: bool
    breaker_failures_min: int
    breaker_failure_share: float
    breaker_window_ms: int
    latency_window_ms: int
    latency_p95_ms_max: int
    rest_ms_min: int
    rest_ms_max: int
    health_ms: int
    probes_min: int
    price_prompt: float
    price_completion: float

    @property
    def budget_ns(self) -> int:
        """Its part of a request's budget."""
        return self.budget_ms * NS_PER_MS

    @property
    def slow_ns(self) -> int:
        """How long a call may take before the endpoint counts as slow."""
        return self.latency_p95_ms_max * NS_PER_MS

    @property
    def price(self) -> Price:
        """What its tokens cost."""
        return Price(prompt=self.price_prompt, completion=self.price_completion)

    @property
    def breaker_config(self) -> BreakerConfig:
        """When its breaker opens and closes; one that is off only measures."""
        return BreakerConfig(
            failures_min=self.breaker_failures_min if self.breaker else NEVER,
            failure_share=self.breaker_failure_share,
            window_ns=self.breaker_window_ms * NS_PER_MS,
            latency_window_ns=self.latency_window_ms * NS_PER_MS,
            latency_ns_max=self.latency_p95_ms_max * NS_PER_MS if self.breaker else NEVER,
            rest_ns_min=self.rest_ms_min * NS_PER_MS,
            rest_ns_max=self.rest_ms_max * NS_PER_MS,
            health_ns=self.health_ms * NS_PER_MS,
            probes_min=self.probes_min,
        )


_TABLE_FIELDS: Final = {field.name for field in fields(RungConfig)} - {"name", "endpoint"}
assert {row.name for row in RUNG_PARAMETERS} == _TABLE_FIELDS, "one field for each parameter"


def rung_table(name: str, planner: PlannerConfig) -> tuple[Parameter, ...]:
    """Return the rows of one rung, each under its name; the planner's values are defaults."""
    shared = tuple(
        replace(row, default=_value(planner, row.name))
        for row in PLANNER_PARAMETERS
        if row.name not in OF_THE_PLANNER
    )
    return tuple(replace(row, name=f"{name}.{row.name}") for row in (*shared, *RUNG_PARAMETERS))


def rung_names(given: Sequence[str]) -> tuple[str, ...]:
    """Return the names that `rungs` gives, where they can be used.  Raises ParameterError."""
    names = tuple(name for name in given if name)
    for name in names:
        if not _NAME.match(name):
            raise ParameterError(
                f"parameter 'rungs' names {printable(repr(name))}; allowed: letters, digits and _ with no digit first, "
                "up to 32, because the name begins the names of the rung's parameters"
            )
        if names.count(name) > 1:
            raise ParameterError(
                f"parameter 'rungs' names {name!r} twice; to ask a model again, raise '{name}.attempts_max'"
            )
    if len(names) > RUNGS_MAX:
        raise ParameterError(
            f"parameter 'rungs' names {len(names)} rungs; allowed: up to {RUNGS_MAX}, which share one budget"
        )
    return names


def check_given(names: Sequence[str], given: Collection[str], planner: PlannerConfig) -> None:
    """Raise ParameterError for a parameter that was given and belongs to no rung, or that no rung has."""
    known = [row.name.partition(".")[2] for row in rung_table("rung", planner)]
    for full in sorted(given):
        rung, _, name = full.partition(".")
        if rung in names and name not in known:
            raise ParameterError(
                f"parameter {printable(full)!r} does not exist; a rung has {', '.join(sorted(known))}"
            )
        if rung not in names and name in known:
            named = ", ".join(names) or "none"
            raise ParameterError(
                f"parameter {printable(full)!r} belongs to no rung; 'rungs' names {named}: add "
                f"{printable(repr(rung))} to it, or correct the name"
            )


def ladder_config(
    planner: PlannerConfig, names: Sequence[str], given: Mapping[str, object]
) -> tuple[RungConfig, ...]:
    """Return the rungs, in order; `given` holds parameters by their full names, such as `primary.model`.

    Raises ParameterError as `planner_config` does, naming the rung's parameter, and for budgets and attempts that do
    not fit together.
    """
    if not names:
        return (only_rung(planner),)
    names = rung_names(names)
    check_given(names, given, planner)
    values = {name: _values(name, planner, given) for name in names}
    budgets_ms = _budgets_ms({name: int(values[name]["budget_ms"]) for name in names}, planner)
    rungs = tuple(_rung(name, planner, values[name], budgets_ms[name]) for name in names)
    attempts = sum(rung.endpoint.attempts_max for rung in rungs)
    if attempts > CANDIDATES_PER_REQUEST_MAX:
        raise ParameterError(
            f"the rungs' 'attempts_max' are {attempts} together; allowed: up to {CANDIDATES_PER_REQUEST_MAX}, since "
            f"the guard looks at no more answers to a request. Lower '{names[0]}.attempts_max' or another one"
        )
    _check_keys(rungs)
    return rungs


def only_rung(planner: PlannerConfig) -> RungConfig:
    """Return the rung of a planner that has no ladder: the whole budget, and no breaker."""
    values = {row.name: row.default for row in RUNG_PARAMETERS}
    budget_ms = planner.planning_timeout_ms
    values |= {
        "breaker": False,
        "budget_ms": budget_ms,
        "latency_p95_ms_max": _latency_ms_max(budget_ms),
    }
    return RungConfig(name="only", endpoint=planner, **values)  # type: ignore[arg-type]


def _value(planner: PlannerConfig, name: str) -> Value:
    value = getattr(planner, name)
    assert isinstance(value, bool | int | float | str)
    return value


def _values(name: str, planner: PlannerConfig, given: Mapping[str, object]) -> dict[str, Value]:
    """Return one rung's checked values by their short names."""
    own = {full: value for full, value in given.items() if full.partition(".")[0] == name}
    checked = checked_values(rung_table(name, planner), own)
    return {full.partition(".")[2]: value for full, value in checked.items()}


def _rung(
    name: str, planner: PlannerConfig, values: Mapping[str, Value], budget_ms: int
) -> RungConfig:
    own = {key: value for key, value in values.items() if key in _TABLE_FIELDS}
    endpoint = {key: value for key, value in values.items() if key not in _TABLE_FIELDS}
    shared = {key: _value(planner, key) for key in OF_THE_PLANNER}
    try:
        config = planner_config(shared | endpoint)
    except ParameterError as error:
        raise ParameterError(f"rung {name!r}: {error}") from error
    own["budget_ms"] = budget_ms
    own["latency_p95_ms_max"] = own["latency_p95_ms_max"] or _latency_ms_max(budget_ms)
    rung = RungConfig(name=name, endpoint=config, **own)  # type: ignore[arg-type]
    if rung.rest_ms_max < rung.rest_ms_min:
        raise ParameterError(
            f"parameter '{name}.rest_ms_max' is {rung.rest_ms_max}; it has to be at least "
            f"'{name}.rest_ms_min' ({rung.rest_ms_min}), from which rests grow"
        )
    if rung.latency_p95_ms_max > budget_ms:
        raise ParameterError(
            f"parameter '{name}.latency_p95_ms_max' is {rung.latency_p95_ms_max}; no call takes longer than the "
            f"rung's budget ({budget_ms} ms): lower it, or raise '{name}.budget_ms'"
        )
    return rung


def _check_keys(rungs: Sequence[RungConfig]) -> None:
    """Let no key go to two hosts because a rung was given none of its own.  Raises ParameterError."""
    asked: dict[str, RungConfig] = {}
    for rung in rungs:
        first = asked.setdefault(rung.endpoint.api_key_env, rung)
        if urlsplit(first.endpoint.base_url).hostname != urlsplit(rung.endpoint.base_url).hostname:
            raise ParameterError(
                f"parameters '{first.name}.api_key_env' and '{rung.name}.api_key_env' are the same, and their hosts "
                f"are not: each would be sent the other's key. Give '{rung.name}.api_key_env' a name of its own; the "
                "variable need not be set where no key is needed"
            )


def _latency_ms_max(budget_ms: int) -> int:
    return round(_SHARE_OF_BUDGET * budget_ms)


def _budgets_ms(given_ms: Mapping[str, int], planner: PlannerConfig) -> dict[str, int]:
    """Return each rung's budget, with an equal part of what is left for those that have none of their own."""
    whole_ms = planner.planning_timeout_ms
    left_ms = whole_ms - sum(given_ms.values())
    for name, budget_ms in given_ms.items():
        if 0 < budget_ms < BUDGET_MS_MIN:
            raise ParameterError(
                f"parameter '{name}.budget_ms' is {budget_ms}; allowed: 0, or at least {BUDGET_MS_MIN} ms"
            )
    parts = [name for name, budget_ms in given_ms.items() if not budget_ms]
    if left_ms < len(parts) * BUDGET_MS_MIN:
        needed = [f"'{name}.budget_ms' ({ms})" for name, ms in given_ms.items() if ms]
        needed += [f"{BUDGET_MS_MIN} ms for {name!r}" for name in parts]
        raise ParameterError(
            f"{' and '.join(needed)} do not fit into 'planning_timeout_ms' ({whole_ms}): lower a budget, or raise "
            "'planning_timeout_ms'"
        )
    return {name: budget_ms or left_ms // len(parts) for name, budget_ms in given_ms.items()}
