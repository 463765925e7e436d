"""HTTP only: requests, responses, and the errors that are documented."""
