"""What requests of every protocol have: texts within limits, and a caller who waits for a limited time."""
