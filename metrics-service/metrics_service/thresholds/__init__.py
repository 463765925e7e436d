"""What counts as a warning and what as critical, and what that says about a value."""
