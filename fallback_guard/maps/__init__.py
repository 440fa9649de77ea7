"""Warehouse maps: read from files, checked, converted and made.  Pure, but that `geojson` reads a file."""
