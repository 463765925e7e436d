"""The admin token of all tests: settings read it from the environment, clients send it."""

TOKEN = "admin-token-of-the-tests"  # noqa: S105 -- it opens nothing but what tests have started
ADMIN = {"Authorization": f"Bearer {TOKEN}"}
