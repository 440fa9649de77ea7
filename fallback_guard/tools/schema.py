# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""`fallback-guard schema`: the route schema as JSON schema."""

import argparse
import sys
from typing import Final

import orjson

from fallback_guard.tasks.loading import load_task
from fallback_guard.tools.words import add_own_task

DOES: Final = "Print the route schema that a planner has to answer in, as JSON schema."
EXAMPLE: Final = "  fallback-guard schema > route.schema.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the name of a task of one's own."""
    add_own_task(parser)


def run(options: argparse.Namespace) -> int:
    """Print it."""
    schema = load_task(options.task).answer.model_json_schema()
    sys.stdout.buffer.write(orjson.dumps(schema, option=orjson.OPT_INDENT_2) + b"\n")
    return 0
