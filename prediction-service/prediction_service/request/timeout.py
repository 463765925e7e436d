"""`X-Request-Timeout`: how many seconds the caller is willing to wait for a prediction.

The time counts from when the whole request is here. What is still waiting for its model by then is not computed, and
the answer is a 504. A text that was computed in time is recorded and answered, however long its commit takes: it would
be on record either way, and the caller should know.
"""

import re
from collections.abc import Mapping
from typing import Any

HEADER = "X-Request-Timeout"

MAX_SECONDS = 3600
"""Longer than anybody waits over HTTP; PREDICTION_TIMEOUT_SECONDS ends the waiting long before."""

DECIMAL = re.compile(r"\d{1,4}(\.\d{1,6})?", re.ASCII)

OPENAPI_PARAMETER: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Seconds that the caller is willing to wait; texts whose turn comes later are not computed: 504. "
    "PREDICTION_TIMEOUT_SECONDS holds as well",
    "schema": {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_SECONDS},
    "example": 2.5,
}


def parse_timeout(headers: Mapping[str, str]) -> float | None:
    """What the headers of a request say, in seconds; None: nothing. Raises ValueError, whose text is for the caller."""
    value = headers.get(HEADER)
    if value is None:
        return None
    seconds = float(value) if DECIMAL.fullmatch(value) else 0.0
    if not 0 < seconds <= MAX_SECONDS:
        raise ValueError(f"must be a number of seconds above 0, at most {MAX_SECONDS}, such as 2.5")
    return seconds
