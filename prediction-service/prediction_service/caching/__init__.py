"""What a model said, kept so that it is not asked the same again: `[cache]` in its manifest."""
