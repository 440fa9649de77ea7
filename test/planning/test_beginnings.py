# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""An answer is cut only when no guard could ever take it, which is tried on good answers and on hostile ones."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import world
from entrances import kept
from fallback_guard.core.config import guard_config
from fallback_guard.core.judge import Judge
from fallback_guard.core.limits import PAYLOAD_BYTES_MAX, STOPS_MAX
from fallback_guard.core.paths import Paths
from fallback_guard.core.request import PickItem, PickRequest
from fallback_guard.planning.beginnings import route_beginning
from fallback_guard.planning.completion import Completion, document_in
from fallback_guard.planning.faults import BadResponseError
from fallback_guard.planning.prompt import route_text
from fallback_guard.tools.hostile_answers import HOSTILE_KINDS, HostileKind, Question
from targets import REQUESTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_guard.core.prepared import PreparedRequest

JUDGE: Final = Judge(config=guard_config({"detour_factor": 4.0}), paths=Paths(world.warehouse()))
PREPARED: Final[dict[str, PreparedRequest]] = {
    name: JUDGE.prepare(request, request.start_node) for name, request in REQUESTS.items()
}
R_1, R_2 = REQUESTS["R-1"], REQUESTS["R-2"]


def is_taken(request: PickRequest, payload: bytes) -> bool:
    """Tell whether the guard lets an answer through."""
    verdict = JUDGE.verdict(PREPARED[request.request_id], payload, source="llm:test")
    return verdict.refusal is None


def first_hopeless(request: PickRequest, payload: bytes) -> int | None:
    """Return after how many bytes an answer is hopeless, and find that it stays so."""
    hopeless = route_beginning(request)
    said = [hopeless(payload[:count]) for count in range(len(payload) + 1)]
    assert all(text.isascii() and text.isprintable() and len(text) <= 240 for text in said)
    first = next((count for count, why in enumerate(said) if why), None)
    if first is not None:
        assert all(said[first:]), (payload, first)
    return first


def stop(item: PickItem, **more: object) -> dict[str, object]:
    """Return an item as a stop."""
    return {"bin": item.bin, "sku": item.sku, "quantity": item.quantity, **more}


# No beginning of an answer that is let through is hopeless.

BLANKS: Final = st.text(" \t\r\n", max_size=3)


@st.composite
def good_answers(draw: st.DrawFn) -> tuple[PickRequest, bytes]:
    """Write a right route in any way that JSON allows."""

    def string(text: str) -> str:
        at = draw(st.integers(-len(text), len(text) - 1))
        spelled = f"\\u{ord(text[at]):04{draw(st.sampled_from('xX'))}}"
        return f'"{text[:at]}{spelled}{text[at + 1 :]}"' if at >= 0 else f'"{text}"'

    def written(value: object) -> str:
        before, after = draw(BLANKS), draw(BLANKS)
        if isinstance(value, dict):
            members = draw(st.permutations(list(value.items())))
            text = ",".join(f"{before}{string(k)}{after}:{written(v)}" for k, v in members)
            return f"{before}{{{text}}}{after}"
        if isinstance(value, list):
            return f"{before}[{','.join(map(written, value))}]{after}"
        return before + (string(value) if isinstance(value, str) else json.dumps(value)) + after

    request = draw(st.sampled_from(list(REQUESTS.values())))
    items = draw(st.permutations(request.items))
    vias: st.SearchStrategy[dict[str, object]] = st.sampled_from([{}, {"via": None}, {"via": []}])
    route = {
        "version": 1,
        "request_id": request.request_id,
        "robot_id": request.robot_id,
        "stops": [stop(item, **draw(vias)) for item in items],
    }
    return request, written(route).encode()


@given(good_answers())
def test_no_beginning_of_a_good_answer_is_hopeless(good: tuple[PickRequest, bytes]) -> None:
    request, answer = good
    assert is_taken(request, answer)
    assert first_hopeless(request, answer) is None


def test_a_way_that_is_named_is_not_hopeless() -> None:
    """With every node of the legs, as a model writes them."""
    for file in kept("payload"):
        for request in REQUESTS.values():
            if is_taken(request, file.read_bytes()):
                assert first_hopeless(request, file.read_bytes()) is None, file


def test_the_longest_answer_is_not_hopeless_and_costs_little_to_follow() -> None:
    """What is complete is not read again for each letter; the count stands for the time."""
    items = tuple(PickItem(bin="A-1", sku=f"SKU-{n}", quantity=1) for n in range(STOPS_MAX))
    request = replace(R_1, items=items)
    answer = route_text(request).encode()
    assert first_hopeless(request, answer) is None
    assert route_beginning(request)(answer.ljust(PAYLOAD_BYTES_MAX)) == ""
    assert "longer than" in route_beginning(request)(answer.ljust(PAYLOAD_BYTES_MAX + 1))


# Whatever is hopeless is refused, however it goes on.


def completions(request: PickRequest, beginning: bytes, rest: bytes) -> Iterator[bytes]:
    """Go on with the answer's own rest, with the rest of right answers from every place, and by closing it."""
    yield beginning
    yield beginning + rest
    for items in permutations(request.items):
        right = route_text(replace(request, items=items)).encode()
        yield beginning + right
        for at in range(len(right)):
            yield beginning + right[at:]
    for left in range(1 + len(request.items)):
        more = ",".join(json.dumps(stop(item)) for item in request.items[left:])
        for joint in ("", '"', "}", "},", ",", "[", "]},"):
            for end in ("]}", "}", "", "]}]}"):
                yield beginning + f"{joint}{more}{end}".encode()


def check(request: PickRequest, answer: bytes) -> bool:
    """Find both promises kept on an answer; tell whether it is hopeless at some place."""
    at = first_hopeless(request, answer)
    if at is None:
        return False
    for whole in completions(request, answer[:at], answer[at:]):
        assert not is_taken(request, whole), (answer[:at], whole)
    return True


@pytest.mark.parametrize("file", kept("payload"), ids=lambda file: file.name)
def test_what_the_fuzzers_kept_is_cut_only_where_it_is_refused(file: object) -> None:
    assert hasattr(file, "read_bytes")
    for request in REQUESTS.values():
        check(request, file.read_bytes())


def _text(kind: HostileKind, request: PickRequest) -> bytes:
    question = Question(request=request, order=request.items, bins=("A-1", "A-2", "B-1", "C-1"))
    reply = HOSTILE_KINDS[kind].make(question)
    completion = Completion()
    try:
        completion.take(document_in(reply.body, "the response"), "message")
    except BadResponseError:
        return b""
    return completion.text[: PAYLOAD_BYTES_MAX // 8]


NOT_CUT: Final = {
    HostileKind.SLOW_DRIP,
    HostileKind.MALFORMED,
    HostileKind.LENGTH,
    HostileKind.OVERSIZE,
    HostileKind.EMPTY,
}
"""Nothing is wrong with the texts of these before they end."""


@pytest.mark.parametrize("kind", HostileKind)
def test_hostile_answers_are_cut_where_they_can_be(kind: HostileKind) -> None:
    text = _text(kind, R_1)
    assert check(R_1, text) is (bool(text) and kind not in NOT_CUT)


EDITS: Final = (
    ",", "{", "}", "[", "]", '"', ":", " ", "1", "0", "-", "e", "null", "true", "NaN", "'", "//", "\\", "\\u0041",
    "A-1", '"via":[1,2]', '"via":null,', '"bin":"A-1",', '"version":1,', '"x":1,', "\ufeff", "```", "<think>",
    "SKU-2", "é",
)  # fmt: skip


@settings(max_examples=60)
@given(st.data(), good_answers())
def test_answers_with_faults_are_cut_only_where_they_are_refused(
    data: st.DataObject, good: tuple[PickRequest, bytes]
) -> None:
    """Each made of a good one by a few changes."""
    request, answer = good
    text = answer.decode()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        upto = at + data.draw(st.integers(0, 4))
        text = text[:at] + data.draw(st.sampled_from(("", *EDITS))) + text[upto:]
    hopeless_at = first_hopeless(request, text.encode())
    if is_taken(request, text.encode()):
        assert hopeless_at is None
    if hopeless_at is not None:
        beginning, rest = text.encode()[:hopeless_at], text.encode()[hopeless_at:]
        wholes = list(completions(request, beginning, rest))
        for whole in data.draw(st.lists(st.sampled_from(wholes), max_size=20)):
            assert not is_taken(request, whole), (beginning, whole)


@given(st.binary(max_size=60))
def test_any_bytes_are_followed_without_a_fault(noise: bytes) -> None:
    first_hopeless(R_1, noise)
    first_hopeless(R_1, b'{"version":1,' + noise)


# What it says.

HEAD: Final = f'{{"version":1,"request_id":"R-1","robot_id":"{world.ROBOT}","stops":['
ONE: Final = json.dumps(stop(R_1.items[0]), separators=(",", ":"))


@pytest.mark.parametrize(
    ("beginning", "why"),
    [
        ("Sure! Here", "PROSE"),
        ("```json", "FENCED"),
        ("<think>Aisle A", "REASONING"),
        ("[{", "not begin with a brace"),
        ("{'version'", "SINGLE_QUOTES"),
        ('{"version":NaN', "NOT_FINITE"),
        ('{"version":2,', "version is not 1"),
        ('{"version":true', "word or a sign"),
        ('{"version":"1",', "version is not 1"),
        ('{"request_id":"R-2",', "request_id is not R-1"),
        ('{"robot_id":"R-2",', f"robot_id is not {world.ROBOT}"),
        ('{"plan":1,', "key 'plan' is not one of a route"),
        ('{"version":1,"version":1,', "a key twice"),
        ('{"stops":{"a":1}', "stops is not a list"),
        (HEAD + "1,", "stop 1 is not an object"),
        (HEAD + '{"bin":"Z-9",', "stop 1 is none of the items"),
        (HEAD + '{"quantity":77,', "stop 1 is none of the items"),
        (HEAD + f"{ONE},{ONE}", "stop 2 is none of the items that are left"),
        (HEAD + ONE[:-1] + ',"note":1}', "key 'note' is not one of a stop"),
        (HEAD + ONE[:-1] + ',"bin":"C-1",', "a key twice"),
        (HEAD + ONE[:-1] + ',"via":"5",', "via is not a list"),
        (HEAD + ONE[:-1] + ',"via":[1,-2]', "other than nodes"),
        (HEAD + ONE[:-1] + f',"via":{[1] * 129}'.replace(" ", ""), "more than 128 nodes"),
        (HEAD + '{"sku":"SKU-1"}', "lacks bin, sku or quantity"),
        (HEAD + "]}", "ends after 0 of"),
        ('{"stops":[]}', "ends without version"),
        (route_text(R_1) + " Good luck", "PROSE"),
        (route_text(R_1) + "{", "SEVERAL_DOCUMENTS"),
        ('{"a": [[[[1', "brackets are not those of a route"),
    ],
)  # fmt: skip
def test_the_reason_is_said_in_words(beginning: str, why: str) -> None:
    assert why in route_beginning(R_1)(beginning.encode())


def test_an_item_that_is_asked_for_twice_may_be_picked_twice() -> None:
    """And not three times."""
    twice, *_ = R_2.items
    assert R_2.items.count(twice) == 2
    one = json.dumps(stop(twice))
    head = HEAD.replace("R-1", "R-2")
    assert route_beginning(R_2)(f"{head}{one},{one},".encode()) == ""
    assert "left to pick" in route_beginning(R_2)(f"{head}{one},{one},{one},".encode())
