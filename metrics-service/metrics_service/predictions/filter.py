"""Which predictions a question is about; pure."""

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import orjson

from shared.contracts.problem import FieldError
from shared.http.problems import InvalidRequest


class FeedbackWanted(StrEnum):
    """Whether somebody has said what the prediction should have been."""

    GIVEN = "given"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Filter:
    """What a prediction must be to be meant; None: anything.

    `label`: the label, or of a multilabel model one of them. `caller`: the digest under which the record has it.
    `key_id`: of the key it came with; `caller` is that of the key then, by which it is found.
    Ranges of confidences and values hold both their ends, that of time holds its start and not its end.
    """

    model_name: str | None = None
    model_version: str | None = None
    task_type: str | None = None
    label: str | None = None
    min_confidence: float | None = None
    max_confidence: float | None = None
    min_value: float | None = None
    max_value: float | None = None
    since: datetime | None = None
    until: datetime | None = None
    caller: UUID | None = None
    feedback: FeedbackWanted | None = None
    key_id: UUID | None = None

    def check(self) -> None:
        """Raises InvalidRequest for a range whose ends are the wrong way round."""
        for name, low, high in (
            ("confidence", self.min_confidence, self.max_confidence),
            ("value", self.min_value, self.max_value),
        ):
            if low is not None and high is not None and low > high:
                message = f"is above max_{name}"
                raise InvalidRequest([FieldError(location=f"query.min_{name}", message=message)])
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise InvalidRequest([FieldError(location="query.since", message="is not before until")])

    @property
    def has_range(self) -> bool:
        """Whether it is about confidences or values, of which no rollup says how many there are within a range."""
        ranges = (self.min_confidence, self.max_confidence, self.min_value, self.max_value)
        return any(end is not None for end in ranges)

    @property
    def digest(self) -> bytes:
        """Eight bytes that tell this filter from others."""
        return hashlib.sha256(orjson.dumps(asdict(self))).digest()[:8]
