# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""ROS parameters from the tables of `core.parameters`."""

from collections.abc import Iterable, Sequence
from typing import Final

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterException,
)
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter

from fallback_guard.core.parameters import Parameter, ParameterError, Value
from fallback_guard.nodes.ending import Ending

FIXED: Final = (
    "It is fixed once the node has started, because what runs was built from it: give it in a parameter file or with"
    " -p, and start the node again."
)
"""What is added to rclpy's own refusal, which says no more than that a parameter is read-only."""


class Explaining(Ending):
    """A node that says why it refuses to change a parameter, and what to do.  Stands first among the base classes."""

    def set_parameters_atomically(
        self, parameter_list: Sequence[RosParameter]
    ) -> SetParametersResult:
        """Set parameters, all or none of them; see rclpy."""
        result = super().set_parameters_atomically(parameter_list)
        fixed = any(
            self.has_parameter(change.name) and self.describe_parameter(change.name).read_only
            for change in parameter_list
        )
        if fixed and not result.successful:
            result.reason = f"{result.reason} {FIXED}"
        return result


def declared(node: Node, table: Iterable[Parameter]) -> dict[str, Value]:
    """Declare every row on `node` and return the values, as given from outside or by default.

    Raises ParameterError with the parameter's name, its value and what is allowed.
    """
    values: dict[str, Value] = {}
    for row in table:
        try:
            given = node.declare_parameter(row.name, row.default, _descriptor(row)).value
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            raise ParameterError(
                f"parameter {row.name!r}: {error}; allowed: {row.allowed}"
            ) from error
        except ParameterException as error:
            raise ParameterError(f"parameter {row.name!r}: {error}") from error
        values[row.name] = row.checked(given)
    return values


def declared_texts(node: Node, row: Parameter) -> tuple[str, ...]:
    """Declare an array of strings by its row, whose default means none, and return what was given.

    Raises ParameterError.  Of an empty list ROS cannot tell the type, so that the default holds one empty string.
    """
    try:
        given = node.declare_parameter(row.name, [str(row.default)], _descriptor(row)).value
    except ParameterException as error:
        raise ParameterError(
            f"parameter {row.name!r}: {error}; allowed: an array of strings. {row.meaning}"
        ) from error
    return tuple(given)


def names_given(node: Node) -> frozenset[str]:
    """Return the names of all parameters that were given from outside, whether or not the node knows them."""
    # rclpy has no public way to ask; without this a name that is misspelt would be passed over.
    return frozenset(node._parameter_overrides)  # noqa: SLF001


def check_change(
    table: Iterable[Parameter], changes: Iterable[RosParameter]
) -> tuple[dict[str, Value], SetParametersResult]:
    """Check a change to parameters of a running node; return the values and the answer for the caller.

    Parameters of other tables, such as use_sim_time, are let through.
    """
    rows = {row.name: row for row in table}
    values: dict[str, Value] = {}
    for change in changes:
        row = rows.get(change.name)
        if row is None:
            continue
        try:
            values[change.name] = row.checked(change.value)
        except ParameterError as error:
            return {}, SetParametersResult(successful=False, reason=str(error))
    return values, SetParametersResult(successful=True)


def _descriptor(row: Parameter) -> ParameterDescriptor:
    unit = f" [{row.unit}]" if row.unit else ""
    descriptor = ParameterDescriptor(
        description=f"{row.meaning}{unit} Allowed: {row.allowed}.", read_only=row.read_only
    )
    if row.minimum is not None and row.maximum is not None:
        if isinstance(row.default, int):
            descriptor.integer_range = [
                IntegerRange(from_value=int(row.minimum), to_value=int(row.maximum), step=1)
            ]
        else:
            descriptor.floating_point_range = [
                FloatingPointRange(
                    from_value=float(row.minimum), to_value=float(row.maximum), step=0.0
                )
            ]
    return descriptor
