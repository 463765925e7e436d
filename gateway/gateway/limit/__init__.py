"""What a caller may do how often."""
