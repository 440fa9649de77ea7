# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Tasks of one's own: what they are written with (`api`), and how they are found by their names (`loading`)."""
