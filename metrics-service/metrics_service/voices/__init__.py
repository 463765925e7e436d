"""Whose words about predictions count for how much."""
