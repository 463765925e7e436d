"""When something is wrong with a model, and since when."""
