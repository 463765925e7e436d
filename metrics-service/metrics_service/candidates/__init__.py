"""How a candidate does beside the stable version."""
