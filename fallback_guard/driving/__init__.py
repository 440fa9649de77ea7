# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""How a robot carries out what `motion` says, without ROS: which command holds, what is driven next, where it is."""
