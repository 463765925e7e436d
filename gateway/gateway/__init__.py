"""One URL: who calls, how often, where to."""
