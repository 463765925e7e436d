"""Widths of the rollups' buckets, in minutes. Buckets begin at whole widths of UTC; each width divides the next."""

MINUTE = 1
TEN_MINUTES = 10
HOUR = 60
SIX_HOURS = 360
DAY = 1440

WIDTHS = (MINUTE, TEN_MINUTES, HOUR, SIX_HOURS, DAY)

OF_INPUTS = (MINUTE, HOUR)
"""Those that inputs are counted in: drift asks for windows only, never for the buckets of a chart."""

FINE = (MINUTE, TEN_MINUTES)
"""Those that retention deletes; wider ones stay for ever."""
