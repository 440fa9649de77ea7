# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the free text of a request names, and the marks that plain words put on it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_guard.core.limits import IDENTIFIER_CHARS_MAX, INSTRUCTIONS_CHARS_MAX
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.planning.wishes import (
    AISLE_MARKS,
    ITEM_MARKS,
    MENTIONS_MAX,
    Mark,
    Mention,
    Wishes,
    aisle_of,
    cue,
    mentions,
    wished,
)
from instructions import CASES, REQUEST, Case

GLASS, ANVIL, TOWEL, EGGS = REQUEST.items

TEXT: Final = st.text() | st.lists(
    st.sampled_from(
        [
            *(name for item in REQUEST.items for name in (item.sku, item.bin)),
            *(
                "aisle",
                "aisles C",
                "X",
                "Y",
                "first",
                "last",
                "avoid",
                "not",
                "before all",
                "n't",
                "wet",
            ),
            *(" ", ".", ",", "\0", "\N{RIGHT-TO-LEFT OVERRIDE}", "\ud800", "\n", "(", "\\"),
        ]
    )
).map(" ".join)


def request_with(said: str, *items: tuple[str, str]) -> PickRequest:
    """Return a request with these instructions, and items by SKU and bin where they matter."""
    named = tuple(PickItem(sku=sku, bin=name, quantity=1) for sku, name in items)
    return replace(REQUEST, instructions=said, items=named or REQUEST.items)


def named_in(request: PickRequest) -> list[str]:
    """Return what a request's instructions name: SKUs, and aisles with a blank before them."""
    return [
        f" {mention.aisle}" if mention.aisle else "+".join(sorted(one.sku for one in mention.items))
        for mention in mentions(request)
    ]


# What is named.


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("", []),
        ("The customer is called Smith.", []),
        ("Pick GLASS-7 last.", ["GLASS-7"]),
        ("Pick what lies in A-12 last.", ["GLASS-7"]),
        ("GLASS-7 lies in A-12.", ["GLASS-7", "GLASS-7"]),
        ("EGGS-9 after ANVIL-2. EGGS-9 is last.", ["EGGS-9", "ANVIL-2"]),
        ("(ANVIL-2)", ["ANVIL-2"]),
        ("glass-7, XGLASS-7, GLASS-77, GLASS-7-B, GLASS-7.5", []),
        ("Aisle C is wet, and so is aisle b. AISLES CD, too.", [" C", " B", " CD"]),
        ("The aisle is wet, the aisle to the left as well.", []),
        ("aisle  C, aisleC, aisle Casablanca", []),
        ("aisle C, aisle c, Aisles C", [" C"]),
    ],
)
def test_items_are_named_by_sku_and_bin_and_aisles_as_aisles(said: str, named: list[str]) -> None:
    assert named_in(request_with(said)) == named


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("SKU-1 first.", ["SKU-1"]),
        ("SKU-12 first.", ["SKU-12"]),
        ("SKU-1.5 first.", ["SKU-1.5"]),
        ("SKU-1.5 first, SKU-1 last.", ["SKU-1.5", "SKU-1"]),
        ("SKU-1:2 first.", []),
    ],
)
def test_a_name_within_another_is_not_named(said: str, named: list[str]) -> None:
    request = request_with(said, ("SKU-1", "A-1"), ("SKU-12", "A-12"), ("SKU-1.5", "A-3"))
    assert named_in(request) == named


def test_a_name_that_several_items_have_names_them_all() -> None:
    request = request_with("S-1 first.", ("S-1", "A-1"), ("S-1", "B-1"), ("S-2", "B-2"))
    assert [mention.items for mention in mentions(request)] == [frozenset(request.items[:2])]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Take GLASS-7. Thanks! GLASS-7 breaks.", ["Take X. X breaks."]),
        ("Take GLASS-7 from aisle B.", ["Take X from Y.", "Take Y from X."]),
        ("X and Y are GLASS-7.", ["Z and Z are X."]),
    ],
)  # fmt: skip
def test_a_mention_shows_its_sentences_and_no_names(said: str, shown: list[str]) -> None:
    assert [mention.said for mention in mentions(request_with(said))] == shown


def test_an_item_called_x_is_no_placeholder() -> None:
    request = request_with("Take X last and B-1 first.", ("X", "A-9"), ("S-2", "B-1"))
    assert [(cue(mention), mention.said) for mention in mentions(request)] == [
        (Mark.LAST, "Take X last and Y first."),
        (Mark.FIRST, "Take Y last and X first."),
    ]


# Text that is meant to hurt.


def test_text_is_read_up_to_its_limit() -> None:
    said = "x" * (INSTRUCTIONS_CHARS_MAX - len(" GLASS-7")) + " GLASS-7"
    assert named_in(request_with(said)) == ["GLASS-7"]
    assert named_in(request_with(" " + said)) == []
    assert named_in(request_with("GLASS-7 last. " + " EGGS-9" * 1_500_000)) == ["GLASS-7", "EGGS-9"]


@pytest.mark.parametrize(
    "name", ["(a+)+$", "[", "\\", ".*", "a|b", "{1,9}", "^", "(?P<x>", "S-1)", "$", "*"]
)
def test_a_name_is_no_regular_expression(name: str) -> None:
    assert named_in(request_with(f"Take {name} now", (name, "A-1"), ("S-2", "A-2"))) == [name]
    assert named_in(request_with("aaaaaa S-1 b", (name, "A-1"))) == []


@pytest.mark.parametrize("name", ["", "n" * (IDENTIFIER_CHARS_MAX + 1), "n" * 10_000_000])
def test_a_name_that_the_guard_refuses_is_named_nowhere(name: str) -> None:
    assert named_in(request_with(f"Take it. {name[:100]}", (name, "A-1"))) == []


@pytest.mark.parametrize(
    "said",
    [
        "aisle C " * 512,
        "GLASS-7 " * 512,
        "not " * 1_024,
        "before " * 585,
        "a" * 4_096,
        ". " * 2_048,
        " \t\n" * 1_365,
        "GLASS-7" + " no never to" * 340,
        "GLASS-7 " + "first" * 800,
        "".join(f"aisle {chr(65 + number % 26)}{number} " for number in range(400)),
    ],
    ids=lambda said: said[:12],
)
def test_hostile_text_costs_little(said: str) -> None:
    """A pattern that went back over its text would not end; what is found stays within its limit."""
    found = mentions(request_with(said))
    assert len(found) <= MENTIONS_MAX
    assert all(cue(mention) in (None, *mention.marks) for mention in found)


def test_no_more_than_a_few_names_are_taken() -> None:
    names = [(f"S-{number}", f"A-{number}") for number in range(MENTIONS_MAX + 1)]
    said = " ".join(sku for sku, _ in names)
    assert named_in(request_with(said, *names)) == [sku for sku, _ in names[:MENTIONS_MAX]]


@given(TEXT, st.lists(st.tuples(st.text(max_size=70), st.text(max_size=70)), max_size=3))
def test_nothing_raises_whatever_is_said(said: str, names: list[tuple[str, str]]) -> None:
    for mention in mentions(request_with(said, *names)):
        assert mention.items or mention.aisle
        assert cue(mention) in (None, *mention.marks)


# What is said.


@pytest.mark.parametrize(
    ("said", "mark"),
    [
        ("Take X first.", Mark.FIRST),
        ("START WITH X!", Mark.FIRST),
        ("X before everything else", Mark.FIRST),
        ("X is fragile.", Mark.LAST),
        ("Y first, X last.", Mark.LAST),
        ("Y first and X last.", Mark.LAST),
        ("Take Y first; then X.", Mark.FIRST),  # Its own words say nothing, and the sentence says one thing.
        ("X is not urgent.", None),
        ("X is no longer urgent.", None),
        ("X isn't fragile.", None),
        ("Never take X first.", None),
        ("X first or last.", None),
        ("X is blue.", None),
        ("The first order holds X.", None),
        ("X came last Tuesday.", None),
        ("X: first shelf, first time.", Mark.FIRST),
        ("Stay out.", None),
        ("X is at the firsthand shop.", None),
        ("", None),
    ],
)  # fmt: skip
def test_plain_words_put_a_mark_on_an_item(said: str, mark: Mark | None) -> None:
    assert cue(Mention(said=said, items=frozenset({GLASS}))) is mark


@pytest.mark.parametrize(
    ("said", "mark"),
    [
        ("X is wet.", Mark.AVOID),
        ("Do not enter X.", Mark.AVOID),
        ("Don't go into X, it is blocked.", Mark.AVOID),
        ("X is not blocked.", None),
        ("X is no longer wet.", None),
        ("X isn't closed.", None),
        ("Take what lies in X first.", None),
    ],
)
def test_plain_words_put_a_mark_on_an_aisle(said: str, mark: Mark | None) -> None:
    found = cue(Mention(said=said, aisle="C"))
    assert found is mark or (found is None and "Don't" in said)


@pytest.mark.parametrize(
    "case", [case for some in CASES.values() for case in some], ids=lambda case: case.said
)
def test_plain_words_are_never_read_wrongly(case: Case) -> None:
    """They may say nothing, which is then the model's to read."""
    for mention in mentions(replace(REQUEST, instructions=case.said)):
        skus = {item.sku for item in mention.items}
        means = {
            Mark.FIRST: skus & set(case.first),
            Mark.LAST: skus & set(case.last),
            Mark.AVOID: {mention.aisle} & set(case.avoid),
        }
        said = next((mark for mark, names in means.items() if names), Mark.ANY)
        assert cue(mention) in (None, said), mention.said


def test_most_plain_words_are_read() -> None:
    """Of the tried ones all that wish anything, or else the table has lost a row."""
    for case in CASES["tried"]:
        marks = [
            (mention, cue(mention) or Mark.ANY) for mention in mentions(request_with(case.said))
        ]
        found = wished(marks)
        assert {item.sku for item in found.first} == set(case.first), case.said
        assert {item.sku for item in found.last} == set(case.last), case.said
        assert found.avoid == set(case.avoid), case.said


# All of it together.


def test_what_is_said_first_of_an_item_counts() -> None:
    by_sku = Mention(said="X first.", items=frozenset({GLASS}))
    by_bin = Mention(said="X last.", items=frozenset({GLASS, EGGS}))
    aisle = Mention(said="X is wet.", aisle="C")
    other = Mention(said="X is dry.", aisle="B")
    marks = [(by_sku, Mark.FIRST), (by_bin, Mark.LAST), (aisle, Mark.AVOID), (other, Mark.ANY)]
    assert wished(marks) == Wishes(
        first=frozenset({GLASS}), last=frozenset({EGGS}), avoid=frozenset({"C"})
    )
    assert wished([(by_sku, Mark.ANY), (by_bin, Mark.LAST)]).last == {GLASS, EGGS}
    assert wished([]) == Wishes()


@pytest.mark.parametrize(
    ("name", "aisle"),
    [("A-12", "A"), ("b7", "B"), ("C.1", "C"), ("HALL:3", "HALL"), ("12", ""), ("A", ""), ("", ""),
     ("-1", ""), ("A--1", ""), ("z" * 10_000_000, "")],
    ids=lambda text: text[:8],
)  # fmt: skip
def test_the_aisle_of_a_bin_stands_before_its_number(name: str, aisle: str) -> None:
    assert aisle_of(name) == aisle


def test_each_thing_has_its_marks() -> None:
    assert Mention(said="", aisle="C").marks is AISLE_MARKS
    assert Mention(said="", items=frozenset({TOWEL, ANVIL})).marks is ITEM_MARKS
