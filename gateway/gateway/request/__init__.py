"""Who calls, and where to."""
