"""A request with an Idempotency-Key may be sent again: it gets the first response, and one prediction is on record."""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest

from prediction_service.idempotency.key import Question, parse_key
from prediction_service.idempotency.repeats import MAX_RESPONSE_BYTES, kept_response
from prediction_tests.outage import recorded
from prediction_tests.service import StartService, assert_problem
from shared.database.urls import for_libpq
from shared.http.problems import InvalidRequest
from shared.testing.postgres import Database

TEXT = {"text": "A fine day."}


def keyed(key: object = None, caller: str = "192.0.2.1") -> dict[str, str]:
    return {"Idempotency-Key": f'"{key or uuid4()}"', "X-Caller": caller}


async def keys_kept(database: Database) -> int:
    ((count,),) = await database.fetch("SELECT count(*) FROM predictions.kept_response")
    return count


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/predict", TEXT),
        ("/predict", TEXT | {"include_metrics": False}),
        ("/predict/batch", {"texts": ["A fine day.", " ", "A bad day."]}),
    ],
)
async def test_a_request_that_comes_again_gets_the_same_bytes_and_is_recorded_once(
    client: httpx.AsyncClient, database: Database, path: str, body: dict
) -> None:
    headers = keyed()
    first = await client.post(path, json=body, headers=headers)
    again = [await client.post(path, json=body, headers=headers) for _ in range(3)]
    assert first.status_code == 200
    assert "idempotent-replayed" not in first.headers
    for response in again:
        assert (response.status_code, response.content) == (200, first.content)
        assert response.headers["idempotent-replayed"] == "true"
        assert response.headers["content-type"] == first.headers["content-type"] == "application/json"
    predictions = first.json().get("predictions", [first.json()])
    assert await recorded(database) == sorted(one["prediction_id"] for one in predictions if "prediction_id" in one)


async def test_it_is_the_response_that_it_would_be_without_a_key(client: httpx.AsyncClient) -> None:
    plain, with_key = (
        await client.post("/predict", json=TEXT),
        await client.post("/predict", json=TEXT, headers=keyed()),
    )
    assert plain.json().keys() == with_key.json().keys()
    assert plain.json()["confidence"] == with_key.json()["confidence"]
    refused = await client.post("/predict", json={"text": ""}, headers=keyed())
    assert refused.json()["errors"] == (await client.post("/predict", json={"text": ""})).json()["errors"]


async def test_another_request_under_the_same_key_is_refused(client: httpx.AsyncClient, database: Database) -> None:
    headers = keyed()
    await client.post("/predict", json=TEXT, headers=headers)
    other = await client.post("/predict", json={"text": "A bad day."}, headers=headers)
    assert assert_problem(other, 422)["type"] == "urn:problem-type:idempotency-key-reused"
    elsewhere = await client.post("/predict/batch", json={"texts": ["A fine day."]}, headers=headers)
    assert assert_problem(elsewhere, 422)["type"] == "urn:problem-type:idempotency-key-reused"
    assert len(await recorded(database)) == 1


async def test_keys_are_each_callers_own(client: httpx.AsyncClient, database: Database) -> None:
    key = uuid4()
    one = await client.post("/predict", json=TEXT, headers=keyed(key, "192.0.2.1"))
    other = await client.post("/predict", json={"text": "A bad day."}, headers=keyed(key, "192.0.2.2"))
    assert (one.status_code, other.status_code) == (200, 200)
    assert len(await recorded(database)) == 2


async def test_quotes_are_not_part_of_a_key(client: httpx.AsyncClient) -> None:
    first = await client.post("/predict", json=TEXT, headers={"Idempotency-Key": '"abc"'})
    assert (await client.post("/predict", json=TEXT, headers={"Idempotency-Key": "abc"})).content == first.content


async def test_what_is_asked_again_before_it_is_answered_waits_for_the_answer(
    client: httpx.AsyncClient, database: Database
) -> None:
    headers = keyed()
    answers = await asyncio.gather(*(client.post("/predict", json=TEXT, headers=headers) for _ in range(20)))
    assert len({answer.content for answer in answers}) == 1
    assert len(await recorded(database)) == 1


async def test_replicas_that_are_asked_at_the_same_time_say_the_same(
    start_service: StartService, database: Database, tmp_path: Path
) -> None:
    replicas = [await start_service(journal_dir=tmp_path / name) for name in ("one", "two", "three")]
    for _ in range(20):
        headers = keyed()
        answers = await asyncio.gather(*(replica.post("/predict", json=TEXT, headers=headers) for replica in replicas))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
    assert len(await recorded(database)) == 20


async def test_who_asks_again_and_cannot_wait_is_told_when_to_come_back(
    client: httpx.AsyncClient, database: Database
) -> None:
    headers = keyed()
    connection = await asyncpg.connect(for_libpq(database.url()))
    async with connection.transaction():
        await connection.execute("LOCK TABLE predictions.prediction IN EXCLUSIVE MODE")
        first = asyncio.create_task(client.post("/predict", json=TEXT, headers=headers))
        while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)
        hurried = await client.post("/predict", json=TEXT, headers=headers | {"X-Request-Timeout": "0.1"})
        assert assert_problem(hurried, 409)["type"] == "urn:problem-type:idempotency-key-in-use"
        assert hurried.headers["retry-after"] == "1"
    await connection.close()
    assert (await client.post("/predict", json=TEXT, headers=headers)).content == (await first).content


async def test_an_error_is_not_kept_and_the_key_is_still_free(client: httpx.AsyncClient, database: Database) -> None:
    headers = keyed()
    assert_problem(await client.post("/predict", json=TEXT | {"model_name": "nobody"}, headers=headers), 404)
    assert_problem(await client.post("/predict", json={"text": " "}, headers=headers), 422)
    assert (await client.post("/predict", json=TEXT, headers=headers)).status_code == 200
    assert len(await recorded(database)) == await keys_kept(database) == 1


async def test_after_a_day_a_key_is_new(client: httpx.AsyncClient, database: Database) -> None:
    headers = keyed()
    first = await client.post("/predict", json=TEXT, headers=headers)
    await database.fetch("UPDATE predictions.kept_response SET created_at = created_at - interval '23 hours'")
    assert (await client.post("/predict", json=TEXT, headers=headers)).content == first.content
    await database.fetch("UPDATE predictions.kept_response SET created_at = created_at - interval '1 hour'")
    second = await client.post("/predict", json={"text": "A bad day."}, headers=headers)
    assert second.status_code == 200
    assert (await client.post("/predict", json={"text": "A bad day."}, headers=headers)).content == second.content
    assert await recorded(database) == sorted(one.json()["prediction_id"] for one in (first, second))
    assert await keys_kept(database) == 1


async def test_requests_with_and_without_keys_share_a_commit(client: httpx.AsyncClient, database: Database) -> None:
    headers = [keyed() if number % 2 else {} for number in range(100)]
    answers = await asyncio.gather(*(client.post("/predict", json=TEXT, headers=one) for one in headers))
    assert await recorded(database) == sorted(answer.json()["prediction_id"] for answer in answers)
    ((transactions,),) = await database.fetch("SELECT count(DISTINCT xmin::text) FROM predictions.prediction")
    assert transactions < 50
    assert await keys_kept(database) == 50


async def test_connections_that_break_cost_no_request(client: httpx.AsyncClient, database: Database) -> None:
    headers = keyed()
    first = await client.post("/predict", json=TEXT, headers=headers)
    for _ in range(3):
        await database.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'prediction-service'"
        )
        assert (await client.post("/predict", json=TEXT, headers=headers)).content == first.content
        assert (await client.post("/predict", json=TEXT, headers=keyed())).status_code == 200
    assert len(await recorded(database)) == 4


@pytest.mark.parametrize("type_", ["text/csv", "application/x-ndjson"])
async def test_a_stream_has_no_key(client: httpx.AsyncClient, type_: str) -> None:
    body = "text\nA fine day.\n" if type_ == "text/csv" else '{"text": "A fine day."}\n'
    answer = await client.post("/predict/batch", content=body, headers=keyed() | {"Content-Type": type_})
    (error,) = assert_problem(answer, 422)["errors"]
    assert error["location"] == "header.idempotency-key"


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (b'"8e03978e-40d5-43e8-bc93-6894a57f9324"', b"8e03978e-40d5-43e8-bc93-6894a57f9324"),
        (b"stainless-python-retry-8e03978e", b"stainless-python-retry-8e03978e"),
        (b'"with space, comma; and more"', b"with space, comma; and more"),
        (rb'"a \"quoted\" word and a \\"', b'a "quoted" word and a \\'),
        (b'"' + b"x" * 255 + b'"', b"x" * 255),
    ],
)
def test_keys_are_read_as_the_draft_has_them_and_as_clients_send_them(value: bytes, key: bytes) -> None:
    assert parse_key(value) == key


@pytest.mark.parametrize(
    "value",
    [
        *(b"", b'""', b'"', b'"a', b'a"', b"a b", b"a,b", b'"a";b=1', b'"a", "b"'),
        *(b"x" * 256, b'"' + b"x" * 256 + b'"', b'"\xc3\xbc"', b'"a\\n"', b"\x7f"),
    ],
)
def test_what_is_no_key_is_refused(value: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_key(value)


async def test_a_bad_key_is_a_422_that_says_what_a_key_is(client: httpx.AsyncClient, database: Database) -> None:
    for headers in ([("Idempotency-Key", "a b")], [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]):
        for path, body in (("/predict", TEXT), ("/predict/batch", {"texts": ["A fine day."]})):
            (error,) = assert_problem(await client.post(path, json=body, headers=headers), 422)["errors"]
            assert error["location"] == "header.idempotency-key"
    assert await recorded(database) == []


def test_a_response_that_is_too_large_to_be_kept_is_refused_before_it_is_recorded() -> None:
    question = Question(b"k" * 32, b"f" * 32)
    assert kept_response(question, bytes(MAX_RESPONSE_BYTES)).body == bytes(MAX_RESPONSE_BYTES)
    with pytest.raises(InvalidRequest):
        kept_response(question, bytes(MAX_RESPONSE_BYTES + 1))


@contextmanager
def told_on_failure(seed: int) -> Iterator[random.Random]:
    try:
        yield random.Random(seed)
    except BaseException:
        print("seed", seed)
        raise


async def test_whatever_is_asked_in_whatever_order_a_key_has_one_response(
    start_service: StartService, database: Database, tmp_path: Path
) -> None:
    """Random callers, keys, paths and bodies, some at once, at two replicas, held against what was said before."""
    replicas = [await start_service(journal_dir=tmp_path / name) for name in ("one", "two")]
    asks = [("/predict", {"text": f"Day {n}."}) for n in range(3)] + [("/predict/batch", {"texts": ["a", "b"]})]
    said: dict[tuple[str, str], set[tuple[int, bytes]]] = defaultdict(set)
    with told_on_failure(random.randrange(2**32)) as rng:
        for _ in range(25):
            asked = [
                (rng.choice(["c", "d"]), rng.choice("123456"), rng.choice([0, 0, 0, 1, 2, 3]), rng.choice(replicas))
                for _ in range(rng.randrange(1, 9))
            ]
            answers = await asyncio.gather(
                *(
                    replica.post(asks[what][0], json=asks[what][1], headers=keyed(key, caller))
                    for caller, key, what, replica in asked
                )
            )
            for (caller, key, what, _), answer in zip(asked, answers, strict=True):
                if answer.status_code == 200:
                    said[caller, key].add((what, answer.content))
            for responses in said.values():
                assert len(responses) == 1, responses
            for (caller, key, what, _), answer in zip(asked, answers, strict=True):
                ((first, _),) = said[caller, key]
                assert (answer.status_code == 200) == (what == first), answer.text
                if what != first:
                    assert assert_problem(answer, 422)["type"] == "urn:problem-type:idempotency-key-reused"
    contents = [json.loads(content) for ((_, content),) in said.values()]
    predictions = [one for content in contents for one in content.get("predictions", [content])]
    assert await recorded(database) == sorted(one["prediction_id"] for one in predictions)
