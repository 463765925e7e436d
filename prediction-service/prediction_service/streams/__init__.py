"""Predictions for as many rows as a client sends in one request: CSV or NDJSON in, the same out, in bounded memory."""
