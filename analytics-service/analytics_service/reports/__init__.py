"""Parts of a report: its words."""
