# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""What every error has in common that only says: this cannot be used."""


class UnusableError(Exception):
    """Something that was given cannot be used.  The message names it, and says what can be."""
