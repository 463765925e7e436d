"""The numbers of a stretch of time."""
