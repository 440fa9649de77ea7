# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Parameters as tables: one row says type, default, unit, range and whether it may change while running."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from math import isfinite
from typing import Final, TypeVar

from fallback_guard.core.identifiers import printable
from fallback_guard.core.unusable import UnusableError

Value = bool | int | float | str
"""What a parameter may hold; its type is that of the default."""


_INT_MAX: Final = 2**63 - 1
"""The largest integer a ROS parameter holds."""


class ParameterError(UnusableError):
    """A parameter that cannot be used.  The message names it, the value and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One row.  `minimum` and `maximum` bound numbers, `choices` strings; `unit` is empty where there is none.

    A `read_only` parameter is fixed when the node is configured, because safety depends on it.
    """

    name: str
    default: Value
    meaning: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    read_only: bool = False

    def checked(self, value: object) -> Value:
        """Return `value` in the parameter's type.  Raises ParameterError."""
        kind = type(self.default)
        if kind is float and type(value) is int and abs(value) <= _INT_MAX:
            value = float(value)
        if type(value) is not kind:
            raise self._error(value, f"a value of type {kind.__name__}")
        assert isinstance(value, bool | int | float | str)
        if isinstance(value, int | float) and not isinstance(value, bool):
            below = self.minimum is not None and value < self.minimum
            above = self.maximum is not None and value > self.maximum
            if below or above or not isfinite(value):
                raise self._error(value, self.allowed)
        if self.choices and value not in self.choices:
            raise self._error(value, self.allowed)
        return value

    @property
    def allowed(self) -> str:
        """What is allowed, for people."""
        if self.choices:
            return " or ".join(self.choices)
        if self.minimum is None and self.maximum is None:
            return f"a value of type {type(self.default).__name__}"
        return f"{self.minimum:g} to {self.maximum:g} {self.unit}".rstrip()

    def _error(self, value: object, allowed: str) -> ParameterError:
        said = (
            "too large"
            if isinstance(value, int) and abs(value) > _INT_MAX
            else printable(repr(value))
        )
        return ParameterError(
            f"parameter {self.name!r} is {said}; allowed: {allowed}. {self.meaning}"
        )


def checked_values(table: Iterable[Parameter], given: Mapping[str, object]) -> dict[str, Value]:
    """Return every parameter's value, given or default.  Raises ParameterError, also for an unknown name."""
    rows = {row.name: row for row in table}
    unknown = sorted(set(given) - set(rows))
    if unknown:
        raise ParameterError(
            f"parameter {printable(unknown[0])!r} does not exist; there are {', '.join(sorted(rows))}"
        )
    return {name: row.checked(given.get(name, row.default)) for name, row in rows.items()}


Config = TypeVar("Config")


def frozen_config(
    kind: type[Config], table: Iterable[Parameter], given: Mapping[str, object]
) -> Config:
    """Return a `kind` (a dataclass with one field for each row of `table`) from checked values."""
    values = checked_values(table, given)
    assert {row.name for row in fields(kind)} == set(values), "one field for each parameter"  # type: ignore[arg-type]
    return kind(**values)
