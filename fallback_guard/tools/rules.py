"""`fallback-guard rules`: the rules as a page, written from the tables that the guard goes by."""

import argparse
import sys
from typing import Final

from fallback_guard.core.rule_table import RULES
from fallback_guard.core.rules import RuleRow

DOES: Final = "Print every rule with its stage, what it measures, its limit and its failure modes, as Markdown."
EXAMPLE: Final = "  fallback-guard rules > docs/rules.md"

_HEAD: Final = """\
# Rules

The first three are about pick requests. Every answer of a planner meets the others in this order, and the first one
that fails decides what it is called. The `GuardDecision` then names the rule (`rule`), what it measured (`measured`)
and what that may be at most (`limit`). Limits in `code` are parameters of the guard. This page is written by
`fallback-guard rules`; the failure modes are explained in [failure-modes.md](failure-modes.md).

| rule | stage | measures | at most | failure modes |
|---|---|---|---|---|
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take none."""


def run(_options: argparse.Namespace) -> int:
    """Print the page."""
    sys.stdout.write(page())
    return 0


def page() -> str:
    """Return the page."""
    return _HEAD + "".join(_line(rule) for rule in RULES)


def _line(rule: RuleRow) -> str:
    modes = ", ".join(f"`{mode.value}`" for mode in rule.modes)
    return f"| `{rule.name}` | {rule.stage.value} | {rule.measures} | {rule.limit} | {modes} |\n"
