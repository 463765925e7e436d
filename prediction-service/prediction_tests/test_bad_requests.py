"""Whatever is wrong with a request: the right 4xx, and nothing recorded."""

from collections.abc import AsyncIterator

import httpx
import pytest

from prediction_tests.service import assert_problem
from shared.testing.postgres import Database


@pytest.fixture(autouse=True)
async def nothing_is_recorded(database: Database) -> AsyncIterator[None]:
    yield
    assert await database.fetch("SELECT 1 FROM predictions.prediction") == []


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ({"text": ""}, "body.text"),
        ({"text": " \t\n\u2003"}, "body.text"),
        ({"text": "x" * 10_001}, "body.text"),
        ({"text": "a\0b"}, "body.text"),
        ({"text": 5}, "body.text"),
        ({"text": None}, "body.text"),
        ({"text": ["a"]}, "body.text"),
        ({}, "body.text"),
        ([], "body"),
        (None, "body"),
        ({"text": "Fine.", "include_metrics": "perhaps"}, "body.include_metrics"),
        ({"text": "Fine.", "model_name": 5}, "body.model_name"),
        ({"text": "Fine.", "model_name": "../etc"}, "body.model_name"),
        ({"text": "Fine.", "model_name": "sentiment-lexicon", "task_type": "translation"}, "body.task_type"),
        ({"text": "Fine.", "task_type": "Not a task"}, "body.task_type"),
    ],
)
async def test_a_prediction_that_does_not_fit_is_a_422_that_says_where(
    client: httpx.AsyncClient, body: object, location: str
) -> None:
    problem = assert_problem(await client.post("/predict", json=body), 422)
    assert location in [error["location"] for error in problem["errors"]]


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ({"texts": []}, "body.texts"),
        ({"texts": ["Fine."] * 257}, "body.texts"),
        ({"texts": ["Fine.", 5]}, "body.texts.1"),
        ({"texts": ["Fine.", None]}, "body.texts.1"),
        ({"texts": "Fine."}, "body.texts"),
        ({"texts": ["", "\0"]}, "body.texts.0"),
        ({}, "body.texts"),
    ],
)
async def test_a_batch_that_does_not_fit_is_a_422_that_says_where(
    client: httpx.AsyncClient, body: object, location: str
) -> None:
    problem = assert_problem(await client.post("/predict/batch", json=body), 422)
    assert location in [error["location"] for error in problem["errors"]]


@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
@pytest.mark.parametrize(
    "content", [b"not json", b"{", b"\x00", b'{"text": "\\ud800"}', b'{"texts": ["\\udc00"]}', b"", b"[" * 50_000]
)
async def test_a_body_that_is_not_json_is_a_4xx(client: httpx.AsyncClient, path: str, content: bytes) -> None:
    answer = await client.post(path, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}
    assert_problem(answer, answer.status_code)


@pytest.mark.parametrize(
    "choice",
    [{"model_name": "oracle"}, {"task_type": "divination"}, {"model_name": "oracle", "task_type": "classification"}],
)
@pytest.mark.parametrize(("path", "text"), [("/predict", {"text": "Fine."}), ("/predict/batch", {"texts": ["Fine."]})])
async def test_a_model_that_is_not_there_is_a_404_with_a_type_of_its_own(
    client: httpx.AsyncClient, path: str, text: dict, choice: dict
) -> None:
    problem = assert_problem(await client.post(path, json=text | choice), 404)
    assert problem["type"] == "urn:problem-type:model-not-found"
    assert "oracle" in problem["detail"] or "divination" in problem["detail"]
    assert problem["detail"].endswith("; GET /models says which ones are loaded, and why others are not.")
