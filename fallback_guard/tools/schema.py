"""`fallback-guard schema`: the route schema as JSON schema."""

import argparse
import sys
from typing import Final

import orjson

from fallback_guard.core.schema import Route

DOES: Final = "Print the route schema that a planner has to answer in, as JSON schema."
EXAMPLE: Final = "  fallback-guard schema > route.schema.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take none."""


def run(_options: argparse.Namespace) -> int:
    """Print it."""
    sys.stdout.buffer.write(
        orjson.dumps(Route.model_json_schema(), option=orjson.OPT_INDENT_2) + b"\n"
    )
    return 0
