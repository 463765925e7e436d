"""What operators see of a service: logs and metrics."""
