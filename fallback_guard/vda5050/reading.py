# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""An order of VDA 5050 read back into a pick route, or refused with the errors that a robot reports.

An order that is read is no validated route yet: what was read goes through the guard's validation like any
planner's answer.
"""

from dataclasses import dataclass
from typing import Final

from fallback_guard.core.identifiers import printable
from fallback_guard.core.warehouse import Warehouse
from fallback_guard.vda5050.case import Case, OrderStop, ShortestPath
from fallback_guard.vda5050.errors import OrderError, References, order_error
from fallback_guard.vda5050.message_rules import MESSAGE_RULES
from fallback_guard.vda5050.order import Version
from fallback_guard.vda5050.route_rules import ROUTE_RULES

RULE_GROUPS: Final = (*MESSAGE_RULES, *ROUTE_RULES)
"""Every rule for orders, in the order in which they are tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRead:
    """A pick route found in an order.  `way` holds every node that the order drives."""

    version: Version
    request_id: str
    order_update_id: int
    manufacturer: str
    serial_number: str
    stops: tuple[OrderStop, ...]
    way: tuple[int, ...]

    @property
    def start_node(self) -> int:
        """Where the order begins."""
        return self.way[0]

    @property
    def end_node(self) -> int:
        """Where the order ends."""
        return self.way[-1]

    def as_route(self, robot_id: str) -> dict[str, object]:
        """Return the route as the route schema writes it."""
        return {
            "version": 1,
            "request_id": self.request_id,
            "robot_id": robot_id,
            "stops": [
                {"bin": stop.item.bin, "sku": stop.item.sku, "quantity": stop.item.quantity}
                | ({"via": list(stop.via)} if stop.via else {})
                for stop in self.stops
            ],
        }

    @property
    def references(self) -> References:
        """What an error about this order refers to."""
        return order_references(self.request_id, self.order_update_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRefusal:
    """Why an order is not taken over: at least one error."""

    version: Version
    errors: tuple[OrderError, ...]


def from_order(  # noqa: PLR0913  # what an order is held against
    data: bytes,
    *,
    warehouse: Warehouse,
    shortest_path: ShortestPath,
    allowed_deviation_m: float,
    map_id: str | None = None,
    unread: Version = Version.V2_1,
) -> OrderRead | OrderRefusal:
    """Read an order as a pick route.

    `shortest_path` is the guard's own on `warehouse`: where the order takes the same way, the route leaves it
    out.  No node may have to be passed closer than `allowed_deviation_m`.  Positions have to be on the map
    `map_id`, or on any where it is None.  `unread` is the version in whose words an order is refused that names
    none of the versions read.
    """
    case = Case(
        data=data,
        warehouse=warehouse,
        shortest_path=shortest_path,
        map_id=map_id,
        allowed_deviation_m=allowed_deviation_m,
        version=unread,
    )
    for group in RULE_GROUPS:
        violated = [(rule, violation) for rule in group if (violation := rule.check(case))]
        if violated:
            known = _known_references(case.document)
            return OrderRefusal(
                version=case.version,
                errors=tuple(
                    order_error(
                        rule.error,
                        case.version,
                        f"{rule.demands}: {violation.detail}",
                        (*known, *violation.references),
                    )
                    for rule, violation in violated
                ),
            )
    order = case.order
    return OrderRead(
        version=case.version,
        request_id=order.order_id,
        order_update_id=order.order_update_id,
        manufacturer=order.manufacturer,
        serial_number=order.serial_number,
        stops=tuple(case.stops),
        way=tuple(case.way),
    )


def order_references(order_id: str, order_update_id: int) -> References:
    """Return what every error about an order refers to."""
    return ("orderId", order_id), ("orderUpdateId", str(order_update_id))


def _known_references(document: dict[str, object]) -> References:
    """Return as much of them as a refused order tells."""
    found = []
    match document.get("orderId"):
        case str(order_id):
            found.append(("orderId", printable(order_id)))
    match document.get("orderUpdateId"):
        case int(number) if number is not True and number is not False:
            found.append(("orderUpdateId", str(number)))
    return tuple(found)
