# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The parameters of `metrics_node`."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from fallback_guard.core.identifiers import printable
from fallback_guard.core.limits import ROBOTS_MAX
from fallback_guard.core.parameters import Parameter, ParameterError, frozen_config
from fallback_guard.live.heard import NAMESPACES_MAX

NAMESPACES: Final = Parameter(
    name="namespaces",
    default="",
    read_only=True,
    meaning="Namespaces of the guards to listen to, with commas between; empty: the node's own.",
)

METRICS_PARAMETERS: Final = (
    Parameter(
        name="port",
        default=0,
        minimum=0,
        maximum=65_535,
        read_only=True,
        meaning="TCP port to serve metrics on, such as 9464; it has to be given.",
    ),
    Parameter(
        name="address",
        default="127.0.0.1",
        read_only=True,
        meaning="Address to listen on: whoever reaches it reads the metrics, without a password.",
    ),
    NAMESPACES,
    Parameter(
        name="robots_max",
        default=100,
        minimum=1,
        maximum=ROBOTS_MAX,
        read_only=True,
        meaning="Robots of a guard with a label of their own; the others are counted together.",
    ),
)

_NAMESPACE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*\Z")
_NAMESPACE_CHARS_MAX: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsConfig:
    """The fields are the parameters."""

    port: int
    address: str
    namespaces: str
    robots_max: int


def metrics_config(given: dict[str, object]) -> MetricsConfig:
    """Return the configuration.  Raises ParameterError."""
    config = frozen_config(MetricsConfig, METRICS_PARAMETERS, given)
    if config.port == 0:
        raise ParameterError(
            "parameter 'port' is 0: metrics are served on no port unless one is given. Give one, such as"
            " -p port:=9464, or leave metrics_node out"
        )
    try:
        ipaddress.ip_address(config.address)
    except ValueError as error:
        raise ParameterError(
            f"parameter 'address' is {printable(config.address)!r}; allowed: an IP address of this machine, such as"
            " 127.0.0.1, or 0.0.0.0 for all of them"
        ) from error
    return config


def is_namespace(name: str) -> bool:
    """Tell whether `name`, without slashes around it, may be a namespace; the empty one is the root."""
    return not name or (len(name) <= _NAMESPACE_CHARS_MAX and _NAMESPACE.match(name) is not None)


def namespaces_named(text: str, own: str) -> tuple[str, ...]:
    """Return the namespaces of a list with commas, without slashes around them.  Raises ParameterError."""
    names = tuple(dict.fromkeys(part.strip().strip("/") for part in (text or own).split(",")))
    if len(names) > NAMESPACES_MAX:
        raise ParameterError(
            f"parameter 'namespaces' names {len(names)}; allowed: up to {NAMESPACES_MAX}. Start another"
            " node for the rest"
        )
    for name in names:
        if not is_namespace(name):
            raise ParameterError(
                f"parameter 'namespaces' names {printable(name)!r}; allowed: names of letters, digits and _ with /"
                " between them, and commas between namespaces"
            )
    return names
