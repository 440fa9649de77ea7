# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""Warehouse maps: read from files, checked, converted and made.  Pure, but that `geojson` reads a file."""
