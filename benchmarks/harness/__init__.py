"""Starting, loading, measuring and reporting; knows no scenario."""
