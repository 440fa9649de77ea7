# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What recordings come to: availability, halts, failures, the planner's yield; as a page, as JSON, as a check."""
