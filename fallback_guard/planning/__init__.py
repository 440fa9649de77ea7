# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Asking a language model for pick routes, without ROS.

Whatever comes back is handed on untouched, for the guard to judge; whatever goes wrong becomes a
failure mode, never an exception.  Start reading at `planner.Planner`.
"""
