# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What calls meet: the shares add up, and each kind is what it is said to be."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from statistics import quantiles

import pytest

from fallback_guard.core.units import ns_to_seconds
from fallback_guard.pilot.intervals import share
from fallback_guard.pilot.mix import MALFORMED_KINDS, WRONG_KINDS, Fate, Mix, payload
from fallback_guard.pilot.settings import PilotError, PilotSettings, checked
from fallback_guard.pilot.unguarded import read_as_it_is
from fallback_guard.tools.hostile_answers import HostileKind
from fleets import BAD, book

CALLS = 4_000


def test_shares_are_those_of_the_settings() -> None:
    mix = Mix(BAD)
    met = Counter(mix.met(f"{number}").fate for number in range(4 * CALLS))
    assert met.total() == 4 * CALLS
    wanted = {
        Fate.MALFORMED: BAD.malformed_share,
        Fate.WRONG: BAD.wrong_share,
        Fate.TIMEOUT: BAD.timeout_share,
    }
    for fate, wished in wanted.items():
        assert share(met[fate], 4 * CALLS).holds(wished), fate


def test_every_kind_is_met() -> None:
    mix = Mix(BAD)
    kinds = {mix.met(f"call {number}").kind for number in range(CALLS)}
    assert kinds == {None, *MALFORMED_KINDS, *WRONG_KINDS}


def test_latency_is_what_was_asked_for() -> None:
    settings = PilotSettings(timeout_share=0.0)
    mix = Mix(settings)
    taken_s = [ns_to_seconds(mix.met(f"{number}").latency_ns) for number in range(CALLS)]
    cut = quantiles(taken_s, n=20)
    assert cut[9] == pytest.approx(settings.latency_p50_s, rel=0.05)
    assert cut[18] == pytest.approx(settings.latency_p95_s, rel=0.05)
    assert max(taken_s) <= settings.budget_s


def test_a_call_meets_the_same_again_and_with_another_seed_something_else() -> None:
    calls = [f"call {number}" for number in range(50)]
    first, again, other = Mix(BAD), Mix(BAD), Mix(replace(BAD, seed=2))
    assert [first.met(call) for call in calls] == [again.met(call) for call in calls]
    assert [first.met(call) for call in calls] != [other.met(call) for call in calls]


@pytest.mark.parametrize(("again", "wanted"), [(0.0, 0), (1.0, 100)])
def test_answers_after_a_refused_one_may_fail_by_a_share_of_their_own(
    again: float, wanted: int
) -> None:
    mix = Mix(replace(BAD, timeout_share=0.0, wrong_share=0.0, malformed_again_share=again))
    met = [mix.met(f"{number}", follows_refused=True).fate for number in range(100)]
    assert met.count(Fate.MALFORMED) == wanted


def said(kind: HostileKind | None) -> bytes:
    tour = book().tour(3)
    request = book().request(tour, robot_id="picker_1", request_id="R-1", on_due=True)
    return payload(book().question(tour, request), kind)


@pytest.mark.parametrize("kind", MALFORMED_KINDS)
def test_malformed_kinds_stop_a_robot_without_a_guard(kind: HostileKind) -> None:
    assert read_as_it_is(said(kind)) is None


@pytest.mark.parametrize("kind", WRONG_KINDS)
def test_wrong_kinds_are_read_and_are_not_the_right_plan(kind: HostileKind) -> None:
    right, wrong = read_as_it_is(said(None)), read_as_it_is(said(kind))
    assert right is not None
    assert wrong is not None
    assert sorted(wrong) != sorted(right)


NAN = float("nan")


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"malformed_share": -0.01}, "malformed_share"),
        ({"malformed_share": 1.01}, "malformed_share"),
        ({"timeout_share": NAN}, "timeout_share"),
        ({"malformed_again_share": NAN}, "malformed_again_share"),
        ({"malformed_share": 0.5, "timeout_share": 0.6}, "more than all"),
        ({"halt_s": float("inf")}, "halt_s"),
        ({"item_s": 0.0}, "item_s"),
        ({"latency_p95_s": 0.6}, "95th percentile"),
        ({"robots": 0}, "robots"),
        ({"robots": 101}, "robots"),
    ],
)
def test_settings_that_make_no_pilot_are_refused(changed: dict[str, float], named: str) -> None:
    with pytest.raises(PilotError, match=named):
        checked(replace(PilotSettings(), **changed))  # type: ignore[arg-type]  # robots alone is whole
