# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Which command is followed, and for how long: the rule, tried one step before, at and after each edge."""

from __future__ import annotations

import pytest

from fallback_guard.core.sequences import SEQUENCE_MAX
from fallback_guard.driving.lease import Lease

LEASE_NS = 500
START_NS = 10_007


def leased(*, heartbeat: int = 7) -> Lease:
    """Return a lease with a command that was taken over at START_NS, from a guard that had been heard."""
    lease = Lease()
    lease.heard(heartbeat, START_NS - 1)
    assert lease.take_over(100, LEASE_NS, START_NS)
    return lease


def test_nothing_holds_before_the_first_command() -> None:
    lease = Lease()
    assert lease.sequence == 0
    assert not lease.holds(START_NS)
    lease.heard(1, START_NS)
    lease.heard(2, START_NS)
    assert not lease.holds(START_NS)
    assert not lease.has_run_out(START_NS)


@pytest.mark.parametrize(
    ("sequence", "taken"),
    [
        (0, False),
        (99, False),
        (100, False),
        (101, True),
        (SEQUENCE_MAX, True),
        (SEQUENCE_MAX + 1, False),
        (2**64 - 1, False),
    ],
)
def test_only_a_sequence_that_rises_is_taken_over(sequence: int, taken: bool) -> None:  # noqa: FBT001
    lease = leased()
    assert lease.take_over(sequence, LEASE_NS, START_NS + 1) is taken
    assert lease.sequence == (sequence if taken else 100)
    assert lease.holds(START_NS + 1 + LEASE_NS) is taken, "what is not taken renews nothing"


@pytest.mark.parametrize(("later_ns", "holds"), [(-1, True), (0, True), (1, False)])
def test_it_holds_for_its_length(later_ns: int, holds: bool) -> None:  # noqa: FBT001
    lease = leased()
    assert lease.holds(START_NS + LEASE_NS + later_ns) is holds
    assert lease.has_run_out(START_NS + LEASE_NS + later_ns) is not holds


@pytest.mark.parametrize("lease_ns", [0, -1, -(2**31) * 10**9])
def test_a_lease_without_length_never_holds(lease_ns: int) -> None:
    lease = Lease()
    assert lease.take_over(1, lease_ns, START_NS)
    assert not lease.holds(START_NS)
    assert lease.has_run_out(START_NS)


@pytest.mark.parametrize(("heartbeat", "renews"), [(6, False), (7, False), (8, True)])
def test_a_rise_of_the_heartbeat_alone_renews(heartbeat: int, renews: bool) -> None:  # noqa: FBT001
    lease = leased()
    assert lease.heard(heartbeat, START_NS + 300) is (heartbeat < 7)
    assert lease.holds(START_NS + 300 + LEASE_NS) is renews


def test_a_guard_that_is_inactive_renews_nothing() -> None:
    lease = leased()
    for heartbeat in range(8, 20):
        assert not lease.heard(heartbeat, START_NS + heartbeat, decides=False)
    assert lease.holds(START_NS + LEASE_NS)
    assert not lease.holds(START_NS + LEASE_NS + 1)
    lease.heard(20, START_NS + 400)
    assert lease.holds(START_NS + 400 + LEASE_NS), "active again before the end"


def test_another_guard_renews_only_its_own_command() -> None:
    lease = leased()
    assert lease.heard(1, START_NS + 100)
    for heartbeat in range(2, 20):
        assert not lease.heard(heartbeat, START_NS + 100 + heartbeat)
    assert not lease.holds(START_NS + LEASE_NS + 1)
    assert lease.take_over(101, LEASE_NS, START_NS + 600)
    lease.heard(20, START_NS + 700)
    assert lease.holds(START_NS + 700 + LEASE_NS)


def test_what_has_run_out_stays_so_although_nobody_looked() -> None:
    lease = leased()
    lease.heard(8, START_NS + LEASE_NS + 1)
    assert not lease.holds(START_NS + LEASE_NS + 1)
    assert lease.has_run_out(START_NS + LEASE_NS + 2)
    lease.heard(9, START_NS + LEASE_NS + 3)
    assert not lease.holds(START_NS + LEASE_NS + 3)


def test_the_end_is_told_once_for_each_command() -> None:
    lease = leased()
    late_ns = START_NS + LEASE_NS + 1
    assert lease.has_run_out(late_ns)
    assert not lease.has_run_out(late_ns + 1)
    lease.take_over(101, LEASE_NS, late_ns + 2)
    assert not lease.has_run_out(late_ns + 3)
    assert lease.has_run_out(late_ns + 3 + LEASE_NS)
