# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The guard's decisions, without ROS: events in, effects out.

Nothing here reads a clock, draws a random number, starts a thread, writes a log or imports rclpy, so
that the same configuration and the same timed events give byte-identical effects.  Start reading at
`guard.Guard`.
"""
