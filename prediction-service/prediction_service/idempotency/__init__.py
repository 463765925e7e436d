"""Requests that their caller may send again: the same key gets the first response, and one prediction is on record."""
