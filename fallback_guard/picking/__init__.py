# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The world around the guard, without ROS: a simulated picker, its tasks, and the tally of what it goes through."""
