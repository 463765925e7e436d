"""Texts that wait for a model, and the threads that work on them."""
