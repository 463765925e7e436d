"""A model's predictions may be kept less long than those of others, beside which they lie."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from prometheus_client import REGISTRY
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from metrics_service.maintenance import model_retention
from metrics_service.maintenance.model_retention import ModelRetention
from metrics_service.predictions.row_days import RowDays
from metrics_tests.rows import Row, insert, register
from metrics_tests.service import client_of, settings_for
from shared.testing.postgres import Database

NOW = datetime.now(UTC)
SHORT = {"churn": 2, "fraud": 5}
DAYS = RowDays(30, SHORT)


def of(model: str, *days_ago: float) -> list[Row]:
    return [Row(model_name=model, created_at=NOW - timedelta(days=days)) for days in days_ago]


def retention_at(engine: AsyncEngine, now: datetime = NOW) -> ModelRetention:
    return ModelRetention(engine, lambda: now, DAYS)


async def on_record(database: Database) -> set[UUID]:
    return {row[0] for row in await database.fetch("SELECT prediction_id FROM predictions.prediction")}


async def ids_beside(database: Database, table: str) -> set[UUID]:
    return {row[0] for row in await database.fetch(f"SELECT prediction_id FROM {table}")}  # noqa: S608 - our own tables


async def add_shadows(database: Database, rows: list[Row]) -> None:
    await database.fetch(
        """INSERT INTO predictions.shadow (prediction_id, made_at, model_name, stable_version, candidate_version,
            started_at, task_type, stable_time_ms)
        SELECT prediction_id, created_at, model_name, '1.0.0', '2.0.0', created_at, 'classification', 1
        FROM predictions.prediction WHERE prediction_id = ANY ($1)""",
        [row.prediction_id for row in rows],
    )


async def judge(client: httpx.AsyncClient, rows: list[Row]) -> None:
    for row in rows:
        given = {"prediction_id": str(row.prediction_id), "label": "neutral"}
        (await client.post("/feedback", json=given)).raise_for_status()


def forgotten(model: str) -> float:
    return REGISTRY.get_sample_value("metrics_predictions_forgotten_total", {"model_name": model}) or 0


async def test_a_models_predictions_go_after_its_days_with_what_belongs_to_them_and_aggregates_stay(
    client: httpx.AsyncClient, database: Database, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_retention, "AT_MOST", 3)
    going = [*of("churn", 4, 3.5, 3.5, 3.5, 3.5, 20, 7), *of("fraud", 7, 8, 20)]
    staying = [*of("churn", 0, 1), *of("fraud", 0, 1, 4), *of("sentiment", 0, 4, 7, 20)]
    await insert(database, [*going, *staying])
    for model in ("churn", "fraud", "sentiment"):
        await register(database, model)
    await judge(client, [*going, *staying])
    await add_shadows(database, [*going, *staying])
    counted = await database.fetch("SELECT sum(predictions)::int FROM metrics.rollup WHERE minutes = 1440")
    before = {model: forgotten(model) for model in SHORT}

    await retention_at(engine).tidy()
    kept = {row.prediction_id for row in staying}
    assert await on_record(database) == kept
    assert await ids_beside(database, "predictions.shadow") == kept
    assert await ids_beside(database, "metrics.feedback") == kept
    assert await database.fetch("SELECT sum(predictions)::int FROM metrics.rollup WHERE minutes = 1440") == counted
    assert {model: forgotten(model) - before[model] for model in SHORT} == {"churn": 7, "fraud": 3}


async def test_each_day_a_day_more_goes_and_what_came_late(database: Database, engine: AsyncEngine) -> None:
    retention = ModelRetention(engine, lambda: now, DAYS)
    now = NOW
    await insert(database, of("churn", 2))
    await retention.tidy()
    assert len(await on_record(database)) == 1, "whole days are kept"
    late = of("churn", 9)
    await insert(database, late)
    await retention.tidy()
    assert len(await on_record(database)) == 2, "one walk a day"
    now = NOW + timedelta(days=1)
    await retention.tidy()
    assert await on_record(database) == set()


async def test_what_was_said_of_predictions_that_are_gone_already_goes_as_well(
    client: httpx.AsyncClient, database: Database, engine: AsyncEngine
) -> None:
    rows = of("churn", 9, 1)
    await insert(database, rows)
    await register(database, "churn")
    await judge(client, rows)
    await database.fetch("DELETE FROM predictions.prediction")
    await retention_at(engine).tidy()
    assert await ids_beside(database, "metrics.feedback") == {rows[1].prediction_id}


@pytest.mark.parametrize("form", ["pages", "an export that goes on"])
async def test_a_walk_through_the_record_is_right_while_they_go(
    form: str, client: httpx.AsyncClient, database: Database, engine: AsyncEngine
) -> None:
    staying = of("sentiment", 1, 2.9, 3.1, 3.9, 4.1, 9)
    going = of("churn", 3.0, 3.2, 4.0, 4.2, 10)
    await insert(database, [*staying, *going])
    seen: list[str] = []
    (first,) = (page := (await client.get("/predictions", params={"limit": 1})).json())["predictions"]
    seen.append(first["prediction_id"])
    await retention_at(engine).tidy()
    if form == "pages":
        while page["next_cursor"]:
            page = (await client.get("/predictions", params={"limit": 1, "cursor": page["next_cursor"]})).json()
            seen += [one["prediction_id"] for one in page["predictions"]]
    else:
        rest = await client.get("/predictions/export", params={"cursor": seen[0]})
        seen += [json.loads(line)["prediction_id"] for line in rest.text.splitlines()]
    assert seen == [str(row.prediction_id) for row in staying]


async def test_who_asks_for_the_model_sees_its_days_alone_even_before_they_go(database: Database) -> None:
    rows = of("churn", 1, 9)
    await insert(database, rows)
    await register(database, "churn")
    settings = settings_for(database, model_retention_days="churn:2")
    async with client_of(settings) as client:
        page = (await client.get("/predictions", params={"model_name": "churn"})).json()
        assert [one["prediction_id"] for one in page["predictions"]] == [str(rows[0].prediction_id)]


async def test_a_name_that_no_model_ever_had_is_logged(database: Database, engine: AsyncEngine) -> None:
    await register(database, "churn")
    with capture_logs() as logs:
        await retention_at(engine).tidy()
    assert [(line["log_level"], line["model"]) for line in logs] == [("warning", "fraud")]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("churn", "'churn' is not of the form model:days"),
        ("churn:", "'churn:' is not of the form model:days"),
        ("churn:0", "'churn:0' is not of the form model:days, with whole days, 1 or more"),
        ("churn:-1", "'churn:-1' is not of the form model:days, with whole days, 1 or more"),
        ("churn:1.5", "'churn:1.5' is not of the form"),
        ("churn:99999", "'churn:99999' is not of the form"),
        ("../x:7", "'../x:7' is not of the form model:days"),
        ("churn:7,churn:8", "churn is named twice"),
        ("fraud:1,churn:31", "MODEL_RETENTION_DAYS has 31 days for churn, more than RETENTION_DAYS (30)"),
    ],
)
def test_a_wrong_setting_says_what_is_wrong(value: str, says: str, database: Database) -> None:
    with pytest.raises(ValueError, match="(?s)" + says.replace("(", r"\(").replace(")", r"\)")):
        settings_for(database, model_retention_days=value)
    assert settings_for(database, model_retention_days="churn:30, fraud:1").row_days.by_model == {
        "churn": 30, "fraud": 1
    }  # fmt: skip
