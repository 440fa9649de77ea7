# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What a bystander makes of what the guard publishes: live views and metrics.  No ROS, and no clock."""
