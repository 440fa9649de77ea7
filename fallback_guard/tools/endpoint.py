# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard endpoint`: what an endpoint can do for the planner, found out by asking it."""

import argparse
import asyncio
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from rich.console import Console
from rich.table import Table

from fallback_guard.core.identifiers import printable
from fallback_guard.planning.config import AUTHS, PlannerConfig, planner_config
from fallback_guard.planning.probing import Finding, Verdict, probe
from fallback_guard.tools.errors import UsageError

DOES: Final = (
    "Ask an LLM endpoint what it can do for the planner: structured output, streaming, seed, time."
)
EXAMPLE: Final = """\
  fallback-guard endpoint http://127.0.0.1:8080/v1
  fallback-guard endpoint http://HOST:11434/v1 --model qwen3:8b --timeout-s 60
  AZURE_KEY=... fallback-guard endpoint https://NAME.openai.azure.com/openai/deployments/DEPLOYMENT \\
    --model DEPLOYMENT --auth api-key --api-version 2024-10-21 --api-key-env AZURE_KEY

It asks about seven small questions, which a hosted API charges for.

exit codes: 0 the planner can use it, 1 it cannot, or not well, 2 unusable arguments, 70 a fault of this program,
130 interrupted, 141 the output was not read to its end"""

TIMEOUT_S_MAX: Final = 600.0

_SHOWN: Final[Mapping[Verdict, str]] = MappingProxyType(
    {Verdict.YES: "yes", Verdict.NO: "NO", Verdict.LESS: "no, and need not", Verdict.UNTRIED: "-"}
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the endpoint, and how it is called."""
    parser.add_argument("base_url", metavar="BASE_URL", help="root of an OpenAI-compatible API")
    parser.add_argument(
        "--model", default="", help="the model's name (default: the first that the endpoint lists)"
    )
    parser.add_argument(
        "--auth", choices=AUTHS, default="bearer", help="header of the key (default %(default)s)"
    )
    parser.add_argument(
        "--api-version", default="", help="query parameter api-version, for Azure (default: none)"
    )
    parser.add_argument(
        "--api-key-env",
        default="OPENAI_API_KEY",
        metavar="NAME",
        help="environment variable that holds the key (default %(default)s)",
    )
    parser.add_argument(
        "--timeout-s",
        type=float,
        default=30.0,
        metavar="S",
        help="for each question (default %(default)s)",
    )


def run(options: argparse.Namespace) -> int:
    """Print the table."""
    timeout_s: float = options.timeout_s
    if not 0.0 < timeout_s <= TIMEOUT_S_MAX:
        raise UsageError(
            f"--timeout-s is {timeout_s:g}; allowed: more than 0, up to {TIMEOUT_S_MAX:g}"
        )
    findings = asyncio.run(
        probe(_config(options), model_given=bool(options.model), timeout_s=timeout_s)
    )
    _print(findings)
    return 1 if any(finding.verdict is Verdict.NO for finding in findings) else 0


def _config(options: argparse.Namespace) -> PlannerConfig:
    given = {
        "base_url": options.base_url,
        "auth": options.auth,
        "api_version": options.api_version,
        "api_key_env": options.api_key_env,
    }
    return planner_config(given | ({"model": options.model} if options.model else {}))


def _print(findings: list[Finding]) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("asked", "", "found", "what to do"):
        table.add_column(title, overflow="fold")
    for finding in findings:
        found, remedy = (printable(text, chars_max=240) for text in (finding.found, finding.remedy))
        table.add_row(finding.asked, _SHOWN[finding.verdict], found, remedy)
    Console(file=sys.stdout, highlight=False, markup=False).print(table)
