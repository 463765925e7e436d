"""What comes with a request, whatever protocol it speaks: texts within bounds, and a caller who waits for so long."""
