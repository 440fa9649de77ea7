# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What the launch files start, and what they refuse: pure but for `actions`, which needs launch and launch_ros."""
