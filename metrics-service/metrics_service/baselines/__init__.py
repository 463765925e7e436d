"""Pinned baselines: distributions to compare with that do not move on with time."""
