"""Real servers for tests, and a clock moved by hand. Use: `pytest_plugins = ("shared.testing.fixtures",)`."""
