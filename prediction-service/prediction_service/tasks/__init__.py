"""What a model is for: what it may say about a row, and what a prediction makes of it. One module for each task."""
