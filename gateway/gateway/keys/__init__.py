"""Keys: who calls, and what they may. Postgres has them, requests read memory."""
