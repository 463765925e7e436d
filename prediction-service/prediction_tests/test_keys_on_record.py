"""What came with a key is on record under it, from whatever address it came."""

from datetime import UTC, datetime
from uuid import uuid4

import httpx
from uuid_utils import uuid7

from prediction_service.records.addition import Addition
from prediction_service.records.journal_line import decode, encode
from prediction_service.records.record import Record
from shared.contracts.rights import Right
from shared.http.caller import caller_digest
from shared.testing.admin import held
from shared.testing.postgres import Database

SHOP = str(uuid4())
HELD = held(SHOP, Right.PREDICT)
TEXT = {"text": "A fine day."}
INFER = {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["A fine day."]}]}


async def test_every_way_to_ask_records_the_key(client: httpx.AsyncClient, database: Database) -> None:
    for number, headers in enumerate(({"X-Caller": "192.0.2.1"} | HELD, HELD, {"X-Caller": "192.0.2.1"})):
        for ask in (
            client.post("/predict", json=TEXT, headers=headers),
            client.post("/predict", json=TEXT, headers=headers | {"Idempotency-Key": f"once-{number}"}),
            client.post("/predict/batch", json={"texts": ["a"]}, headers=headers),
            client.post("/predict/batch", content="text\na\n", headers=headers | {"Content-Type": "text/csv"}),
            client.post("/v2/models/sentiment-lexicon/infer", json=INFER, headers=headers),
        ):
            answer = await ask
            assert answer.status_code == 200, answer.text
    found = await database.fetch(
        "SELECT key_id::text, replace(caller::text, '-', ''), count(*)::int FROM predictions.prediction GROUP BY 1, 2"
    )
    expected = {(SHOP, caller_digest(f"key:{SHOP}"), 10), (None, caller_digest("192.0.2.1"), 5)}
    assert {tuple(row) for row in found} == expected


async def test_what_the_gateway_has_not_sealed_is_refused_and_not_recorded(
    client: httpx.AsyncClient, database: Database
) -> None:
    forged = {"X-Key-Holder": f"{SHOP} predict {'0' * 64}"}
    answer = await client.post("/predict", json=TEXT, headers=forged)
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:problem-type:key-holder-not-believed")
    assert await database.fetch("SELECT prediction_id FROM predictions.prediction") == []


async def test_a_retry_under_a_key_is_the_same_from_another_address_and_another_keys_is_not(
    client: httpx.AsyncClient,
) -> None:
    once = {"Idempotency-Key": '"once"'}
    first = await client.post("/predict", json=TEXT, headers=once | HELD | {"X-Caller": "192.0.2.1"})
    again = await client.post("/predict", json=TEXT, headers=once | HELD | {"X-Caller": "192.0.2.2"})
    assert again.content == first.content
    others = (held(str(uuid4()), Right.PREDICT) | {"X-Caller": "192.0.2.1"}, {"X-Caller": f"key:{uuid4()}"})
    for other in others:
        assert (await client.post("/predict", json=TEXT, headers=once | other)).content != first.content


def test_journal_lines_have_the_key_and_those_of_earlier_releases_none() -> None:
    record = Record(
        str(uuid7()), datetime.now(UTC), "m", "1.0.0", "classification", "good", 0.5, 1.0, 7, {},
        caller=caller_digest(f"key:{SHOP}"), key_id=SHOP,
    )  # fmt: skip
    assert decode(encode(Addition([record]))).records == [record]
    line = encode(Addition([record._replace(key_id=None)]))
    assert b"key_id" not in line, "so it is as a release before wrote it"
    assert decode(line).records == [record._replace(key_id=None)]
