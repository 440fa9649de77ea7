"""Tasks of one's own: what they are written with (`api`), and how they are found by their names (`loading`)."""
