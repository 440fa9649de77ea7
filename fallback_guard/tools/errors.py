# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""How a command says that it cannot do what was asked."""


class UsageError(Exception):
    """An argument or a file cannot be used: shown without a traceback, exit code 2."""
