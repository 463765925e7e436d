"""Models that are somebody's own Python: `model.py`, run in processes that can be killed."""
