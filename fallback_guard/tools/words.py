# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""One word of a command line: what it does, an example for its help, its arguments, and what runs it."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Words = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001  # it has no other name


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One word."""

    does: str
    example: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def add_own_task(parser: argparse.ArgumentParser) -> None:
    """Take the name of a task of one's own."""
    parser.add_argument(
        "--task",
        default="",
        metavar="MODULE:NAME",
        help="a task of your own, such as cold_chain:COLD_CHAIN (docs/own-schema.md)",
    )


def add_word(words: "Words", name: str, word: Word) -> None:
    """Add a word with its help and its arguments."""
    parser = words.add_parser(
        name,
        help=word.does,
        description=word.does,
        epilog=f"example:\n{word.example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    word.add_arguments(parser)
