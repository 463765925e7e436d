"""Counts of several bins in two samples, judged as one table."""
