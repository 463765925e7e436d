"""When a model is asked and when it is not."""
