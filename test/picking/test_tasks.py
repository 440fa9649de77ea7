# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the simulated picker is asked for: always something that can be served, and the same for one seed."""

from __future__ import annotations

from itertools import islice, pairwise

import world
from fallback_guard.core.config import guard_config
from fallback_guard.core.judge import Judge
from fallback_guard.core.paths import Paths
from fallback_guard.core.request import PickRequest
from fallback_guard.core.request_rules import request_defect
from fallback_guard.maps.geojson import load_warehouse
from fallback_guard.picking.tasks import pick_requests

SAMPLE = load_warehouse(world.SAMPLE)


def requests(seed: int, count: int = 100) -> list[PickRequest]:
    """Return the first requests of a seed on the sample map."""
    made = pick_requests(SAMPLE, robot_id="p", start_node=1, items_max=3, seed=seed)
    return list(islice(made, count))


def test_a_seed_gives_the_same_requests() -> None:
    assert requests(7) == requests(7)
    assert requests(7) != requests(8)


def test_each_begins_where_the_last_one_ended() -> None:
    assert all(before.goal_node == after.start_node for before, after in pairwise(requests(1)))
    assert len({request.request_id for request in requests(1)}) == 100


def test_each_can_be_served() -> None:
    config = guard_config({})
    judge = Judge(config=config, paths=Paths(SAMPLE))
    for request in requests(3):
        assert 1 <= len(request.items) <= 3
        assert request_defect(request, SAMPLE, config) is None
        assert judge.prepare(request, request.start_node).standby is not None
