# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The code blocks of the documentation, and the commands of those for a shell."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("bench/*.md")])

SEPARATORS: Final = frozenset({"&&", "||", "|", ";", "(", ")", "&", ";;"})
_REDIRECTIONS: Final = frozenset({">", ">>", "<", "2>", "2>&1", ">&"})
_SHELL_WORDS: Final = frozenset({"do", "done", "then", "fi", "else", "while", "if", "!"})
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_SUBSTITUTION: Final = re.compile(r"\$\(([^()]*)\)")
_FENCE: Final = re.compile(r"^( *)```(.*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block: the page it is on, the line it begins at, what it says it is, and its text."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def name(self) -> str:
        """Where it is, as an editor takes it."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    language, begin, kept, indent = "", 0, [""], 0
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        fence = _FENCE.match(line)
        if fence is None:
            kept.append(line[indent:] if begin else "")
        elif not begin:
            language, begin, kept, indent = fence[2].strip(), number, [], len(fence[1])
        else:
            yield Block(page=page, line=begin, language=language, text="\n".join(kept) + "\n")
            begin, indent = 0, 0
    assert not begin, f"{page.name}:{begin}: the block has no end"


def commands(script: str) -> Iterator[list[str]]:
    """Yield the words of each simple command of a script, without assignments and redirections."""
    for line in script.replace("\\\n", " ").splitlines():
        for inner in _SUBSTITUTION.findall(line):
            yield from commands(inner)
        plain = _SUBSTITUTION.sub("substituted", line)
        # A `#` begins a comment after white space alone, which shlex does not know.
        lexer = shlex.shlex(re.sub(r"(^|\s)#.*", "", plain), posix=True, punctuation_chars="();&|")
        lexer.whitespace_split = True
        lexer.commenters = ""
        yield from _simple(list(lexer))


def _simple(words: list[str]) -> Iterator[list[str]]:
    command: list[str] = []
    skip = False
    for word in [*words, ";"]:
        if word in SEPARATORS:
            if command and command[0] != "for":
                yield command
            command = []
        elif skip:
            skip = False
        elif word in _REDIRECTIONS:
            skip = True
        elif not command and (word in _SHELL_WORDS or _ASSIGNMENT.fullmatch(word)):
            continue
        else:
            command.append(word)
