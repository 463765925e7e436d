"""What predictions should have been, and how good they were by that."""
