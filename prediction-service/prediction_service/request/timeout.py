"""`X-Request-Timeout`: how many seconds the caller is willing to wait for a prediction.

The time counts from when the whole request has been read. A text that still waits for its model when it is over is not
computed, and the response is a 504. A text that was computed in time gets its response, however long the commit takes:
it is recorded either way, and the caller should know.
"""

import re
from typing import Any

HEADER = "X-Request-Timeout"
FIELD = HEADER.lower().encode()

MAX_SECONDS = 3600
"""Longer than anybody waits over HTTP; PREDICTION_TIMEOUT_SECONDS ends the waiting long before."""

DECIMAL = re.compile(rb"\d{1,4}(\.\d{1,6})?")

OPENAPI_PARAMETER: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Seconds that the caller is willing to wait; texts whose turn comes later are not computed: 504. "
    "PREDICTION_TIMEOUT_SECONDS holds as well",
    "schema": {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_SECONDS},
    "example": 2.5,
}


def parse_timeout(value: bytes | None) -> float | None:
    """The header's value in seconds; None without one. Raises ValueError with a message for the caller."""
    if value is None:
        return None
    seconds = float(value) if DECIMAL.fullmatch(value) else 0.0
    if not 0 < seconds <= MAX_SECONDS:
        raise ValueError(f"must be a number of seconds above 0, at most {MAX_SECONDS}, such as 2.5")
    return seconds
