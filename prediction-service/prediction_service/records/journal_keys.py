"""Which keys the journal has responses for, those of other replicas that share its folder included.

Only asked where a caller sends a key. What was read once is not read again: it costs as much as what was added since.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from prediction_service.records.addition import KeptResponse
from prediction_service.records.journal_line import decode, keeps_response


class Place(NamedTuple):
    """Where a line stands."""

    path: Path
    offset: int
    length: int


class JournalKeys:
    """Where in segments the response of each key stands. Blocks; nobody may write responses meanwhile."""

    def __init__(self) -> None:
        self._read: dict[Path, int] = {}
        self._places: dict[bytes, Place] = {}

    def find(self, key: bytes, paths: Collection[Path]) -> KeptResponse | None:
        """The response that is kept under a key in these segments, all that there are. Raises OSError."""
        self._read_on(paths)
        place = self._places.get(key)
        return None if place is None else kept_at(place)

    def _read_on(self, paths: Collection[Path]) -> None:
        """Reads what was added since the last time, and forgets segments that are gone."""
        if gone := self._read.keys() - set(paths):
            self._read = {path: end for path, end in self._read.items() if path not in gone}
            self._places = {key: place for key, place in self._places.items() if place.path not in gone}
        for path in paths:
            for place, line in whole_lines(path, self._read.get(path, 0)):
                self._read[path] = place.offset + place.length
                if keeps_response(line) and (kept := kept_in(line)):
                    self._places.setdefault(kept.key, place)


def whole_lines(path: Path, offset: int) -> Iterator[tuple[Place, bytes]]:
    """The lines from there on that have been written to their ends; none if the file is gone."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                yield Place(path, offset, len(line)), line
                offset += len(line)
    except FileNotFoundError:
        return


def kept_at(place: Place) -> KeptResponse | None:
    """What is kept there; None if it has just been replayed."""
    try:
        with place.path.open("rb") as file:
            file.seek(place.offset)
            return kept_in(file.read(place.length))
    except FileNotFoundError:
        return None


def kept_in(line: bytes) -> KeptResponse | None:
    """The response that a line keeps; None for a damaged one."""
    try:
        return decode(line).kept
    except ValueError:
        return None
