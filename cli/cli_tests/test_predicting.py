"""What `modelserver predict` counts, waits for and shows; tests/test_predict_a_file.py has the whole of it."""

import asyncio
import csv
import io
import random
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelserver.predicting.answers import CsvAnswers, NdjsonAnswers, StrangeAnswerError, Tally
from modelserver.predicting.dialect import Dialect, find_dialect
from modelserver.predicting.patience import IncompleteError, Patience, retry_after_seconds
from modelserver.predicting.progress import Progress
from modelserver.predicting.rows import Columns, CsvReader, Input, NdjsonReader
from prediction_service.streams.csv_records import CsvRecords

CELLS = st.text(st.sampled_from('ab",;\r\n é'), max_size=5)


class Bytes:
    """A Source of what stands in memory, in pieces."""

    def __init__(self, data: bytes, piece: int) -> None:
        self._data, self._piece, self.size = data, piece, len(data)

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        for start in range(0, len(self._data), self._piece):
            yield self._data[start : start + self._piece]


def sent(data: bytes, piece: int, skip: int = 0, most: int | None = None, **dialect: str) -> list[bytes]:
    """The pieces that the server is given."""
    source = Bytes(data, piece)
    rows = Input(source, "utf-8", lambda: CsvReader(Dialect(**dialect), Columns()))

    async def collect() -> list[bytes]:
        return [each.data async for each in rows.pieces(skip, most)]

    return asyncio.run(collect())


def read_by_the_service(data: bytes) -> list[tuple[list[str], bool]]:
    """Cells of each record, and whether it is faulty, as the service reads them."""
    records, found = CsvRecords(), []
    records.feed(data, last=True)
    while (record := records.take()) is not None:
        found.append((record.cells, bool(record.fault)))
    return found


@given(st.text(st.sampled_from('ab",;\r\n'), max_size=60), st.integers(1, 9), st.integers(0, 4))
def test_rows_are_counted_as_the_service_counts_them(text: str, piece: int, skip: int) -> None:
    data = b"x,y\n" + text.encode()
    direct, through = read_by_the_service(data)[1:], read_by_the_service(b"".join(sent(data, piece)))[1:]
    assert [fault or cells for cells, fault in through] == [fault or cells for cells, fault in direct]
    rest = read_by_the_service(b"".join(sent(data, piece, skip=skip)))[1:]
    assert rest == through[skip:]
    first = read_by_the_service(b"".join(sent(data, piece, most=skip + 1)))[1:]
    assert first == through[: skip + 1]


@given(st.lists(st.tuples(CELLS, CELLS), max_size=5), st.sampled_from([",", ";", "\t", "|"]), st.integers(1, 9))
def test_what_the_csv_module_writes_arrives_as_it_was(rows: list[tuple[str, str]], delimiter: str, piece: int) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter).writerows([("x", "y"), *rows])
    data = file.getvalue().encode()
    assert find_dialect(data, None, None, ".").delimiter == delimiter
    got = read_by_the_service(b"".join(sent(data, piece, delimiter=delimiter)))
    assert got == [(list(row), False) for row in [("x", "y"), *rows]]


def test_a_row_of_one_empty_cell_is_a_row() -> None:
    assert read_by_the_service(b"".join(sent(b'text\n""\n\nfine\n', 100))) == [
        (["text"], False), ([""], False), (["fine"], False),
    ]  # fmt: skip


def test_numbers_with_a_comma_are_changed_in_columns_of_numbers_alone() -> None:
    columns = Columns({"fee": "number", "name": "text"}, pass_through=True)
    reader = CsvReader(Dialect(delimiter=";", decimal=","), columns)
    assert list(reader.feed(b"id;name;fee\n7;1,5;-1,5e3\n8;x;1.234,5\n", last=True)) == [
        b'7,"1,5",-1.5e3\r\n',
        b'8,x,"1.234,5"\r\n',
    ]
    assert reader.head == b"_id,name,fee\r\n"


def test_ndjson_lines_are_sent_as_they_are() -> None:
    reader = NdjsonReader()
    assert list(reader.feed(b'{"a": 1}\n \r\n{"a":')) == [b'{"a": 1}\n']
    assert list(reader.feed(b" 2}", last=True)) == [b'{"a": 2}\n']


HEADER = b"_id,row,prediction_id,error\r\n"


def test_a_second_response_is_numbered_on_and_has_no_second_header() -> None:
    tally = Tally()
    first = CsvAnswers(tally)
    assert first.feed(HEADER + b'a,1,p,\r\n"b\n') == HEADER + b"a,1,p,\r\n"  # the second line is cut in two
    second = CsvAnswers(tally, first.header)
    assert second.feed(HEADER + b'"b\n""c",1,q,\r\nd,2,,"no, not it"\r\n') == (
        b'"b\n""c",2,q,\r\nd,3,,"no, not it"\r\n'
    )
    assert (tally.rows, tally.failed, tally.first_error) == (3, 1, "row 3: no, not it")
    third = NdjsonAnswers(tally)
    assert third.feed(b'{"_id":"\xc3\xa4","row":1,"x":0.1}\n{"done":false,"error":"why"}\n') == (
        b'{"_id":"\xc3\xa4","row":4,"x":0.1}\n'
    )
    assert third.reason == "why"


def test_the_reason_of_an_end_is_no_row_unless_the_response_ends_as_it_should() -> None:
    tally = Tally()
    answers = CsvAnswers(tally)
    assert answers.feed(HEADER + b",1,,The stream ends: because\r\n") == HEADER
    assert (answers.reason, tally.rows) == ("because", 0)
    assert answers.end() == b",1,,The stream ends: because\r\n"
    assert tally.failed == 1


@pytest.mark.parametrize("line", [b"a,2,p,\r\n", b"a,x,p,\r\n"])
def test_an_answer_out_of_turn_is_never_written(line: bytes) -> None:
    answers = CsvAnswers(Tally())
    with pytest.raises((StrangeAnswerError, ValueError)):
        answers.feed(HEADER + line)


def test_pauses_grow_end_and_begin_anew_with_an_answer() -> None:
    patience = Patience(100, random.Random(1))
    pauses = [patience.pause("away") for _ in range(6)]
    assert all(0.5 * 2**n <= pause <= 0.625 * 2**n for n, pause in enumerate(pauses))
    assert patience.pause("busy", 40) == 40
    with pytest.raises(IncompleteError, match="given up after"):
        patience.pause("away")
    patience.progress()
    assert patience.pause("away") < 1


def test_what_the_server_says_of_the_same_row_twice_is_final() -> None:
    patience = Patience(100, random.Random(1))
    patience.pause("after 7 rows: it is too long", stated=True)
    with pytest.raises(IncompleteError, match="too long"):
        patience.pause("after 7 rows: it is too long", stated=True)


def test_retry_after_is_seconds_or_a_moment() -> None:
    now = datetime(2026, 1, 31, 8, 30, tzinfo=UTC)
    assert retry_after_seconds("7") == 7
    assert retry_after_seconds("Sat, 31 Jan 2026 08:30:09 GMT", now) == 9
    assert retry_after_seconds("Sat, 31 Jan 2026 08:29:00 GMT", now) == 0
    assert [retry_after_seconds(value) for value in (None, "soon")] == [None, None]


def test_the_bar_says_sent_until_there_are_answers(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Progress(1000, 0, hidden=False)
    for rows, at in ((10, 400), (20, 800), (30, 1000)):
        bar.sent(rows, at)
    assert (bar.words, bar.at) == ("sent, not answered yet", 1000)
    bar.answered(15, 1)
    assert (bar.words, bar.at) == ("answered", 400)
    bar.answered(30, 1)
    assert bar.at == 1000
    bar.connected()
    assert bar.words == "sent, not answered yet"
    bar.close()
    assert "30 rows, 1 failed" in capsys.readouterr().err
