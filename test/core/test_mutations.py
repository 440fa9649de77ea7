# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Valid answers are accepted and faulty ones refused for a right reason: a short run of `bench/false_alarms.py`.

Where a test fails, its message ends in what replays the failure.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Final

import pytest

from answers import ANSWERS_EACH, Answers, Case
from fallback_guard.core import validation
from fallback_guard.core.config import guard_config
from fallback_guard.core.decoding import ANSWER_RULES
from fallback_guard.core.failure_modes import FailureMode
from fallback_guard.core.judge import Judge
from fallback_guard.core.route_rules import ROUTE_RULES
from fallback_guard.core.route_rules import Case as Judged
from fallback_guard.core.rules import Refusal, Rule
from grounds import Ground, load_ground
from mutations import MUTATIONS
from oracle import VALID, judge
from trials import Outcome, Trial, try_mutation, try_valid

SEED: Final = 20
NAMES: Final = ("yard", "sample", "as_nav2_writes", "one_way_1000")
CASES_EACH: Final = 60
STRIDE: Final = ANSWERS_EACH + 1
"""Between the numbers of the answers, so that each is to a question of its own."""

MADE_EACH: Final = 36
"""Faulty answers of each kind, from all maps together."""


@cache
def ground(name: str) -> Ground:
    return load_ground(name)


@cache
def answers(name: str) -> Answers:
    return Answers(ground(name), SEED)


@cache
def cases() -> tuple[tuple[str, int, Case], ...]:
    """Return valid answers, the maps in turn."""
    return tuple(
        (name, number, answers(name).case(STRIDE * number))
        for number in range(CASES_EACH)
        for name in NAMES
    )


def replayed_by(name: str, number: int, mutation: str = "") -> str:
    place = f"{name}:{STRIDE * number}" + (f":{mutation}" if mutation else "")
    return f"python bench/false_alarms.py --seed {SEED} --replay {place}"


def made(mutation: str, name: str, number: int, case: Case) -> Trial:
    random = answers(name).random(mutation, STRIDE * number)
    return try_mutation(MUTATIONS[mutation], random, case)


@cache
def trials(mutation: str) -> tuple[Trial, ...]:
    """Return what came of a mutation, and check each."""
    found: list[Trial] = []
    for name, number, case in cases():
        trial = made(mutation, name, number, case)
        again = replayed_by(name, number, mutation)
        assert trial.outcome is not Outcome.WRONG, f"{trial.complaint}\n{again}"
        if trial.outcome is not Outcome.NOT_APPLIED:
            found.append(trial)
        if len(found) == MADE_EACH:
            break
    return tuple(found)


@pytest.mark.parametrize("name", NAMES)
def test_guard_and_oracle_read_the_same_map(name: str) -> None:
    seen, oracle = ground(name).paths.warehouse, ground(name).oracle
    assert {node.id: (node.x, node.y) for node in seen.nodes.values()} == oracle.nodes
    assert dict(seen.bins) == oracle.bins
    assert set(seen.edges) == set(oracle.hops)
    blocked = {pair for pair, hop in oracle.hops.items() if not hop.open}
    assert set(ground(name).paths.openness.blocked) == blocked
    assert blocked


def test_valid_answers_are_accepted() -> None:
    for name, number, case in cases():
        trial = try_valid(case)
        assert trial.outcome is Outcome.VALID, f"{trial.complaint}\n{replayed_by(name, number)}"


def test_an_answer_can_be_made_again() -> None:
    for name, number, case in cases()[-len(NAMES) :]:
        again = Answers(ground(name), SEED).case(STRIDE * number)
        assert (again.payload, again.answer) == (case.payload, case.answer)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_faulty_answers_are_refused_for_a_right_reason(mutation: str) -> None:
    outcomes = [trial.outcome for trial in trials(mutation)]
    expected = Outcome.REFUSED if MUTATIONS[mutation].right else Outcome.VALID
    assert expected in outcomes


def test_the_table_is_large_and_hits_every_failure_mode() -> None:
    assert len(MUTATIONS) >= 40
    wanted = {mode for rule in (*ANSWER_RULES, *ROUTE_RULES) for mode in rule.modes}
    hit = {trial.mode for mutation in MUTATIONS for trial in trials(mutation)}
    assert wanted - hit == set()
    assert FailureMode.INTERNAL_ERROR not in hit


def test_an_answer_that_ends_at_any_byte() -> None:
    _, _, case = min(cases(), key=lambda each: len(each[2].payload))
    question = case.question
    for end in range(len(case.payload.rstrip())):
        verdict = question.judge.verdict(question.prepared, case.payload[:end], source="llm:x")
        assert verdict.refusal is not None
        assert verdict.refusal.mode in (FailureMode.EMPTY, FailureMode.TRUNCATED)
        assert VALID not in judge(case.payload[:end], question.given).right


# The check can fail


def _let_through(rule: Rule[Judged]) -> Rule[Judged]:
    """Return a rule that looks, and finds nothing."""

    def check(case: Judged) -> Refusal | None:
        rule.check(case)
        return None

    return replace(rule, check=check)


@pytest.mark.parametrize(
    "broken",
    # What comes after `reachable` follows the way that it has found to be there.
    [rule for rule in ROUTE_RULES if rule.name != "reachable"],
    ids=lambda rule: rule.name,
)
def test_a_guard_without_one_of_its_rules_is_found_out(
    broken: Rule[Judged], monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = tuple(
        (stage, tuple(_let_through(rule) if rule is broken else rule for rule in rules))
        for stage, rules in validation.STAGES
    )
    monkeypatch.setattr(validation, "STAGES", stages)
    telling = [name for name, row in MUTATIONS.items() if row.right == set(broken.modes)] or [
        name for name, row in MUTATIONS.items() if row.right & set(broken.modes)
    ]
    assert any(
        made(mutation, name, number, case).outcome is Outcome.WRONG
        for mutation in telling
        for name, number, case in cases()
    )


def test_a_guard_that_is_too_strict_is_found_out() -> None:
    strict = guard_config({"capacity_pieces": 32_000, "payload_bytes_max": 512})
    outcomes = set()
    for name, _, case in cases():
        guard = Judge(config=strict, paths=ground(name).paths)
        question = replace(case.question, judge=guard)
        outcomes.add(try_valid(replace(case, question=question)).outcome)
    assert Outcome.WRONG in outcomes
