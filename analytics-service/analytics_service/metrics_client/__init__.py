"""What the metrics-service says."""
