# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Reading instructions with the smallest models: plain words by a table, the rest by how likely one word is.

A model of a hundred million parameters says the same label whatever it is asked.  How much likelier a text makes a
label than an empty text does still tells something (T. Z. Zhao et al., "Calibrate Before Use", ICML 2021), so that is
compared, not what the model says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from fallback_guard.core.request import PickRequest
from fallback_guard.planning.llm import Answer, Ask, Question, Usage
from fallback_guard.planning.prompt import Message
from fallback_guard.planning.wishes import Mark, Mention, Wishes, cue, mentions, wished

_EMPTY: Final = ("X.", "X", "N/A", "X and Y.")
"""Texts that say nothing of X."""

_UNLIKELY: Final = -20.0
"""The logarithm of a likelihood that is too small to be told."""

_ITEM_SHOTS: Final = (
    ("Take X first.", Mark.FIRST), ("Take X last.", Mark.LAST), ("X is blue.", Mark.ANY),
    ("X is heavy, so it goes to the bottom.", Mark.FIRST), ("X breaks easily, so it goes on top.", Mark.LAST),
    ("X is for a customer called Jones.", Mark.ANY), ("Begin with X.", Mark.FIRST), ("End with X.", Mark.LAST),
    ("X is urgent.", Mark.FIRST), ("X can wait until the end.", Mark.LAST), ("Take Y first and X last.", Mark.LAST),
    ("Take X first and Y last.", Mark.FIRST), ("X is fragile.", Mark.LAST),
    ("Before anything else fetch X.", Mark.FIRST), ("There are many X.", Mark.ANY),
)  # fmt: skip
_AISLE_SHOTS: Final = (
    ("Stay out of X.", Mark.AVOID), ("X is tidy again.", Mark.ANY), ("The floor of X is wet.", Mark.AVOID),
    ("X has new lamps.", Mark.ANY), ("People work in X.", Mark.AVOID), ("X is closed.", Mark.AVOID),
    ("X is open again.", Mark.ANY), ("Take care, a pallet lies in X.", Mark.AVOID), ("The tea stands in X.", Mark.ANY),
    ("Do not drive through X.", Mark.AVOID),
)  # fmt: skip

Likelihoods = Mapping[str, float]
"""Label -> natural logarithm of its likelihood."""


class LabelReader:
    """Reads the wishes of instructions; learns once what the model says of empty texts."""

    def __init__(self) -> None:
        """Know nothing of the model yet."""
        self._empty: dict[tuple[Mark, ...], Likelihoods] = {}

    async def wishes(self, request: PickRequest, ask: Ask) -> tuple[Wishes, Answer]:
        """Return the wishes, and an answer that holds what reading them cost, or why they could not be read."""
        marks: list[tuple[Mention, Mark]] = []
        total = Answer()
        for mention in mentions(request):
            mark = cue(mention)
            if mark is None:
                answer, likely = await self._likelihoods(mention, ask)
                total = replace(answer, payload=b"", usage=total.usage + answer.usage)
                if answer.failure is not None:
                    return Wishes(), total
                mark = max(
                    mention.marks, key=lambda label: (likely[label.value], label is Mark.ANY)
                )
            marks.append((mention, mark))
        return wished(marks), total

    async def _likelihoods(self, mention: Mention, ask: Ask) -> tuple[Answer, Likelihoods]:
        """Return how much likelier each label is than after an empty text."""
        usage = Usage()
        if mention.marks not in self._empty:
            empty: list[Likelihoods] = []
            for text in _EMPTY:
                answer = await ask(_question(text, mention.marks))
                usage += answer.usage
                if answer.failure is not None:
                    return replace(answer, usage=usage), MappingProxyType({})
                empty.append(_read(answer, mention.marks))
            self._empty[mention.marks] = {
                mark.value: sum(one[mark.value] for one in empty) / len(empty)
                for mark in mention.marks
            }
        answer = await ask(_question(mention.said, mention.marks))
        said, before = _read(answer, mention.marks), self._empty[mention.marks]
        if not answer.likelihoods or max(said.values()) == _UNLIKELY:
            # One word says nothing of how much likelier it is; and no label at all says nothing of any.
            before = dict.fromkeys(before, 0.0)
        return (
            replace(answer, usage=usage + answer.usage),
            {label: said[label] - before[label] for label in said},
        )


def _question(text: str, marks: Sequence[Mark]) -> Question:
    shots = _AISLE_SHOTS if Mark.AVOID in marks else _ITEM_SHOTS
    messages: list[Message] = []
    for said, mark in (*shots, (text, None)):
        messages.append(Message(role="user", content=said))
        if mark is not None:
            messages.append(Message(role="assistant", content=mark.value))
    return Question(
        messages=messages, schema={}, form="none", labels=tuple(mark.value for mark in marks)
    )


def _read(answer: Answer, marks: Sequence[Mark]) -> Likelihoods:
    """Return the likelihood of each label; where the endpoint tells none, of the one that it said."""
    said = answer.payload.decode("utf-8", "replace").strip().lower()
    likely = answer.likelihoods or {said: 0.0}
    return {
        mark.value: max(
            (
                _UNLIKELY,
                *(
                    value
                    for token, value in likely.items()
                    if token and mark.value.startswith(token)
                ),
            )
        )
        for mark in marks
    }
