"""Two versions, or two windows, side by side: what is said of them."""

import math
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from metrics_tests.rows import Row, insert, register
from metrics_tests.service import client_of, settings_for
from shared.testing.postgres import Database

END = datetime.now(UTC) - timedelta(minutes=3)
MINUTES = 30
VERSIONS = {"model_version": "2.0.0", "reference_model_version": "1.0.0"}


@pytest.fixture
def chance() -> random.Random:
    seed = 19
    print(f"seed {seed}")
    return random.Random(seed)


async def ask(client: httpx.AsyncClient, **query: object) -> dict:
    body = {"model_name": "lexicon", "time_window_minutes": MINUTES, "window_end": END.isoformat(), **query}
    answer = await client.post("/metrics/compare", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def rows(chance: random.Random, count: int, version: str, minutes_ago: float = 0, **fields: object) -> list[Row]:
    """Predictions over the window that ended `minutes_ago`; what is not named scatters alike for all."""
    end, step = END - timedelta(minutes=minutes_ago), timedelta(minutes=MINUTES) / count
    made = []
    for n in range(count):
        usual = {
            "label": chance.choice(["positive", "negative"]),
            "confidence": chance.uniform(0.7, 0.99),
            "time_ms": chance.lognormvariate(2.3, 0.3),
            "input_length": chance.randint(10, 200),
        }
        named = {name: field() if callable(field) else field for name, field in fields.items()}
        made.append(Row(created_at=end - step * (n + 1), model_version=version, **{**usual, **named}))
    return made


def named(report: dict, name: str, label: str | None = None) -> dict:
    return next(one for one in report["differences"] if (one["name"], one["label"]) == (name, label))


async def test_equal_versions_are_the_same(
    client: httpx.AsyncClient, database: Database, chance: random.Random
) -> None:
    await insert(database, rows(chance, 900, "1.0.0") + rows(chance, 600, "2.0.0"))
    report = await ask(client, **VERSIONS)
    assert report["verdict"] == "same"
    assert report["words"][0].startswith("Version 2.0.0 (600 predictions) and version 1.0.0 (900) do not differ")
    assert report["current"]["metrics"]["time_window_start"] == report["reference"]["metrics"]["time_window_start"]
    confidence = named(report, "average_confidence")
    assert confidence["low"] < 0 < confidence["high"]
    assert not any(one["is_certain"] for one in report["differences"])
    traffic = named(report, "predictions_per_minute")
    assert (traffic["reference"], traffic["current"], traffic["low"]) == (30, 20, None)


async def test_a_slower_version_is_worse_and_said_to_be_by_how_much(
    client: httpx.AsyncClient, database: Database, chance: random.Random
) -> None:
    slow = rows(chance, 600, "2.0.0", time_ms=lambda: chance.lognormvariate(3.3, 0.3))
    await insert(database, rows(chance, 900, "1.0.0") + slow)
    report = await ask(client, **VERSIONS)
    assert report["verdict"] == "worse"
    p95 = named(report, "p95_inference_time_ms")
    assert p95["low"] < p95["difference"] < p95["high"]
    assert p95["difference"] == pytest.approx(p95["current"] - p95["reference"])
    assert p95["low"] < 16.3 * (2.718 - 1) < p95["high"]  # e ** (2.3 + 1.645 * 0.3) is 16.3
    assert any("95th percentile of the inference time" in words and "higher" in words for words in report["words"])


async def test_a_version_that_is_wrong_more_often_is_worse(
    client: httpx.AsyncClient, database: Database, chance: random.Random
) -> None:
    await register(database, "lexicon", labels=["positive", "negative"])
    old, new = rows(chance, 400, "1.0.0", label="positive"), rows(chance, 400, "2.0.0", label="positive")
    await insert(database, old + new)
    right = [(row, n % 20 != 0) for n, row in enumerate(old)] + [(row, n % 4 != 0) for n, row in enumerate(new)]
    said = [{"prediction_id": str(row.prediction_id), "label": "positive" if ok else "negative"} for row, ok in right]
    answer = await client.post("/feedback/batch", json={"feedback": said})
    assert answer.json()["recorded"] == 800, answer.text
    report = await ask(client, **VERSIONS)
    accuracy = named(report, "accuracy")
    assert (accuracy["reference"], accuracy["current"]) == pytest.approx((0.95, 0.75))
    assert accuracy["low"] < -0.2 < accuracy["high"] < 0
    assert report["verdict"] == "worse"
    assert report["words"][1].startswith("Its accuracy by feedback is 0.2 lower: 0.75 against 0.95 (95 % interval")
    assert report["current"]["feedback_count"] == 400


async def judge_values(
    client: httpx.AsyncClient, judged: list[Row], error: Callable[[], float], **headers: str
) -> None:
    said = [{"prediction_id": str(row.prediction_id), "value": row.value + error()} for row in judged]
    answer = await client.post("/feedback/batch", json={"feedback": said}, headers=headers)
    assert answer.json()["recorded"] == len(judged), answer.text


async def test_a_version_whose_values_are_further_off_is_worse(
    client: httpx.AsyncClient, database: Database, chance: random.Random
) -> None:
    """By words with the admin token alone: others may claim an error of any size."""
    plain = {"task_type": "regression", "label": None, "confidence": None, "value": lambda: chance.gauss(100, 10)}
    old, new = rows(chance, 300, "1.0.0", **plain), rows(chance, 300, "2.0.0", **plain)
    await insert(database, old + new)
    assert "how often they are right is not compared" in (await ask(client, **VERSIONS))["words"][-1]
    async with client_of(settings_for(database), {}) as stranger:
        await judge_values(stranger, old, lambda: 1e6)
    report = await ask(client, **VERSIONS)
    assert named(report, "mean_absolute_error")["reference"] is None
    assert report["verdict"] == "same"
    assert report["words"][-1].startswith("Nobody with the admin token judged values of both")
    await judge_values(client, old[:200], lambda: chance.gauss(0, 2))
    await judge_values(client, new[:150], lambda: chance.gauss(0, 6))
    report = await ask(client, **VERSIONS)
    error = named(report, "mean_absolute_error")
    assert error["low"] < 4 * (2 / math.pi) ** 0.5 < error["high"]  # the mean of |N(0, s)| is s times that root
    assert error["low"] > 0
    assert error["current"] == report["current"]["metrics"]["errors"]["trusted"]["mae"]
    assert (report["verdict"], error["is_certain"]) == ("worse", True)
    assert report["words"][1].startswith("Its mean absolute error by feedback with the admin token is ")
    assert "higher" in report["words"][1]
    back = await ask(client, model_version="1.0.0", reference_model_version="2.0.0")
    assert back["verdict"] == "better"


async def test_other_labels_are_different_and_neither_better_nor_worse(
    client: httpx.AsyncClient, database: Database, chance: random.Random
) -> None:
    await insert(database, rows(chance, 500, "1.0.0") + rows(chance, 500, "2.0.0", label="neutral"))
    report = await ask(client, **VERSIONS)
    assert report["verdict"] == "different"
    assert named(report, "label_share", "neutral")["difference"] == 1
    assert any(words.startswith("Its label is distributed otherwise (significant") for words in report["words"])


async def test_a_window_is_compared_with_the_one_before(
    client: httpx.AsyncClient, database: Database, chance: random.Random
) -> None:
    before = rows(chance, 400, "1.0.0", MINUTES)
    now = rows(chance, 400, "1.0.0", confidence=lambda: chance.uniform(0.4, 0.7))
    await insert(database, before + now)
    report = await ask(client)
    assert report["reference"]["metrics"]["time_window_end"] == report["current"]["metrics"]["time_window_start"]
    assert report["verdict"] == "worse"
    assert "the window is worse" in report["words"][0]
    confidence = named(report, "average_confidence")
    assert confidence["low"] < 0.55 - 0.845 < confidence["high"] < 0


async def test_values_are_compared_by_average_and_distribution(
    client: httpx.AsyncClient, database: Database, chance: random.Random
) -> None:
    plain = {"task_type": "regression", "label": None, "confidence": None}
    for version, middle in (("1.0.0", 100), ("2.0.0", 110)):
        made = rows(chance, 300, version, value=lambda middle=middle: chance.gauss(middle, 10), **plain)
        await insert(database, made)
    report = await ask(client, **VERSIONS)
    value = named(report, "average_value")
    assert value["is_certain"]
    assert value["low"] < 10 < value["high"]
    assert report["verdict"] == "different"
    assert {one["name"] for one in report["distributions"]} == {"value", "input_length"}
    assert named(report, "average_confidence")["reference"] is None


async def test_sets_of_labels_are_compared_label_by_label(
    client: httpx.AsyncClient, database: Database, chance: random.Random
) -> None:
    task = {"task_type": "multilabel", "label": "sport"}
    await insert(database, rows(chance, 300, "1.0.0", labels=("sport",), **task))
    await insert(database, rows(chance, 300, "2.0.0", labels=("sport", "money"), **task))
    report = await ask(client, **VERSIONS)
    money = named(report, "labels_share", "money")
    assert (money["difference"], money["is_certain"]) == (1, True)
    assert named(report, "labels_share", "sport")["difference"] == 0


async def test_of_nothing_and_of_little_nothing_is_claimed(
    client: httpx.AsyncClient, database: Database, chance: random.Random
) -> None:
    await register(database, "lexicon")
    await register(database, "lexicon", "2.0.0")
    assert (await ask(client, **VERSIONS))["verdict"] == "not_enough_data"
    await insert(database, rows(chance, 3, "1.0.0") + rows(chance, 4, "2.0.0", label="neutral", time_ms=90))
    report = await ask(client, **VERSIONS)
    assert report["verdict"] == "not_enough_data"
    assert "too few predictions" in report["words"][0]


@pytest.mark.parametrize(
    ("query", "location"),
    [
        ({"reference_model_version": "1.0.0"}, "body"),
        ({"time_window_minutes": 0}, "body.time_window_minutes"),
        ({"reference_window_end": (END - timedelta(minutes=5)).isoformat()}, "body.reference_window_end"),
        ({**VERSIONS, "reference_model_version": "2.0.0", "reference_window_end": END.isoformat()},
         "body.reference_window_end"),
        ({"reference_window_end": "2001-01-01T00:00:00Z"}, "body.reference_window_end"),
        ({"versions": ["1.0.0"]}, "body.versions"),
    ],
)  # fmt: skip
async def test_what_cannot_be_compared_is_refused_with_the_place(
    client: httpx.AsyncClient, database: Database, query: dict, location: str
) -> None:
    await register(database, "lexicon")
    await register(database, "lexicon", "2.0.0")
    answer = await client.post(
        "/metrics/compare", json={"model_name": "lexicon", "window_end": END.isoformat(), **query}
    )
    assert answer.status_code == 422
    assert [error["location"] for error in answer.json()["errors"]] == [location]


async def test_a_model_or_version_that_there_is_not_is_a_404(client: httpx.AsyncClient, database: Database) -> None:
    await register(database, "lexicon")
    for body in ({"model_name": "nobody"}, {"model_name": "lexicon", **VERSIONS}):
        answer = await client.post("/metrics/compare", json=body)
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:problem-type:unknown-model")
