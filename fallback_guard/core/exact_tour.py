# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The shortest order of a few stops, between any places: dynamic programming over sets of stops.

M. Held and R. M. Karp, "A dynamic programming approach to sequencing problems", SIAM Journal 10(1), 1962.  The
distances may differ by direction, and the tour may end elsewhere than it starts.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray


@cache
def _layers(size: int) -> tuple[tuple[NDArray[np.int64], ...], ...]:
    """Return, for each number of stops from 2 on: every set with each of its stops, and the set without it.

    A set is a number whose bits are its stops.
    """
    sets = np.arange(1 << size)
    held = (sets[:, np.newaxis] >> np.arange(size) & 1).astype(bool)
    count = held.sum(axis=1)
    layers = []
    for stops in range(2, size + 1):
        row, last = np.nonzero(held[count == stops])
        here = sets[count == stops][row]
        layers.append((here, last, here ^ (1 << last)))
    return tuple(layers)


def shortest_order(distance_m: NDArray[np.float64]) -> list[int]:
    """Return places 1 to n in the shortest order from place 0 to place n + 1.

    `distance_m[a, b]` has to be finite.  Memory and time grow with n x 2^n.  Of orders that are equally long
    it is always the same one.
    """
    size = len(distance_m) - 2
    into = distance_m[1:-1, 1:-1].T.copy()
    # The shortest walk over each set of stops that ends at each stop.
    best = np.full((1 << size, size), np.inf)
    best[1 << np.arange(size), np.arange(size)] = distance_m[0, 1:-1]
    for here, last, before in _layers(size):
        best[here, last] = (best[before] + into[last]).min(axis=1)
    order: list[int] = []
    left, onward = (1 << size) - 1, distance_m[1:-1, -1]
    while left:
        stop = int((best[left] + onward).argmin())
        order.append(stop + 1)
        left ^= 1 << stop
        onward = into[stop]
    return order[::-1]
