"""What a service can be told, and by whom."""
