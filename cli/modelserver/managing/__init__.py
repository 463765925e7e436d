"""Keys of a running server, listed and changed."""
