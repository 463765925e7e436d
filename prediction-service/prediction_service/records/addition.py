"""What one request adds to the record: together or not at all, in Postgres as in the journal."""

from collections.abc import Sequence
from dataclasses import dataclass

from prediction_service.records.record import Record


@dataclass(frozen=True, slots=True)
class KeptResponse:
    """The response of a request whose caller may send it again.

    `key` tells the caller's key from those of others, `fingerprint` what was asked from anything else; both are hashes.
    `body` is the whole body of the response.
    """

    key: bytes
    fingerprint: bytes
    body: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Addition:
    """One request's records, and the response that is kept with them, if any.

    `waited`: seconds for which the request has waited for its model at least, in the queue and in the call. What is
    not in it: the call for rows that another request's computation brought, and what a candidate took that failed.
    """

    records: Sequence[Record]
    kept: KeptResponse | None = None
    waited: float = 0.0


def records_of(additions: Sequence[Addition]) -> list[Record]:
    """All of theirs, in order."""
    return [record for addition in additions for record in addition.records]
