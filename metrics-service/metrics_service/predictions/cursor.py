"""A place in the record, newest first, and the cursor that names it to a client; pure.

It is the last prediction that the client has seen, by time and id, so it stays right whatever is added before it or
goes behind it. It belongs to one filter: with another one it would skip what nobody has seen.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from struct import Struct
from struct import error as NotOfThisForm  # noqa: N812 - it is a class
from uuid import UUID

from metrics_service.predictions.filter import Filter
from shared.contracts.problem import FieldError
from shared.contracts.window import EARLIEST_WINDOW_END, LATEST_WINDOW_END
from shared.http.problems import InvalidRequest

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

LAST_ID = UUID(int=2**128 - 1)
"""No prediction is called that."""

FORM = Struct(">8sq16s")
"""The filter's digest, microseconds since 1970, the id."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Predictions come after it when they are older, or as old and of a lesser id."""

    created_at: datetime
    prediction_id: UUID

    @classmethod
    def before(cls, instant: datetime) -> "Position":
        """The place between what was made at `instant` and what is older."""
        return cls(instant - MICROSECOND, LAST_ID)


def write_cursor(position: Position, asked: Filter) -> str:
    """The cursor of a place for a client that asks with this filter."""
    microseconds = (position.created_at - EPOCH) // MICROSECOND
    return urlsafe_b64encode(FORM.pack(asked.digest, microseconds, position.prediction_id.bytes)).decode().rstrip("=")


def read_cursor(cursor: str, asked: Filter) -> Position:
    """The place that a cursor names. Raises InvalidRequest for what is none, and for one of another filter."""
    try:
        digest, microseconds, prediction_id = FORM.unpack(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        position = Position(EPOCH + microseconds * MICROSECOND, UUID(bytes=prediction_id))
    except (NotBase64, ValueError, OverflowError, NotOfThisForm) as error:
        raise bad_cursor("is no cursor: give back next_cursor as it came") from error
    if not EARLIEST_WINDOW_END <= position.created_at <= LATEST_WINDOW_END:
        raise bad_cursor("is no cursor: give back next_cursor as it came")
    if digest != asked.digest:
        raise bad_cursor("is of a query with other filters: they must stay the same from page to page")
    return position


def bad_cursor(message: str) -> InvalidRequest:
    """What is wrong with a cursor."""
    return InvalidRequest([FieldError(location="query.cursor", message=message)])
