"""What a prediction says, and that the record says the same."""

import json
from datetime import UTC, datetime
from uuid import UUID

import httpx
import pytest
from conftest import StartService

from shared.testing.postgres import Database

SENTENCES = {
    "I love this, it works perfectly!": "positive",
    "This is not good at all, a total waste of money.": "negative",
    "The parcel contains two cables.": "neutral",
}


@pytest.mark.parametrize(("text", "label"), SENTENCES.items())
async def test_a_sentence_gets_a_sensible_label_with_honest_probabilities(
    client: httpx.AsyncClient, text: str, label: str
) -> None:
    prediction = (await client.post("/predict", json={"text": text})).json()
    scores = prediction["raw_output"]["scores"]
    assert prediction["prediction_label"] == label == max(scores, key=scores.get)
    assert prediction["confidence"] == scores[label]
    assert sum(scores.values()) == pytest.approx(1)


async def test_the_record_says_what_the_answer_says(client: httpx.AsyncClient, database: Database) -> None:
    prediction = (await client.post("/predict", json={"text": "A fine day."})).json()
    (row,) = await database.fetch("SELECT * FROM predictions.prediction")
    assert UUID(prediction["prediction_id"]) == row["prediction_id"]
    assert datetime.fromisoformat(prediction["timestamp"]) == row["created_at"]
    for field in ("prediction_label", "task_type", "model_name", "model_version", "confidence", "inference_time_ms"):
        assert prediction[field] == row[field] == prediction["metric"][field]
    assert prediction["metric"]["input_length"] == row["input_length"] == len("A fine day.")
    assert prediction["metric"]["metrics_data"] == json.loads(row["metrics_data"])
    assert row["text"] is None


async def test_the_id_sorts_by_time(client: httpx.AsyncClient) -> None:
    answers = [(await client.post("/predict", json={"text": "A fine day."})).json() for _ in range(20)]
    ids = [answer["prediction_id"] for answer in answers]
    assert ids == sorted(ids)
    assert all(UUID(identifier).version == 7 for identifier in ids)
    moment = datetime.fromtimestamp((UUID(ids[0]).int >> 80) / 1000, UTC)
    assert abs((moment - datetime.fromisoformat(answers[0]["timestamp"])).total_seconds()) < 1


async def test_texts_are_kept_only_when_that_is_wanted(start_service: StartService, database: Database) -> None:
    client = await start_service(store_text=True)
    await client.post("/predict", json={"text": "Keep me, \0 and all."})
    ((text,),) = await database.fetch("SELECT text FROM predictions.prediction")
    assert text == "Keep me, \N{REPLACEMENT CHARACTER} and all."


@pytest.mark.parametrize(
    "text", ["\0", "a\0b", "\N{GRINNING FACE}" * 10_000, "x" * 10_000, "日本語", "\u202etext", "a" + "\n" * 9_999]
)
async def test_odd_texts_are_answered_and_recorded(client: httpx.AsyncClient, database: Database, text: str) -> None:
    answer = await client.post("/predict", json={"text": text})
    assert answer.status_code == 200
    ((length,),) = await database.fetch("SELECT input_length FROM predictions.prediction")
    assert length == len(text)


@pytest.mark.parametrize(
    "body",
    [
        b'{"text": ""}',
        b'{"text": " \\n\\u00a0\\u2003"}',
        b'{"text": "' + b"x" * 10_001 + b'"}',
        b'{"text": "\\ud83d"}',
        b'{"text": 5}',
        b'{"text": null}',
        b'{"text": ["a"]}',
        b"{}",
        b"[]",
        b"not json",
        b"",
        b'{"text": "a", "include_metrics": "perhaps"}',
        b'{"text": "a", "model_name": "../../etc/passwd"}',
        b'{"text": "a", "task_type": "translation"}',
        b'{"text": "a", "task_type": null}',
    ],
)
async def test_a_bad_body_is_a_422_and_nothing_is_recorded(
    client: httpx.AsyncClient, database: Database, body: bytes
) -> None:
    answer = await client.post("/predict", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert await database.fetch("SELECT 1 FROM predictions.prediction") == []


async def test_an_unknown_model_is_a_404_of_its_own_type(client: httpx.AsyncClient, database: Database) -> None:
    answer = await client.post("/predict", json={"text": "Fine.", "model_name": "oracle"})
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:problem-type:unknown-model"
    assert await database.fetch("SELECT 1 FROM predictions.prediction") == []


async def test_a_batch_is_answered_in_order_and_recorded_in_one_transaction(
    client: httpx.AsyncClient, database: Database
) -> None:
    texts = list(SENTENCES) * 80
    predictions = (await client.post("/predict/batch", json={"texts": texts})).json()["predictions"]
    assert [prediction["prediction_label"] for prediction in predictions] == list(SENTENCES.values()) * 80
    ((rows, transactions),) = await database.fetch(
        "SELECT count(*), count(DISTINCT xmin::text) FROM predictions.prediction"
    )
    assert (rows, transactions) == (240, 1)


@pytest.mark.parametrize("texts", [[], ["Fine."] * 257, ["Fine.", ""], ["Fine.", 5], "Fine.", [None]])
async def test_a_bad_batch_is_a_422_and_nothing_of_it_is_recorded(
    client: httpx.AsyncClient, database: Database, texts: object
) -> None:
    answer = await client.post("/predict/batch", json={"texts": texts})
    assert answer.status_code == 422
    assert await database.fetch("SELECT 1 FROM predictions.prediction") == []
