"""What is read of every model at intervals, so that alerts can follow."""
