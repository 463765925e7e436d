"""What is reported of a window: its numbers and their verdict, and how it differs from another."""
