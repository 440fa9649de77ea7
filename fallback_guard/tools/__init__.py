"""Programs around the nodes: the `fallback-guard` command, its demo, and model endpoints for trying things out."""
