"""Models of declared inputs through /predict: what their libraries said is answered, recorded, and nothing else."""

import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

from prediction_service.api.schemas import BatchResponse, Prediction
from prediction_tests.service import QUICK_MODELS, StartService, assert_problem, until_loaded
from shared.testing.postgres import Database

TABLES = Path(__file__).parent / "exports" / "tables"
SERVED = {
    "churn": "skl2onnx-churn",
    "price": "lightgbm-regression",
    "topics": "skl2onnx-multilabel-mlp",
    "reduced": "skl2onnx-pca",
}
CHURN_ROW = {"age": 41, "monthly fee": 20.5, "calls": 3, "plan": "basic", "city": "Izmir"}


def expected(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((TABLES / SERVED[name] / "expect.json").read_text())
    return found


@pytest.fixture
def models(tmp_path: Path) -> Path:
    root = tmp_path / "models"
    shutil.copytree(QUICK_MODELS, root)
    for name, export in SERVED.items():
        shutil.copytree(TABLES / export, root / name / "1.0.0", ignore=shutil.ignore_patterns("expect.json"))
    return root


@pytest.fixture
async def tables(start_service: StartService, models: Path) -> httpx.AsyncClient:
    return await until_loaded(await start_service(models_dir=models, store_inputs=True), *SERVED)


def close(raw: Any) -> Any:
    """The same but for rounding, which may differ with the number of rows in a call."""
    if isinstance(raw, dict):
        return {name: close(value) for name, value in raw.items()}
    if isinstance(raw, list):
        return [close(value) for value in raw]
    return pytest.approx(raw, rel=1e-5, abs=1e-6) if isinstance(raw, float) else raw


async def batch(client: httpx.AsyncClient, name: str, rows: list[dict[str, Any]]) -> list[Any]:
    answer = await client.post("/predict/batch", json={"rows": rows, "model_name": name})
    assert answer.status_code == 200, answer.text
    response = BatchResponse.model_validate(answer.json())
    assert response.model_dump_json().encode() == answer.content  # as documented, to the byte
    return response.predictions


async def test_a_classifier_of_a_table(tables: httpx.AsyncClient, database: Database) -> None:
    churn = expected("churn")
    predictions = await batch(tables, "churn", churn["rows"])
    for prediction, probabilities in zip(predictions, churn["probabilities"], strict=True):
        assert list(prediction.raw_output.scores.values()) == pytest.approx(probabilities, abs=1e-5)
        assert prediction.confidence == max(prediction.raw_output.scores.values())
        assert prediction.prediction_value is None
    record = {row["prediction_id"]: row for row in await database.fetch("SELECT * FROM predictions.prediction")}
    for prediction, row in zip(predictions, churn["rows"], strict=True):
        recorded = record[prediction.prediction_id]
        assert recorded["prediction_label"] == prediction.prediction_label
        assert json.loads(recorded["inputs"]) == row
        assert recorded["input_length"] == len(row["plan"]) + len(row["city"])
        assert recorded["text"] is None


async def test_a_regression_has_a_value_and_no_label(tables: httpx.AsyncClient, database: Database) -> None:
    price = expected("price")
    predictions = await batch(tables, "price", price["rows"])
    assert [one.prediction_value for one in predictions] == pytest.approx(price["values"], rel=1e-5)
    for one in predictions:
        assert (one.prediction_label, one.confidence) == (None, None)
        assert one.raw_output.value == one.prediction_value == one.metric.prediction_value
    rows = await database.fetch("SELECT prediction_label, confidence, prediction_value FROM predictions.prediction")
    assert {(row["prediction_label"], row["confidence"]) for row in rows} == {(None, None)}
    assert sorted(row["prediction_value"] for row in rows) == sorted(one.prediction_value for one in predictions)


async def test_a_multilabel_model_has_all_labels_that_apply(tables: httpx.AsyncClient, database: Database) -> None:
    topics = expected("topics")
    predictions = await batch(tables, "topics", topics["rows"])
    for prediction, probabilities in zip(predictions, topics["probabilities"], strict=True):
        scores = prediction.raw_output.scores
        assert list(scores.values()) == pytest.approx(probabilities, abs=1e-5)
        assert set(prediction.raw_output.labels) == {label for label, score in scores.items() if score >= 0.5}
        assert prediction.prediction_label == (prediction.raw_output.labels or [None])[0]
    recorded = {
        row["prediction_id"]: row["labels"] for row in await database.fetch("SELECT * FROM predictions.prediction")
    }
    assert {one.prediction_id: one.raw_output.labels for one in predictions} == recorded


async def test_one_row_is_answered_as_in_a_batch(tables: httpx.AsyncClient) -> None:
    for name in SERVED:
        rows = expected(name)["rows"][:5]
        together = await batch(tables, name, rows)
        for row, one in zip(rows, together, strict=True):
            answer = await tables.post("/predict", json={"inputs": row, "model_name": name})
            assert answer.status_code == 200, answer.text
            alone = Prediction.model_validate(answer.json(), extra="forbid")
            assert alone.prediction_label == one.prediction_label
            assert close(alone.raw_output.model_dump()) == one.raw_output.model_dump()


async def test_a_wrong_row_costs_the_others_nothing_and_is_named(tables: httpx.AsyncClient, database: Database) -> None:
    bad = CHURN_ROW | {"plan": "gold", "fee": 3}
    body = {"rows": [CHURN_ROW, bad, CHURN_ROW], "model_name": "churn"}
    first, error, last = (await tables.post("/predict/batch", json=body)).json()["predictions"]
    assert first["prediction_label"] == last["prediction_label"]
    assert error["error"]["status"] == 422
    assert {fault["location"]: fault["message"] for fault in error["error"]["errors"]} == {
        "body.rows.1.plan": "must be one of basic, family, premium",
        "body.rows.1.fee": "is no input of this model, which takes age, monthly fee, calls, plan, city",
    }
    assert len(await database.fetch("SELECT * FROM predictions.prediction")) == 2


@pytest.mark.parametrize(
    ("body", "location", "message"),
    [
        ({"inputs": CHURN_ROW | {"calls": "3"}}, "body.inputs.calls", "whole number"),
        ({"inputs": {}}, "body.inputs.monthly fee", "is missing"),
        ({"inputs": CHURN_ROW, "text": "a"}, "body.inputs", "beside text"),
        ({"text": "a"}, "body.text", "takes age, monthly fee, calls, plan, city; send them as inputs"),
        ({}, "body.text", "Field required"),
        ({"inputs": None}, "body.inputs", "must be an object, not null"),
        ({"inputs": None, "text": None}, "body.inputs", "must be an object, not null"),
        ({"text": None}, "body.text", "must be a string, not null"),
        ({"inputs": []}, "body.inputs", "object"),
        ({"input": CHURN_ROW}, "body.input", "inputs"),
    ],
)
async def test_a_wrong_request_is_told_where(
    tables: httpx.AsyncClient, database: Database, body: dict[str, Any], location: str, message: str
) -> None:
    problem = assert_problem(await tables.post("/predict", json=body | {"model_name": "churn"}), 422)
    found = {fault["location"]: fault["message"] for fault in problem["errors"]}
    assert message in found[location]
    assert await database.fetch("SELECT * FROM predictions.prediction") == []


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ({"rows": [CHURN_ROW], "texts": ["a"]}, "body.rows"),
        ({"texts": ["a"]}, "body.texts"),
        ({}, "body.texts"),
        ({"rows": None}, "body.rows"),
        ({"texts": None}, "body.texts"),
        ({"rows": [CHURN_ROW, None]}, "body.rows.1"),
        ({"rows": []}, "body.rows"),
        ({"rows": [CHURN_ROW] * 257}, "body.rows"),
        ({"rows": [{"age": 1}]}, "body.rows.0.monthly fee"),
        ({"rows": [CHURN_ROW | {"city": "x" * 9999}] * 101}, "body.rows"),
    ],
)
async def test_a_wrong_batch_is_told_where(tables: httpx.AsyncClient, body: dict[str, Any], location: str) -> None:
    problem = assert_problem(await tables.post("/predict/batch", json=body | {"model_name": "churn"}), 422)
    assert location in {fault["location"] for fault in problem["errors"]}


@pytest.mark.parametrize(
    ("path", "body", "location"),
    [
        ("/predict", '{"inputs": {"age": 1, "age": 2}}', "body.inputs.age"),
        ("/predict/batch", '{"rows": [{"age": 1}, {"age": 1, "age": 2}]}', "body.rows.1.age"),
    ],
)
async def test_an_input_that_stands_there_twice_is_told_where(
    tables: httpx.AsyncClient, path: str, body: str, location: str
) -> None:
    answer = await tables.post(path, content=body, headers={"Content-Type": "application/json"})
    assert assert_problem(answer, 422)["errors"] == [{"location": location, "message": "stands there twice"}]


@pytest.mark.parametrize("body", [{"texts": [" "] * 256}, {"rows": [{"text": 1}] * 256}])
async def test_of_a_batch_without_anything_right_only_some_faults_are_told(
    tables: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    problem = assert_problem(await tables.post("/predict/batch", json=body), 422)
    assert len(problem["errors"]) == 20
    assert problem["errors"][19]["location"].startswith(f"body.{next(iter(body))}.19")


async def test_a_model_of_one_text_takes_inputs_too(tables: httpx.AsyncClient) -> None:
    text = (await tables.post("/predict", json={"text": "I love it."})).json()
    inputs = (await tables.post("/predict", json={"inputs": {"text": "I love it."}})).json()
    assert text["raw_output"] == inputs["raw_output"]
    rows = (await tables.post("/predict/batch", json={"rows": [{"text": "I love it."}, {"text": ""}]})).json()
    assert rows["predictions"][0]["raw_output"] == text["raw_output"]
    assert rows["predictions"][1]["error"]["errors"][0]["location"] == "body.rows.1.text"


async def test_what_a_model_takes_stands_in_the_list(tables: httpx.AsyncClient) -> None:
    models = {model["name"]: model for model in (await tables.get("/models")).json()["models"]}
    assert [declared["name"] for declared in models["churn"]["inputs"]] == [
        "age",
        "monthly fee",
        "calls",
        "plan",
        "city",
    ]
    assert models["churn"]["inputs"][3]["values"] == ["basic", "family", "premium"]
    assert models["price"]["labels"] == []
    assert models["sentiment-lexicon"]["inputs"] == [{"name": "text", "type": "text", "required": True}]


async def test_inputs_are_not_recorded_unless_the_operator_says_so(
    start_service: StartService, models: Path, database: Database
) -> None:
    client = await until_loaded(await start_service(models_dir=models), "churn")
    assert (await client.post("/predict", json={"inputs": CHURN_ROW, "model_name": "churn"})).status_code == 200
    (row,) = await database.fetch("SELECT * FROM predictions.prediction")
    assert row["inputs"] is None
