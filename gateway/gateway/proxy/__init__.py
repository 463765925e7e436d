"""To a service and back."""
