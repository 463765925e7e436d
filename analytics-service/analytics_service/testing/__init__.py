"""Real servers in place of what this service talks to, for tests and benchmarks; the service never imports them."""
