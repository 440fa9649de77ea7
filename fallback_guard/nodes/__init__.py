# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""The only place that imports rclpy: thin nodes that translate between messages and the core."""
