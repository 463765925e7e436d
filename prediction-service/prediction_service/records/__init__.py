"""Stores every prediction: in Postgres, or in a journal on disk while Postgres is away."""
