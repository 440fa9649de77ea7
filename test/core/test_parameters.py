# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The parameters: each row below, at and above its range, and what does not go together."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, fields
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_guard.core.config import GUARD_PARAMETERS, RECOVERIES, GuardConfig, guard_config
from fallback_guard.core.limits import STAMP_AGE_NS_MAX
from fallback_guard.core.parameters import Parameter, ParameterError
from fallback_guard.core.units import ns_to_ms, ns_to_seconds, seconds_to_ns

ROWS: Final = {row.name: row for row in GUARD_PARAMETERS}
NUMBERS: Final = [row for row in GUARD_PARAMETERS if row.minimum is not None]
NAMES: Final = [row.name for row in NUMBERS]


def _refused(row: Parameter, value: object) -> str:
    with pytest.raises(ParameterError) as caught:
        row.checked(value)
    message = str(caught.value)
    assert row.name in message
    assert row.meaning in message
    assert message.isprintable()
    assert len(message) < 500
    with pytest.raises(ParameterError):
        guard_config({row.name: value})
    return message


@pytest.mark.parametrize("row", NUMBERS, ids=NAMES)
def test_each_number_below_at_and_above_its_range(row: Parameter) -> None:
    assert row.minimum is not None
    assert row.maximum is not None
    if type(row.default) is int:
        low, high = int(row.minimum), int(row.maximum)
        inside: list[float] = [low, low + 1, high - 1, high]
        outside: list[float] = [low - 1, high + 1, -(2**63), 2**63 - 1]
    else:
        low_m, high_m = float(row.minimum), float(row.maximum)
        inside = [low_m, math.nextafter(low_m, math.inf), math.nextafter(high_m, 0), high_m]
        outside = [
            math.nextafter(low_m, -math.inf),
            math.nextafter(high_m, math.inf),
            -1e308,
            1e308,
        ]
    for value in inside:
        assert row.checked(value) == value
    for value in outside:
        assert row.allowed in _refused(row, value)
    assert row.checked(row.default) == row.default


@pytest.mark.parametrize("row", NUMBERS, ids=NAMES)
@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, 10**400, -(10**5_000), True, "1", None, [], {}, b"1"],
    ids=lambda _: "",
)
def test_no_number_is_anything_else(row: Parameter, value: object) -> None:
    _refused(row, value)


@pytest.mark.parametrize(
    "row", [row for row in NUMBERS if type(row.default) is int], ids=lambda row: row.name
)
def test_a_whole_number_is_not_written_as_a_float(row: Parameter) -> None:
    assert "int" in _refused(row, float(row.default))


@pytest.mark.parametrize(
    "row", [row for row in NUMBERS if type(row.default) is float], ids=lambda row: row.name
)
def test_a_float_may_be_written_as_a_whole_number(row: Parameter) -> None:
    value = row.checked(math.ceil(row.minimum or 0))
    assert type(value) is float


@pytest.mark.parametrize("value", [0, 1, "true", None, 0.0])
def test_a_truth_is_only_a_truth(value: object) -> None:
    assert "bool" in _refused(ROWS["standby_at_deadline"], value)


@pytest.mark.parametrize("value", ["", "Standby", "standby ", "stand\x00by", "x" * 10_000, 1, None])
def test_a_choice_is_one_of_those_named(value: object) -> None:
    message = _refused(ROWS["recovery"], value)
    if isinstance(value, str):
        assert all(choice in message for choice in RECOVERIES)


@pytest.mark.parametrize("value", RECOVERIES)
def test_every_choice_is_one(value: str) -> None:
    assert guard_config({"recovery": value}).recovery == value


def test_an_unknown_name_is_refused_with_those_that_are() -> None:
    with pytest.raises(
        ParameterError, match=r"'dead\\+x0aline' does not exist; there are capacity_pieces, "
    ) as caught:
        guard_config({"dead\nline": 1})
    assert str(caught.value).isprintable()


def test_the_configuration_is_the_table() -> None:
    config = guard_config({})
    assert [field.name for field in fields(GuardConfig)] == list(ROWS)
    for name, row in ROWS.items():
        assert getattr(config, name) == row.default
        assert type(getattr(config, name)) is type(row.default)
        assert row.meaning.endswith(".")
    with pytest.raises(FrozenInstanceError):
        config.deadline_ms = 1  # type: ignore[misc]


def test_no_parameter_turns_the_guard_off() -> None:
    config = guard_config(
        {row.name: row.maximum for row in NUMBERS if row.maximum and type(row.default) is float}
    )
    assert config.deadline_ns > 0
    assert 0 < config.dispatch_margin_ns <= config.dispatch_margin_ns_max < config.deadline_ns


@pytest.mark.parametrize(("heartbeat_ms", "accepted"), [(249, True), (250, True), (251, False)])
def test_a_lease_outlasts_two_signs_of_life(heartbeat_ms: int, *, accepted: bool) -> None:
    given_ = {"lease_ms": 500, "heartbeat_ms": heartbeat_ms}
    if accepted:
        assert guard_config(given_).lease_ns == 500_000_000
    else:
        with pytest.raises(ParameterError, match="at least twice 'heartbeat_ms'"):
            guard_config(given_)


@pytest.mark.parametrize(("margin_ms_max", "accepted"), [(49, True), (50, False), (51, False)])
def test_the_shortest_window_is_longer_than_a_stamp_is_believed(
    margin_ms_max: int, *, accepted: bool
) -> None:
    given_ = {"deadline_ms": 100, "dispatch_margin_ms_max": margin_ms_max}
    if accepted:
        config = guard_config(given_)
        assert config.deadline_ns - config.dispatch_margin_ns_max > STAMP_AGE_NS_MAX
    else:
        with pytest.raises(ParameterError, match=r"'deadline_ms' \(100\).* has to be over 50 ms"):
            guard_config(given_)


@pytest.mark.parametrize(("margin_ms_max", "accepted"), [(19, False), (20, True), (21, True)])
def test_the_margin_at_most_is_not_below_that_at_least(
    margin_ms_max: int, *, accepted: bool
) -> None:
    given_ = {"dispatch_margin_ms": 20, "dispatch_margin_ms_max": margin_ms_max}
    if accepted:
        assert guard_config(given_).dispatch_margin_ns == 20_000_000
    else:
        with pytest.raises(
            ParameterError, match=r"_max' \(19\) is below 'dispatch_margin_ms' \(20\)"
        ):
            guard_config(given_)


@given(st.floats(-1e6, 1e6))
def test_seconds_and_nanoseconds(seconds: float) -> None:
    assert ns_to_seconds(seconds_to_ns(seconds)) == pytest.approx(seconds, abs=1e-9)
    assert ns_to_ms(seconds_to_ns(seconds)) == pytest.approx(seconds * 1e3, abs=1e-6)
