"""Starting, loading, measuring and reporting; knows no question."""
