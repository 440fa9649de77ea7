# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""How likely a label is, beside an empty text: what is asked, what is learned, and what is believed."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.planning.labels import LabelReader
from fallback_guard.planning.llm import Answer, Question, Usage
from fallback_guard.planning.wishes import MENTIONS_MAX, Mark, Wishes
from instructions import REQUEST
from scripted import Script

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fallback_guard.core.request import PickRequest

GLASS, ANVIL, TOWEL, EGGS = REQUEST.items
EMPTY_CALLS: Final = 4
"""Empty texts whose likelihoods are learned."""

USAGE: Final = Usage(prompt_tokens=100, completion_tokens=1)
USUAL: Final = {"first": -0.1, "last": -3.0, "any": -4.0, "avoid": -0.5}
"""What the model says of anything: without calibration always the same."""


def said(text: str) -> PickRequest:
    return replace(REQUEST, instructions=text)


def is_empty(question: Question) -> bool:
    return question.messages[-1].content in ("X.", "X", "N/A", "X and Y.")


def model(of_text: Mapping[str, float], usual: Mapping[str, float] = USUAL) -> Script:
    """Return a model with `usual` likelihoods for empty texts, and others for all other texts."""

    def says(question: Question, _number: int) -> Answer:
        likely = usual if is_empty(question) else of_text
        return Answer(payload=b"first", usage=USAGE, likelihoods=likely)

    return Script(says=says)


def speaker(word: bytes, empty: bytes = b"any") -> Script:
    """Return a model that says one word, and whose endpoint tells no likelihoods."""
    return Script(says=lambda question, _: Answer(payload=empty if is_empty(question) else word))


def read(script: Script, *requests: PickRequest) -> list[tuple[Wishes, Answer]]:
    """Return what one reader makes of requests in a row."""
    reader = LabelReader()

    async def run() -> list[tuple[Wishes, Answer]]:
        return [await reader.wishes(request, script.ask) for request in requests]

    return asyncio.run(run())


def test_plain_words_ask_nothing() -> None:
    script = model({})
    assert read(script, said("GLASS-7 last. Avoid aisle C."), said("Hello."), said("")) == [
        (Wishes(last=frozenset({GLASS}), avoid=frozenset({"C"})), Answer()),
        (Wishes(), Answer()),
        (Wishes(), Answer()),
    ]
    assert script.asked == []


@pytest.mark.parametrize(
    ("of_text", "wishes"),
    [
        # The largest gain over the empty text, not the largest likelihood.
        ({"first": -0.1, "last": -1.0, "any": -4.0}, Wishes(last=frozenset({GLASS}))),
        ({"first": -0.05, "last": -3.0, "any": -4.0}, Wishes(first=frozenset({GLASS}))),
        ({"first": -0.1, "last": -3.0, "any": -3.9}, Wishes()),
        (USUAL, Wishes()),
        ({"fi": -0.01, "la": -9.0, "a": -9.0}, Wishes(first=frozenset({GLASS}))),
        # What names no label, or is too unlikely to be told, says nothing.
        ({"the": -0.1, "": -0.1}, Wishes()),
        ({"first": -900.0, "last": -1000.0}, Wishes()),
    ],
)
def test_the_label_that_gains_most_is_read(of_text: Mapping[str, float], wishes: Wishes) -> None:
    [(found, answer)] = read(model(of_text), said("GLASS-7 is blue."))
    assert (found, answer.failure) == (wishes, None)


def test_an_aisle_has_its_own_labels_and_its_own_empty_texts() -> None:
    script = model({"avoid": -0.1, "any": -9.0, "first": -9.0, "last": -9.0})
    [(found, _)] = read(script, said("A cat sleeps in aisle C. GLASS-7 is blue."))
    assert found.avoid == {"C"}
    of_aisles, of_items = ("avoid", "any"), ("first", "last", "any")
    assert [question.labels for question in script.asked] == [of_aisles] * 5 + [of_items] * 5


def test_the_empty_texts_are_asked_once() -> None:
    script = model({"first": -0.1, "last": -1.0, "any": -4.0})
    requests = [said("GLASS-7 is blue."), said("EGGS-9 is blue and so is TOWEL-4.")]
    found = read(script, *requests)
    assert [is_empty(question) for question in script.asked] == [True] * EMPTY_CALLS + [False] * 3
    assert [wishes.last for wishes, _ in found] == [{GLASS}, {EGGS, TOWEL}]
    assert [answer.usage for _, answer in found] == [
        Usage(prompt_tokens=500, completion_tokens=5),
        Usage(prompt_tokens=200, completion_tokens=2),
    ]


def test_a_question_is_a_chat_of_examples_that_ends_with_the_text() -> None:
    script = model({})
    read(script, said("GLASS-7 is blue."))
    for question in script.asked:
        assert (question.form, question.schema) == ("none", {})
        assert [message.role for message in question.messages] == ["user", "assistant"] * 15 + [
            "user"
        ]
        answers = {message.content for message in question.messages if message.role == "assistant"}
        assert answers == set(question.labels)
    assert script.asked[-1].messages[-1].content == "X is blue."


@pytest.mark.parametrize(
    ("word", "wishes"),
    [
        (b"first", Wishes(first=frozenset({GLASS}))),
        (b" Last\n", Wishes(last=frozenset({GLASS}))),
        (b"any", Wishes()),
        (b"", Wishes()),
        (b"\xff", Wishes()),
        (b"firstly, it depends", Wishes()),
    ],
)
@pytest.mark.parametrize("empty", [b"any", b"first", b"last", b"", b"?"])
def test_an_endpoint_without_likelihoods_is_read_by_its_word(
    word: bytes, empty: bytes, wishes: Wishes
) -> None:
    """Whatever it says of an empty text: of one word it is not known how likely it was."""
    assert read(speaker(word, empty), said("GLASS-7 is blue."))[0][0] == wishes


@pytest.mark.parametrize("failing", range(EMPTY_CALLS + 2))
def test_a_failure_is_passed_on_with_what_was_spent(failing: int) -> None:
    """And nothing half learned is kept: the next request learns the empty texts."""
    failure = Answer(failure=FailureMode.PLANNER_TIMEOUT, detail="too late", usage=USAGE)

    def says(_question: Question, number: int) -> Answer:
        return failure if number == failing else Answer(usage=USAGE, likelihoods=USUAL)

    script = Script(says=says)
    request = said("GLASS-7 is blue. EGGS-9 is blue.")
    (wishes, answer), (_, again) = read(script, request, request)
    assert wishes == Wishes()
    assert (answer.failure, answer.detail, answer.payload) == (failure.failure, "too late", b"")
    assert answer.usage.completion_tokens == failing + 1
    assert again.failure is None
    assert again.usage.completion_tokens == (2 if failing >= EMPTY_CALLS else EMPTY_CALLS + 2)


def test_what_is_named_beyond_the_limit_costs_nothing() -> None:
    items = tuple(replace(GLASS, sku=f"S-{number}") for number in range(MENTIONS_MAX + 5))
    request = replace(REQUEST, items=items, instructions=" ".join(item.sku for item in items))
    script = model(USUAL)
    read(script, request)
    assert len(script.asked) == EMPTY_CALLS + MENTIONS_MAX


@given(
    st.dictionaries(st.text(max_size=6) | st.sampled_from(["first", "a", "any"]), st.floats()),
    st.binary(max_size=10),
    st.text(max_size=40).map("GLASS-7 {} aisle C".format),
)
def test_nothing_raises_whatever_the_model_says(
    likely: dict[str, float], payload: bytes, text: str
) -> None:
    answer = Answer(payload=payload, likelihoods=likely)
    [(wishes, found)] = read(Script(says=lambda _question, _number: answer), said(text))
    assert found.failure is None
    assert wishes.avoid <= {"C"}
    assert wishes.first | wishes.last <= set(REQUEST.items)


def test_a_likelihood_that_is_no_number_says_nothing() -> None:
    [(wishes, _)] = read(model({"first": math.nan}), said("GLASS-7 is blue."))
    assert wishes == Wishes()


def test_every_mark_is_one_label() -> None:
    """Labels of one kind have to differ in their first token, which two letters are at least."""
    for marks in ((Mark.FIRST, Mark.LAST, Mark.ANY), (Mark.AVOID, Mark.ANY)):
        assert len({mark.value[:2] for mark in marks}) == len(marks)
