"""What one replica does for all, besides requests."""
