# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What differs from the map at the moment, as whoever closes and opens says it."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Closures:
    """Every edge and every zone (by id) that is not as the map has it.

    What is both closed and opened is closed; `everything` closes all edges and all refuges.  Where several ids
    stand for one edge, each of them that is closed has to be opened.
    """

    closed_edges: frozenset[int] = frozenset()
    opened_edges: frozenset[int] = frozenset()
    closed_zones: frozenset[int] = frozenset()
    opened_zones: frozenset[int] = frozenset()
    everything: bool = False


AS_ON_THE_MAP: Final = Closures()
