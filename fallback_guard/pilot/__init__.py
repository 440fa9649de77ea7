# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The pilot that this package comes from, played again: one world of robots and planner, with and without a guard.

The same world is driven by a simulated clock around the guard's core, and by the real one around real nodes.
"""
