# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Programs around the nodes: the `fallback-guard` command, its demo, and model endpoints for trying things out."""
