"""Makes the shipped models; not installed with the service."""
