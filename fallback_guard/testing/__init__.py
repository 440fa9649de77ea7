# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Tests for robots with a guard: an observer that times what is on the wire, and assertions on what it heard.

`timeline`, `measures` and `checks` are pure and take recorded or made-up timelines as well; `observer` and `operator`
need rclpy; `launching` needs launch_testing.  docs/testing.md shows them at work.
"""
