"""What a task has is on record as it was given, and what it has not is null: through Postgres and the journal alike."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID
from zlib import crc32

import orjson
import pytest
from uuid_utils import uuid7

from prediction_service.records.addition import Addition
from prediction_service.records.journal_line import decode, encode
from prediction_service.records.postgres import RecordRefusedError, RecordStore
from prediction_service.records.record import Record
from shared.database.connection import Connector
from shared.testing.postgres import Database

NOW = datetime(2024, 6, 1, 12, 30, 15, 123456, UTC)
HOSTILE = ["", "null", "NULL", "a,b", "{}", '"', "\\", '\\"', "\\\\", "a\nb", "ü 😀", "'", " blank ", "{a,{b}}"]


def record(task: str, label: str | None = None, confidence: float | None = None, **more: object) -> Record:
    return Record(str(uuid7()), NOW, "m", "1.0.0", task, label, confidence, 1.5, 7, {"batch_rows": 1}, None, **more)


RECORDS = [
    record("classification", "good", 0.75),
    record("classification", "good", 0.75, input_bins=[0, -1, None, 32767], inputs={"rooms": 3, "city": "Ankara"}),
    record("regression", prediction_value=-1e150, input_bins=[]),
    record("embedding", prediction_value=0.0),
    record("multilabel", "a,b", 0.5, labels=HOSTILE),
    record("multilabel", labels=[]),
    record("generic", inputs={"nested": [{"quote": '"', "nothing": None}]}),
]


@pytest.fixture
def store(database: Database) -> Iterator[RecordStore]:
    store = RecordStore(Connector(database.url("prediction_service"), "test"))
    yield store
    store.disconnect()


async def on_record(database: Database) -> list[Record]:
    rows = await database.fetch("SELECT * FROM predictions.prediction ORDER BY prediction_id")
    return [as_record(dict(row)) for row in rows]


def as_record(row: dict) -> Record:
    json = {name: orjson.loads(row[name]) for name in ("metrics_data", "inputs") if row[name] is not None}
    return Record(**row | json | {"prediction_id": str(row["prediction_id"])})


async def test_every_task_goes_into_one_statement(store: RecordStore, database: Database) -> None:
    await store.add([Addition(RECORDS)])
    await store.add_again([Addition(RECORDS)])
    assert await on_record(database) == RECORDS


async def test_who_says_that_records_are_new_and_they_are_not_is_refused(
    store: RecordStore, database: Database
) -> None:
    await store.add([Addition(RECORDS[:1])])
    with pytest.raises(RecordRefusedError):
        await store.add([Addition(RECORDS)])
    assert await on_record(database) == RECORDS[:1]


async def test_any_text_can_be_a_label_and_any_row_have_its_own_number_of_them(
    store: RecordStore, database: Database
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    alphabet = '"\\{},\n\t NULLnullé😀'
    records = [
        record(
            "multilabel",
            labels=["".join(rng.choices(alphabet, k=rng.randrange(8))) for _ in range(rng.randrange(5))],
            input_bins=[rng.choice([None, -1, rng.randrange(100)]) for _ in range(rng.randrange(6))],
        )
        for _ in range(300)
    ]
    await store.add([Addition(records)])
    assert await on_record(database) == records


def test_the_journal_gives_back_what_it_was_given() -> None:
    assert decode(encode(Addition(RECORDS))).records == RECORDS


def test_a_journal_from_before_them_is_read() -> None:
    older = {name: value for name, value in RECORDS[0]._asdict().items() if value is not None or name == "text"}
    assert "labels" not in older
    body = orjson.dumps([older])
    assert decode(b"%08x %s\n" % (crc32(body), body)).records == [RECORDS[0]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"prediction_value": float("nan")},
        {"prediction_value": float("inf")},
        {"prediction_value": -1.1e150},
        {"input_bins": [-2]},
        {"input_bins": [0] * 4097},
        {"confidence": float("nan")},
        {"confidence": 1.1},
        {"labels": ["nul\x00byte"]},
    ],
    ids=str,
)
async def test_what_would_spoil_sums_is_refused_and_nothing_with_it_is_written(
    store: RecordStore, database: Database, wrong: dict
) -> None:
    with pytest.raises(RecordRefusedError):
        await store.add([Addition([RECORDS[0], RECORDS[1]._replace(prediction_id=str(UUID(int=1)), **wrong)])])
    assert await on_record(database) == []
