"""How far a client has come with what is to be reviewed: its cursor; pure.

What was handed out is known by what does not change: for each reason the last prediction that was given for it, in the
order of that reason. So nothing comes twice whatever is recorded, judged or erased meanwhile.
"""

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from metrics_service.predictions.cursor import bad_cursor
from metrics_service.review.contracts import Reason
from metrics_service.review.marks import Marks
from shared.contracts.window import WindowEnd
from shared.http.problems import InvalidRequest

MOST_CURSOR = 12_000
"""Characters; marks have names of up to 100."""

MOST_BYTES = 16_384
"""Of what a cursor says."""

Place = tuple[Annotated[float, Field(allow_inf_nan=False)], UUID]
"""The last prediction that was handed out for a reason: its score and id; the next ones have greater ones."""


class Walk(BaseModel):
    """The time that was looked through, the marks that it has, and how far the client has come for each reason."""

    model_config = ConfigDict(frozen=True)

    question: Annotated[str, Field(max_length=100)]
    since: WindowEnd
    until: WindowEnd
    marks: Marks = Marks()
    passed: dict[Reason, Place] = {}

    def written(self) -> str:
        """As a cursor."""
        return urlsafe_b64encode(zlib.compress(self.model_dump_json().encode())).decode().rstrip("=")


def read_walk(cursor: str, question: str) -> Walk:
    """What a cursor says. Raises InvalidRequest for what is none, and for one of another question."""
    try:
        packed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        unpacking = zlib.decompressobj()
        walk = Walk.model_validate_json(unpacking.decompress(packed, MOST_BYTES))
    except (ValueError, zlib.error) as error:  # ValidationError and bad base64 are ValueErrors
        raise not_a_cursor() from error
    if walk.since >= walk.until or not unpacking.eof or unpacking.unused_data:
        raise not_a_cursor()
    if walk.question != question:
        raise bad_cursor(
            "is of another question: model, version, window and until must stay the same from page to page"
        )
    return walk


def not_a_cursor() -> InvalidRequest:
    """Of what this service has not written."""
    return bad_cursor("is no cursor: give back next_cursor as it came")
