# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A model that says what a test wrote down, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fallback_guard.planning.llm import Answer, Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_guard.planning.llm import Question
    from fallback_guard.planning.methods import Brief, Plan


@dataclass(kw_only=True)
class Script:
    """What is asked in place of a model: `says` makes an answer of each question, and of its number from 0 on."""

    says: Callable[[Question, int], Answer]
    asked: list[Question] = field(default_factory=list)

    async def ask(self, question: Question) -> Answer:
        """Answer at once."""
        self.asked.append(question)
        return self.says(question, len(self.asked) - 1)


def saying(payload: bytes) -> Script:
    """Return a model that always says the same."""
    answer = Answer(payload=payload, usage=Usage(prompt_tokens=10, completion_tokens=1))
    return Script(says=lambda _question, _number: answer)


def planned(plan: Plan, brief: Brief, script: Script) -> Answer:
    """Return what comes of one attempt."""

    async def run() -> Answer:
        return await plan(brief, script.ask)

    return asyncio.run(run())
