"""By how much two samples of predictions differ, number by number, and what that comes to; pure."""
