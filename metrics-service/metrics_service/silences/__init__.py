"""Silences: for a time nobody is told of alerts; they are kept all the same."""
