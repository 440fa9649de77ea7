# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A pick request with everything about it that can be known before an answer comes."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from fallback_guard.core.motion import ValidatedRoute
from fallback_guard.core.paths import Legs, Paths
from fallback_guard.core.request import PickRequest

Said = tuple[str, str, int]
"""Bin, sku and quantity of a line or a stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRequest:
    """A request on a map as it is open now, for a robot that starts on a certain node.

    `legs` are the ways between all places of the request: `start_place`, `place_of_bin`, `goal_place`.
    `asked` says how often each of its lines is in it, `asked_once` holds them where none is there twice (else
    nothing), so that most answers need no counting; `standby` is the route that the guard itself would
    drive, where there is one.
    """

    request: PickRequest
    paths: Paths
    legs: Legs
    start_place: int
    goal_place: int
    place_of_bin: Mapping[str, int]
    asked: Mapping[Said, int]
    asked_once: frozenset[Said]
    standby: ValidatedRoute | None = None


def prepare(request: PickRequest, paths: Paths, *, start_node: int) -> PreparedRequest:
    """Look up every way that an answer may take.  The request's nodes and bins have to be on the map."""
    bins = paths.warehouse.bins
    # Sorted, so that the order in which items are asked for says nothing.
    wanted = (start_node, request.goal_node, *sorted({bins[item.bin] for item in request.items}))
    place_of_node = {node: place for place, node in enumerate(dict.fromkeys(wanted))}
    asked = Counter((item.bin, item.sku, item.quantity) for item in request.items)
    return PreparedRequest(
        request=request,
        paths=paths,
        legs=paths.legs(tuple(place_of_node)),
        start_place=place_of_node[start_node],
        goal_place=place_of_node[request.goal_node],
        place_of_bin={item.bin: place_of_node[bins[item.bin]] for item in request.items},
        asked=asked,
        asked_once=frozenset(asked if asked.total() == len(asked) else ()),
    )
