# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Pick routes as orders of VDA 5050, and orders as pick routes.  Pure."""
