"""The journal's lines survive whatever can happen to a file, or are set aside."""

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

import pytest
from uuid_utils import uuid7

from prediction_service.records.addition import Addition
from prediction_service.records.journal import SET_ASIDE_NAME, Journal, JournalFull
from prediction_service.records.journal_line import decode, encode
from prediction_service.records.record import Record

NOW = datetime(2024, 6, 1, 12, 30, 15, 123456, UTC)


def record(text: str | None = None) -> Record:
    return Record(str(uuid7()), NOW, "m", "1.0.0", "classification", "good", 0.25, 1.5, 7, {"batch_rows": 3}, text)


def lines_of(journal: Journal) -> list[bytes]:
    lines = []
    for segment in journal.sealed():
        lines += list(segment.lines())
        segment.close()
    return lines


def test_what_is_read_is_what_was_written() -> None:
    records = [record(), record("two\nlines, ü, 😀, \u2028")]
    line = encode(Addition(records))
    assert line.count(b"\n") == 1
    read = decode(line)
    assert (read.records, read.kept) == (records, None)


@pytest.mark.parametrize("damage", [b"", b"\n", b"garbage\n", b"00000000 []\n", b"\xff\x00\n"])
def test_a_damaged_line_is_seen(damage: bytes) -> None:
    with pytest.raises(ValueError, match="check sum"):
        decode(damage)


def test_every_flipped_bit_of_a_line_is_seen() -> None:
    line = encode(Addition([record()]))
    for position in range(len(line) - 1):
        damaged = bytearray(line)
        damaged[position] ^= 1
        with pytest.raises(ValueError, match="check sum"):
            decode(bytes(damaged))


def test_a_line_of_another_version_is_seen() -> None:
    body = b'[{"created_at": "2024-06-01T00:00:00Z", "mood": "sunny"}]'
    with pytest.raises(ValueError, match="not a record of this version"):
        decode(b"%08x %s\n" % (crc32(body), body))


def test_a_segment_that_is_written_is_not_replayed(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 1_000_000)
    journal.append([Addition([record()]), Addition([record(), record()])])
    assert lines_of(journal) == []
    journal.seal()
    assert len(lines_of(journal)) == 2


def test_two_replicas_may_share_a_folder(tmp_path: Path) -> None:
    one, other = Journal(tmp_path, 1_000_000), Journal(tmp_path, 1_000_000)
    one.append([Addition([record()])])
    other.append([Addition([record()])])
    other.seal()
    assert len(lines_of(one)) == 1
    (segment,) = other.sealed()
    assert list(one.sealed()) == []
    segment.remove()
    one.seal()
    assert len(lines_of(other)) == 1


def test_a_segment_that_is_taken_for_an_abandoned_one_before_it_is_locked_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = fcntl.flock

    def lose_the_race(descriptor: int, operation: int) -> None:
        monkeypatch.undo()
        (empty,) = Journal(tmp_path, 1_000_000).sealed()
        empty.remove()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", lose_the_race)
    journal = Journal(tmp_path, 1_000_000)
    journal.append([Addition([record()])])
    journal.seal()
    assert len(lines_of(journal)) == 1


def test_a_full_journal_takes_nothing_and_keeps_what_it_has(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 1000)
    journal.append([Addition([record()]), Addition([record()])])
    with pytest.raises(JournalFull):
        journal.append([Addition([record() for _ in range(4)])])
    size = journal.size()
    assert 0 < size <= 1000
    journal.append([Addition([record()])])
    assert journal.is_full()


def test_a_write_that_fails_leaves_nothing_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path, 1_000_000)
    journal.append([Addition([record()])])
    size = journal.size()

    def disk_fails(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", disk_fails)
    with pytest.raises(OSError, match="Input/output"):
        journal.append([Addition([record()])])
    assert journal.size() == size
    monkeypatch.undo()
    journal.append([Addition([record()])])
    journal.seal()
    assert len(lines_of(journal)) == 2


def test_lines_that_are_set_aside_stay_readable(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 1000)
    journal.set_aside(b"first\n", "broken")
    journal.set_aside(b"second", "broken")
    assert (tmp_path / SET_ASIDE_NAME).read_bytes() == b"first\nsecond\n"
