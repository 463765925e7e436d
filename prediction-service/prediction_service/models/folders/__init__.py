"""What lies in the model repository on disk."""
