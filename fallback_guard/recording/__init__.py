# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Recording messages into MCAP files that survive what happens to the recorder, and reading them back."""
