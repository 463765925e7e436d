"""Whether a candidate does worse than the stable version, by tests that hold at every look."""
