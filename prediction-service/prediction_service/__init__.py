"""Models from a folder, batched, every prediction on record."""
