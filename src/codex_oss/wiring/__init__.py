"""Config to something ready to use: the only place that picks implementations."""
