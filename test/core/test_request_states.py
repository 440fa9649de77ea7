# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The life of a request: every pair of state and input, and the drawing of it."""

from __future__ import annotations

import itertools

import pytest

from fallback_guard.core import request_states
from fallback_guard.core.records import RequestRecord
from fallback_guard.core.request_states import (
    MAY_SEND_ROUTE,
    OPEN,
    TERMINAL,
    TRANSITIONS,
    RequestInput,
    RequestState,
    after,
)

PAIRS = list(itertools.product(RequestState, RequestInput))


@pytest.mark.parametrize(("state", "event"), PAIRS)
def test_listed_pairs_move_and_all_others_change_nothing(
    state: RequestState, event: RequestInput
) -> None:
    record = RequestRecord(request_id="R-1", robot_id="picker_1", state=state)
    expected = TRANSITIONS.get((state, event))
    assert after(state, event) is expected
    assert record.accept(event) is (expected is not None)
    assert record.state is (state if expected is None else expected)


def test_terminal_states_stay_terminal() -> None:
    assert {RequestState.ROUTED, RequestState.RECOVERED, RequestState.CLOSED} == TERMINAL
    for state, event in itertools.product(TERMINAL, RequestInput):
        assert after(state, event) is None


def test_no_state_comes_back_once_the_request_is_decided() -> None:
    for (state, _), following in TRANSITIONS.items():
        if state not in OPEN:
            assert following not in OPEN
            assert following > state


def test_every_state_but_the_first_is_reached_and_every_input_is_used() -> None:
    assert set(TRANSITIONS.values()) | {RequestState.PLANNING} == set(RequestState)
    assert {event for _, event in TRANSITIONS} == set(RequestInput)


def test_where_a_route_may_be_sent_is_where_an_answer_is_looked_at() -> None:
    takes = {state for state, event in TRANSITIONS if event is RequestInput.ROUTE_ACCEPTED}
    assert takes | {RequestState.STAGED} == MAY_SEND_ROUTE


def test_the_drawing_names_every_state_with_a_way_in_or_out() -> None:
    drawing = request_states.__doc__ or ""
    lines = [line for line in drawing.splitlines() if "--" in line]
    drawn = {state for state in RequestState if any(state.name in line for line in lines)}
    assert set(RequestState) - drawn <= {RequestState.CLOSED}
    for line in lines:
        states = [
            word for word in line.replace("-", " ").replace(">", " ").split() if word.isupper()
        ]
        for start, end in itertools.pairwise(states):
            assert RequestState[end] in {
                to for (state, _), to in TRANSITIONS.items() if state is RequestState[start]
            }, line


def test_a_superseded_request_is_closed_by_its_safe_move() -> None:
    record = RequestRecord(request_id="R-1", robot_id="picker_1", state=RequestState.DUE)
    states = []
    for change in (record.supersede, record.halt):
        change()
        states.append(record.state)
    assert states == [RequestState.DUE, RequestState.CLOSED]
