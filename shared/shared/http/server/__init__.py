"""The HTTP server that all services share: what a stranger may send, and what it may cost."""
