"""Guards LLM-planned pick routes: validated in time, or a deterministic safe move."""
