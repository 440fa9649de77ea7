# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard rules`: the rules as a page, written from the tables that the guard goes by."""

import argparse
import sys
from typing import Final

from fallback_guard.core.checked_task import ROUTES, CheckedTask
from fallback_guard.core.rule_table import rules_of
from fallback_guard.core.rules import RuleRow
from fallback_guard.tasks.loading import load_task
from fallback_guard.tools.words import add_own_task

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
    """Take the name of a task of one's own."""
    add_own_task(parser)


def run(options: argparse.Namespace) -> int:
    """Print the page."""
    sys.stdout.write(page(load_task(options.task)))
    return 0


def page(task: CheckedTask = ROUTES) -> str:
    """Return the page."""
    return _HEAD + "".join(_line(rule) for rule in rules_of(task))


def _line(rule: RuleRow) -> str:
    modes = ", ".join(f"`{mode.value}`" for mode in rule.modes)
    return f"| `{rule.name}` | {rule.stage.value} | {rule.measures} | {rule.limit} | {modes} |\n"
