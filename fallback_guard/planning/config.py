# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The planner's parameters and the frozen configuration they become."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from fallback_guard.core.identifiers import is_identifier, printable
from fallback_guard.core.limits import CANDIDATES_PER_REQUEST_MAX
from fallback_guard.core.parameters import Parameter, ParameterError, frozen_config
from fallback_guard.core.units import NS_PER_MS
from fallback_guard.planning.methods import METHODS

STRUCTURED_OUTPUTS: Final = ("auto", "json_schema", "json_object", "none")
"""How the endpoint is asked for JSON.  `auto` begins with the strictest form and takes the next one
where the endpoint says that it does not know it (HTTP 400 or 422)."""

STREAMINGS: Final = ("auto", "on", "off")
"""Whether answers are read as they come.  `auto` asks for whole ones where the endpoint cannot stream."""

AUTHS: Final = ("bearer", "api-key")
"""In which header the key goes: `Authorization: Bearer`, or `api-key`, as Azure has it."""

PLANNER_PARAMETERS: Final = (
    Parameter(
        name="base_url",
        default="http://127.0.0.1:8080/v1",
        read_only=True,
        meaning="Root of an OpenAI-compatible API; chat/completions is asked below it.",
    ),
    Parameter(
        name="model",
        default="SmolLM2-135M-Instruct",
        read_only=True,
        meaning="The model's name at the endpoint.",
    ),
    Parameter(
        name="task",
        default="",
        read_only=True,
        meaning="Task of one's own, as package.module:NAME; it has to be the guard's.",
    ),
    Parameter(
        name="method",
        default="request_schema",
        choices=tuple(METHODS),
        read_only=True,
        meaning="How a route is got out of the model.",
    ),
    Parameter(
        name="map_file",
        default="",
        read_only=True,
        meaning="The warehouse map, for methods that compute a route; it has to be the guard's.",
    ),
    Parameter(
        name="planning_timeout_ms",
        default=5_000,
        unit="ms",
        minimum=50,
        maximum=120_000,
        read_only=True,
        meaning="One budget for all attempts at a request, from its arrival to the last byte.",
    ),
    Parameter(
        name="attempts_max",
        default=3,
        unit="attempts",
        minimum=1,
        maximum=CANDIDATES_PER_REQUEST_MAX,
        read_only=True,
        meaning="How often the model is asked for one request, refusals and failures included.",
    ),
    Parameter(
        name="max_tokens",
        default=1_536,
        unit="tokens",
        minimum=0,
        maximum=32_768,
        read_only=True,
        meaning="Longest answer; a stop takes about 40 tokens. 0: not sent to the endpoint.",
    ),
    Parameter(
        name="temperature",
        default=0.0,
        minimum=-1.0,
        maximum=2.0,
        read_only=True,
        meaning="Randomness of the sampling. Negative: not sent to the endpoint.",
    ),
    Parameter(
        name="seed",
        default=1,
        minimum=-1,
        maximum=2**31 - 1,
        read_only=True,
        meaning="Seed of the sampling, where the endpoint takes one. -1: not sent to the endpoint.",
    ),
    Parameter(
        name="structured_output",
        default="auto",
        choices=STRUCTURED_OUTPUTS,
        read_only=True,
        meaning="How the endpoint is asked for JSON.",
    ),
    Parameter(
        name="streaming",
        default="auto",
        choices=STREAMINGS,
        read_only=True,
        meaning="Whether answers are read as they come, and cut when they can no longer become valid.",
    ),
    Parameter(
        name="auth",
        default="bearer",
        choices=AUTHS,
        read_only=True,
        meaning="Header in which the key is sent.",
    ),
    Parameter(
        name="api_version",
        default="",
        read_only=True,
        meaning="Query parameter api-version, which Azure asks for. Empty: not sent to the endpoint.",
    ),
    Parameter(
        name="api_key_env",
        default="OPENAI_API_KEY",
        read_only=True,
        meaning="Name of the environment variable that holds the key; the key itself is no parameter.",
    ),
    Parameter(
        name="response_bytes_max",
        default=1_048_576,
        unit="bytes",
        minimum=1_024,
        maximum=16_777_216,
        read_only=True,
        meaning="Size of the largest HTTP response that is read to its end; streamed, a token takes 200 to 400.",
    ),
    Parameter(
        name="concurrent_requests_max",
        default=2,
        unit="requests",
        minimum=1,
        maximum=64,
        read_only=True,
        meaning="Calls to the endpoint at a time; the others wait within their budget.",
    ),
)

MODEL_CHARS_MAX: Final = 128
"""The name goes into every candidate's `source`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannerConfig:
    """One value for each row of `PLANNER_PARAMETERS`, checked; see there for units and meaning."""

    base_url: str
    model: str
    task: str
    method: str
    map_file: str
    planning_timeout_ms: int
    attempts_max: int
    max_tokens: int
    temperature: float
    seed: int
    structured_output: str
    streaming: str
    auth: str
    api_version: str
    api_key_env: str
    response_bytes_max: int
    concurrent_requests_max: int

    @property
    def planning_timeout_ns(self) -> int:
        """The budget for all attempts at a request."""
        return self.planning_timeout_ms * NS_PER_MS

    @property
    def source(self) -> str:
        """How candidates name who planned them."""
        return f"llm:{self.model}"


def planner_config(given: Mapping[str, object]) -> PlannerConfig:
    """Return the configuration for the given parameters; the others have their defaults.

    Raises ParameterError for an unknown name, a wrong type, a value out of range, and a `base_url`,
    `model` or `api_key_env` that cannot be used.
    """
    config = frozen_config(PlannerConfig, PLANNER_PARAMETERS, given)
    problem = _base_url_problem(config.base_url)
    if problem:
        raise ParameterError(
            f"parameter 'base_url' {problem}; give the root of an OpenAI-compatible API, "
            "such as http://127.0.0.1:8080/v1"
        )
    if (
        not 1 <= len(config.model) <= MODEL_CHARS_MAX
        or printable(config.model, chars_max=MODEL_CHARS_MAX) != config.model
    ):
        raise ParameterError(
            f"parameter 'model' is {printable(repr(config.model))}; allowed: 1 to {MODEL_CHARS_MAX} "
            "printable ASCII characters, the name that the endpoint lists under /models"
        )
    if METHODS[config.method].writes_routes and config.task:
        others = " or ".join(name for name, method in METHODS.items() if not method.writes_routes)
        raise ParameterError(
            f"parameter 'method' is {config.method!r}, whose answers are routes, and not those of the task "
            f"{printable(config.task)!r}; choose {others}"
        )
    if METHODS[config.method].needs_map and not config.map_file:
        raise ParameterError(
            f"parameter 'map_file' is empty, and the method {config.method!r} computes routes; "
            "name the guard's map, or choose a method that needs none"
        )
    if not config.api_key_env.isidentifier() or not config.api_key_env.isascii():
        # Somebody may have put the key itself here, so the value is not repeated.
        raise ParameterError(
            "parameter 'api_key_env' is not the name of an environment variable; export the key "
            "under a name such as OPENAI_API_KEY and give that name"
        )
    if config.api_version and not is_identifier(config.api_version):
        raise ParameterError(
            f"parameter 'api_version' is {printable(repr(config.api_version))}; allowed: letters, digits, '-' and "
            "'.', such as 2024-10-21, or nothing"
        )
    return config


def is_private(base_url: str) -> bool:
    """Tell whether what goes to a usable `base_url` can be read by nobody on the way: by https, or on this machine."""
    parts = urlsplit(base_url)
    host = (parts.hostname or "").rstrip(".")
    return parts.scheme == "https" or is_loopback(host)


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, by its name or its address."""
    if host.rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _base_url_problem(base_url: str) -> str | None:
    """Say what is wrong with `base_url`, or None.  Never repeats one that may hold a password."""
    try:
        parts = urlsplit(base_url)
        port_is_usable = parts.port != 0
    except ValueError:
        return "is not a URL"
    if parts.username is not None or parts.password is not None:
        return "holds a user name or a password, which belongs into the variable of 'api_key_env'"
    if parts.query or parts.fragment:
        return "has a query or a fragment"
    if parts.scheme not in ("http", "https"):
        return f"is {printable(repr(base_url))}, which begins with neither http:// nor https://"
    if not parts.hostname or not port_is_usable or not base_url.isascii() or " " in base_url:
        return f"is {printable(repr(base_url))}, which names no host"
    return None
