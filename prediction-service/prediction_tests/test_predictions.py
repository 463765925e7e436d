"""What is answered, and that the record says the same."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest

from prediction_service.api.schemas import BatchResponse, Prediction
from prediction_tests.service import StartService
from shared.testing.postgres import Database

JSON = {"Content-Type": "application/json"}
SENTENCES = {
    "I love this, it works perfectly and the support is fantastic!": "positive",
    "This is the worst purchase I have ever made. Terrible.": "negative",
    "The meeting takes place on Tuesday.": "neutral",
}


@pytest.mark.parametrize(("text", "label"), SENTENCES.items())
async def test_the_answer_is_what_is_on_record(
    client: httpx.AsyncClient, database: Database, text: str, label: str
) -> None:
    answer = await client.post("/predict", json={"text": text})
    assert answer.status_code == 200
    body = answer.json()
    prediction = Prediction.model_validate(body, extra="forbid")
    assert prediction.model_dump_json().encode() == answer.content  # as documented, to the byte
    assert prediction.prediction_label == label
    assert prediction.prediction_id.version == 7
    assert abs(datetime.now(UTC) - prediction.timestamp) < timedelta(minutes=1)
    assert prediction.raw_output is not None
    scores = prediction.raw_output.scores
    assert set(scores) == {"positive", "negative", "neutral"}
    assert sum(scores.values()) == pytest.approx(1)
    assert prediction.confidence == scores[label] == max(scores.values())
    assert body["metric"]["input_length"] == len(text)
    for field in set(body["metric"]) - {"input_length", "metrics_data"}:
        assert body["metric"][field] == body[field]

    (row,) = await database.fetch("SELECT * FROM predictions.prediction")
    assert (row["prediction_id"], row["created_at"]) == (prediction.prediction_id, prediction.timestamp)
    for field in set(body["metric"]) - {"prediction_id", "timestamp", "metrics_data"}:
        assert row[field] == body["metric"][field]
    assert row["text"] is None


async def test_metrics_are_left_out_when_they_are_not_wanted(client: httpx.AsyncClient) -> None:
    answer = await client.post("/predict", json={"text": "Fine.", "include_metrics": False})
    assert answer.json()["metric"] is None
    assert answer.json()["raw_output"] is not None


async def test_a_version_may_be_named(client: httpx.AsyncClient) -> None:
    for choice in ({"model_version": "1.0.0"}, {"model_version": "1.0.0", "model_name": "sentiment-lexicon"}):
        answer = await client.post("/predict", json={"text": "Fine."} | choice)
        assert answer.json()["model_version"] == "1.0.0"
        batch = await client.post("/predict/batch", json={"texts": ["Fine."]} | choice)
        assert batch.json()["predictions"][0]["model_version"] == "1.0.0"


@pytest.mark.parametrize("name", [None, "sentiment-lexicon"])
@pytest.mark.parametrize(("path", "text"), [("/predict", {"text": "Fine."}), ("/predict/batch", {"texts": ["Fine."]})])
async def test_a_version_that_is_not_loaded_is_a_404_that_says_which_are(
    client: httpx.AsyncClient, path: str, text: dict, name: str | None
) -> None:
    answer = await client.post(path, json=text | {"model_version": "9.0.0", "model_name": name})
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:problem-type:model-not-found"
    assert answer.json()["loaded_versions"] == ["1.0.0"]
    assert "1.0.0" in answer.json()["detail"]


async def test_a_batch_is_answered_in_order_and_recorded_in_one_transaction(
    client: httpx.AsyncClient, database: Database
) -> None:
    texts = [text for number in range(86) for text in (f"I love it {number}.", f"Terrible {number}.", f"Bus {number}.")]
    answer = await client.post("/predict/batch", json={"texts": texts[:256]})
    assert answer.status_code == 200
    predictions = BatchResponse.model_validate(answer.json()).predictions
    assert [prediction.prediction_label for prediction in predictions] == (["positive", "negative", "neutral"] * 86)[
        :256
    ]
    rows = await database.fetch("SELECT prediction_id, xmin FROM predictions.prediction")
    assert {row["prediction_id"] for row in rows} == {prediction.prediction_id for prediction in predictions}
    assert len({row["xmin"] for row in rows}) == 1


async def test_a_bad_text_in_a_batch_costs_the_others_nothing(client: httpx.AsyncClient, database: Database) -> None:
    texts = ["I love it.", "  \n", "x" * 10_001, "a\0b", "\ud800", "Terrible."]
    answer = await client.post("/predict/batch", content=json.dumps({"texts": texts}), headers=JSON)
    assert answer.status_code == 200
    assert BatchResponse.model_validate_json(answer.content).model_dump_json().encode() == answer.content
    first, blank, long, nul, half, last = answer.json()["predictions"]
    assert (first["prediction_label"], last["prediction_label"]) == ("positive", "negative")
    for index, item in enumerate((blank, long, nul, half), start=1):
        assert item["error"]["status"] == 422
        assert item["error"]["errors"][0]["location"] == f"body.texts.{index}"
    recorded = await database.fetch("SELECT prediction_id FROM predictions.prediction")
    assert {row["prediction_id"] for row in recorded} == {UUID(item["prediction_id"]) for item in (first, last)}


async def test_ten_thousand_characters_of_any_kind_are_fine(client: httpx.AsyncClient) -> None:
    for text in ("x" * 10_000, "😀" * 10_000, "good but " * 1_111, "\u0301" * 10_000, "\U0001d50a" * 10_000):
        answer = await client.post("/predict", json={"text": text})
        assert answer.status_code == 200
        assert answer.json()["metric"]["input_length"] == len(text)


async def test_texts_are_stored_only_when_that_is_wanted(start_service: StartService, database: Database) -> None:
    client = await start_service(store_text=True)
    await client.post("/predict", json={"text": "Keep me."})
    (row,) = await database.fetch("SELECT text FROM predictions.prediction")
    assert row["text"] == "Keep me."


async def test_ids_sort_by_time(client: httpx.AsyncClient) -> None:
    answers = [(await client.post("/predict", json={"text": "A fine day."})).json() for _ in range(20)]
    ids = [answer["prediction_id"] for answer in answers]
    assert ids == sorted(ids)
    moment = datetime.fromtimestamp((UUID(ids[0]).int >> 80) / 1000, UTC)
    assert abs(moment - datetime.fromisoformat(answers[0]["timestamp"])) < timedelta(seconds=1)


async def test_the_models_are_listed_with_the_default_first(client: httpx.AsyncClient) -> None:
    models = (await client.get("/models")).json()
    assert models["skipped"] == []
    first = models["models"][0]
    assert (first["name"], first["version"], first["default"]) == ("sentiment-lexicon", "1.0.0", True)
    assert set(first["labels"]) == {"positive", "negative", "neutral"}
    assert "VADER" in first["source"]


async def test_health_names_the_models_and_the_record(client: httpx.AsyncClient) -> None:
    health = (await client.get("/health")).json()
    assert health["status"] == "ok"
    assert set(health["components"]) == {"models", "journal", "postgres", "rollouts"}
    assert "sentiment-lexicon 1.0.0" in health["components"]["models"]["detail"]
