"""Recording messages into MCAP files that survive what happens to the recorder, and reading them back."""
