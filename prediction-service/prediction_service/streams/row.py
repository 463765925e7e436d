"""One row of a stream, read; and what may be wrong with a stream as a whole."""

from typing import Any, NamedTuple, Protocol

from prediction_service.predict import Predicted
from prediction_service.signature.signature import InputFaults, Instance

PASSED_THROUGH = "_"
"""What columns and keys begin with that are no inputs: they come out as they went in."""

MAX_RECORD_BYTES = 1_048_576
"""Of one row as it is sent."""

MAX_ROW_VALUES = 262_144
"""Of one row of JSON: as many as the body of a single prediction may have."""

SHOWN_FAULTS = 10
"""Inputs of one row that its error names."""


class StreamFault(Exception):
    """What ends a stream; the message is for the client."""


class Row(NamedTuple):
    """A row: what the model is given, or the reason why it cannot be."""

    number: int
    """The first row is 1."""
    passed: Any
    """What is passed through, in the form that the stream has."""
    instance: Instance = None
    fault: str = ""


class RowReader(Protocol):
    """Makes rows of bytes as they come. At most MAX_RECORD_BYTES of an unfinished row are kept."""

    def feed(self, data: bytes, *, last: bool) -> None:
        """More bytes, perhaps the last ones."""
        ...

    def take(self, most_rows: int, most_bytes: int) -> list[Row]:
        """The next rows, as far as both limits allow, at least one if any is complete.

        Raises StreamFault; InvalidRequest for a head that does not suit the model.
        """
        ...


class LineWriter(Protocol):
    """Makes lines of predictions."""

    def head(self) -> bytes:
        """What comes before the first row."""
        ...

    def prediction(self, row: Row, predicted: Predicted) -> bytes:
        """The line of a row that was predicted."""
        ...

    def error(self, row: Row, reason: str) -> bytes:
        """The line of a row that was not."""
        ...

    def end(self, rows: int, failed: int) -> bytes:
        """What comes behind the last row of a stream that is complete."""
        ...

    def broken(self, rows: int, failed: int, reason: str) -> bytes:
        """What comes behind the last row that was answered, of a stream that ends before its time."""
        ...


def fault_of(error: InputFaults) -> str:
    """What is wrong with the inputs of a row, in one sentence."""
    faults = [f"{name} {message}" for name, message in error.faults.items()]
    more = len(faults) - SHOWN_FAULTS
    return "; ".join(faults[:SHOWN_FAULTS]) + (f"; and {more} more" if more > 0 else "")
