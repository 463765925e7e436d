"""The shipped examples are served, and say what the library said that they were made with: about rows that it had not
seen, written down in `rows.csv` by the script that made each of them (columns that begin with _).
"""

import csv
from pathlib import Path
from typing import Any

import httpx
import pytest

from prediction_tests.service import StartService

EXAMPLES = Path(__file__).parents[2] / "examples"

RELATIVE, NEAR_ZERO = 1e-5, 1e-6

BATCH = 250

MODELS = {
    "churn": "churn",
    "house-prices": "house-prices",
    "topics": "topics",
    "loss": "loss",
    "hugging-face": "desks",
}
"""Example → its model."""


@pytest.fixture
async def client(start_service: StartService, tmp_path: Path) -> httpx.AsyncClient:
    """A service whose repository has all examples in it."""
    for example, model in MODELS.items():
        link = tmp_path / "models" / model
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(EXAMPLES / example / "models" / model)
    return await start_service(models_dir=tmp_path / "models", default_model="churn")


def table_of(example: str) -> list[dict[str, str]]:
    with (EXAMPLES / example / "rows.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


READERS: dict[str, Any] = {
    "number": float,
    "integer": int,
    "boolean": lambda word: word == "True",
}


def rows_of(table: list[dict[str, str]], inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As requests have them; an empty cell of a number is a gap."""
    types = {declared["name"]: declared["type"] for declared in inputs}
    return [
        {name: READERS.get(types[name], str)(row[name]) for name in types if row[name] or types[name] == "text"}
        for row in table
    ]


async def asked(client: httpx.AsyncClient, model: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the service answers, row by row, in batches."""
    answers: list[dict[str, Any]] = []
    for start in range(0, len(rows), BATCH):
        response = await client.post("/predict/batch", json={"model_name": model, "rows": rows[start : start + BATCH]})
        assert response.status_code == 200, response.text
        answers.extend(response.json()["predictions"])
    return answers


def near(value: float) -> Any:
    return pytest.approx(value, rel=RELATIVE, abs=NEAR_ZERO)


def check_churn(row: dict[str, str], answer: dict[str, Any]) -> None:
    assert answer["prediction_label"] == row["_label"]
    assert answer["confidence"] == near(float(row["_confidence"]))


def check_price(row: dict[str, str], answer: dict[str, Any]) -> None:
    assert answer["prediction_value"] == near(float(row["_value"]))
    assert answer["raw_output"]["unit"] == "EUR"


def check_topics(row: dict[str, str], answer: dict[str, Any]) -> None:
    said = {name.removeprefix("_"): float(value) for name, value in row.items() if name.startswith("_")}
    assert answer["raw_output"]["scores"] == {topic: near(value) for topic, value in said.items()}
    assert set(answer["raw_output"]["labels"]) == {topic for topic, value in said.items() if value >= 0.5}


CHECKS = {
    "churn": check_churn,
    "house-prices": check_price,
    "topics": check_topics,
    "loss": check_price,
    "hugging-face": check_churn,
}


@pytest.mark.parametrize("example", MODELS)
async def test_an_example_says_what_its_library_said(example: str, client: httpx.AsyncClient) -> None:
    models = {entry["name"]: entry for entry in (await client.get("/models")).json()["models"]}
    inputs = models[MODELS[example]]["inputs"]
    table = table_of(example)
    assert len(table) == 1000
    answers = await asked(client, MODELS[example], rows_of(table, inputs))
    for row, answer in zip(table, answers, strict=True):
        CHECKS[example](row, answer)


def test_every_example_is_among_them() -> None:
    assert sorted(MODELS) == sorted(path.parent.name for path in EXAMPLES.glob("*/models"))
    assert all((EXAMPLES / example / "make.py").is_file() for example in MODELS)
