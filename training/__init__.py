"""Makes the shipped sentiment models; not installed with the service."""
