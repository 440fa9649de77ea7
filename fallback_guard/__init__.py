# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Guards LLM-planned pick routes: validated in time, or a deterministic safe move."""
