"""Keys of the advisory locks that the product takes in Postgres: arbitrary numbers that nobody else uses, no two alike.

Here alone, so that two owners cannot choose the same one. Each is held by a transaction and freed at its end.
"""

MIGRATION = 4_703_118_281
"""One migrator works at a time."""

THRESHOLD_CHANGE = 4_703_118_282
"""Threshold profiles change one after the other; they change rarely."""

LEADER = 4_703_118_283
"""Whoever holds it has the duties that one replica of the metrics-service has for all."""

ALERT_CHANGE = 4_703_118_284
"""Alerts change one after the other, so that deliveries are numbered in the order of events."""

ROLLUP_WRITERS = 470_311_828
"""First of two keys; the second is 0. A function of the migrations takes it to count predictions into the rollups."""
