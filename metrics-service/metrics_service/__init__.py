"""Aggregates over what was predicted, thresholds and what they say."""
