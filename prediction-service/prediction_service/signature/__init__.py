"""What a model takes: the inputs that its manifest declares, and from what came to the row that it is given."""
