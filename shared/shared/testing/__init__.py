"""Real servers for tests, and a clock moved by hand. Use: `pytest -p shared.testing.fixtures`."""
