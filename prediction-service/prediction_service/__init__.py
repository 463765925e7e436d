"""Models from a folder, batched, every answer on record."""
