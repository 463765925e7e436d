"""When a window of predictions may end."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, Field

EARLIEST_WINDOW_END = datetime(2000, 1, 1, tzinfo=UTC)
LATEST_WINDOW_END = datetime(2200, 1, 1, tzinfo=UTC)
"""No prediction lies beyond these; they keep every window within what all calendars involved can count."""

WindowEnd = Annotated[AwareDatetime, Field(ge=EARLIEST_WINDOW_END, le=LATEST_WINDOW_END)]
"""When a window ends, itself no part of it; with a time zone."""
