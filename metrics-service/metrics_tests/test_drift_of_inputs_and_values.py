"""Which input has drifted, in the words of the baseline; and whether values have."""

import random
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_tests.rows import Row, insert, register
from metrics_tests.watching import Clock, look, watcher_of
from shared.testing.postgres import Database

END = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=3)
TRAINED = {
    "inputs": {
        "rooms": {"edges": [2, 3, 5], "counts": [300, 300, 300, 100], "missing": 0},
        "city": {"values": ["Ankara", "Izmir"], "counts": [600, 300], "other": 100, "missing": 0},
    }
}
NAMES = ["rooms", "city"]


async def ask(client: httpx.AsyncClient, **query: object) -> dict:
    body = {"time_window_minutes": 30, "window_end": END.isoformat(), "model_name": "churn", **query}
    answer = await client.post("/metrics/drift", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def rows(minutes_ago: float, count: int, rooms: list[float], city: list[float]) -> list[Row]:
    """Predictions over half an hour, with inputs in these shares; the first share is of missing ones."""
    rng = random.Random(17)
    bins = zip(*(rng.choices(range(-1, len(s) - 1), s, k=count) for s in (rooms, city)), strict=True)
    first = END - timedelta(minutes=minutes_ago + 30)
    return [
        Row(
            created_at=first + timedelta(minutes=30) * n / count,
            model_name="churn",
            input_bins=found,
        )
        for n, found in enumerate(bins)
    ]


AS_TRAINED = ([0.0, 0.3, 0.3, 0.3, 0.1], [0.0, 0.6, 0.3, 0.1])


def inputs_of(report: dict) -> dict[str, dict]:
    return {measure["input"]: measure for measure in report["measures"] if measure["name"] == "input"}


async def test_the_input_that_moved_is_named_with_its_bins_and_what_is_missing(
    client: httpx.AsyncClient, database: Database
) -> None:
    await register(database, "churn", baseline=TRAINED, input_names=NAMES)
    await insert(database, rows(0, 500, [0.2, 0.1, 0.1, 0.1, 0.5], AS_TRAINED[1]))
    report = await ask(client, baseline="model")
    found = inputs_of(report)
    assert list(found) == ["city", "rooms"]
    assert (found["city"]["status"], found["rooms"]["status"]) == ("stable", "significant")
    assert report["status"] == "significant"
    assert found["rooms"]["reference"] == {"below 2": 0.3, "2 to 3": 0.3, "3 to 5": 0.3, "from 5": 0.1}
    assert list(found["rooms"]["current"]) == ["(missing)", "below 2", "2 to 3", "3 to 5", "from 5"]
    assert found["rooms"]["missing"]["reference"] == 0
    assert found["rooms"]["missing"]["current"] == pytest.approx(0.2, abs=0.06)
    assert found["rooms"]["other"] is None
    assert found["city"]["reference"] == {"Ankara": 0.6, "Izmir": 0.3, "(other)": 0.1}
    assert found["city"]["other"]["reference"] == 0.1


async def test_new_values_of_a_category_are_other_values(client: httpx.AsyncClient, database: Database) -> None:
    await register(database, "churn", baseline=TRAINED, input_names=NAMES)
    await insert(database, rows(30, 500, *AS_TRAINED) + rows(0, 500, AS_TRAINED[0], [0.0, 0.3, 0.1, 0.6]))
    found = inputs_of(await ask(client))
    assert (found["city"]["status"], found["rooms"]["status"]) == ("significant", "stable")
    assert found["city"]["other"]["current"] == pytest.approx(0.6, abs=0.07)
    assert found["city"]["missing"] == {"reference": 0, "current": 0}


async def test_versions_with_the_same_bins_are_one_and_with_others_are_not_compared(
    client: httpx.AsyncClient, database: Database
) -> None:
    other = {"inputs": TRAINED["inputs"] | {"rooms": {"edges": [10, 20], "counts": [1, 1, 1]}}}
    await register(database, "churn", "1.0.0", baseline=TRAINED, input_names=NAMES)
    await register(database, "churn", "2.0.0", baseline=other, input_names=NAMES[::-1])
    await insert(database, rows(30, 400, *AS_TRAINED))
    swapped = [
        Row(created_at=row.created_at, model_name="churn", model_version="2.0.0", input_bins=row.input_bins[::-1])
        for row in rows(0, 400, AS_TRAINED[0][:4], AS_TRAINED[1])
        if row.input_bins
    ]
    await insert(database, swapped)
    found = inputs_of(await ask(client))
    assert found["city"]["status"] == "stable", "its position is another, its values are the same"
    assert (found["rooms"]["status"], found["rooms"]["reference"]) == ("not_enough_data", {})
    assert set(found["rooms"]["current"]) == {"below 10", "10 to 20", "from 20"}


async def test_only_inputs_of_one_model_are_compared(client: httpx.AsyncClient, database: Database) -> None:
    await register(database, "churn", baseline=TRAINED, input_names=NAMES)
    await insert(database, rows(30, 50, *AS_TRAINED) + rows(0, 50, *AS_TRAINED))
    assert inputs_of(await ask(client, model_name=None)) == {}
    assert len(inputs_of(await ask(client))) == 2


async def test_a_model_of_which_nobody_told_the_names_of_its_inputs_is_judged_by_the_rest(
    client: httpx.AsyncClient, database: Database
) -> None:
    await register(database, "churn", baseline=TRAINED)
    await insert(database, rows(30, 300, *AS_TRAINED) + rows(0, 300, *AS_TRAINED))
    report = await ask(client)
    assert [measure["name"] for measure in report["measures"]] == ["label", "confidence", "input_length"]
    assert report["status"] == "stable"


async def test_pinned_inputs_stay_as_they_were(client: httpx.AsyncClient, database: Database) -> None:
    await register(database, "churn", baseline=TRAINED, input_names=NAMES)
    await insert(database, rows(30, 300, *AS_TRAINED))
    pinned = await client.put(
        "/metrics/baselines?model_name=churn&name=spring",
        json={"time_window_minutes": 30, "window_end": (END - timedelta(minutes=30)).isoformat()},
    )
    assert pinned.status_code == 200, pinned.text
    await insert(database, rows(0, 300, [0.0, 0.1, 0.1, 0.1, 0.7], AS_TRAINED[1]))
    found = inputs_of(await ask(client, baseline="spring"))
    assert (found["rooms"]["status"], found["city"]["status"]) == ("significant", "stable")


async def test_an_alert_names_the_input(database: Database, engine: AsyncEngine) -> None:
    clock = Clock()
    clock.now = END
    watcher = watcher_of(engine, clock)
    await register(database, "churn", baseline=TRAINED, input_names=NAMES)
    await insert(database, rows(30, 500, *AS_TRAINED) + rows(0, 500, AS_TRAINED[0], [0.5, 0.3, 0.1, 0.1]))
    assert await look(watcher) == [("alert.opened", "drift", "critical")]
    (alert,) = await watcher.alerts.list(None, is_open=True, limit=10)
    assert alert.about.startswith("input city against the time before")


def houses(minutes_ago: float, count: int, factor: float) -> list[Row]:
    rng = random.Random(count)
    return [
        Row(
            created_at=END - timedelta(minutes=minutes_ago + 30) + timedelta(minutes=30) * n / count,
            model_name="houses", task_type="regression", label=None, confidence=None,
            value=factor * rng.lognormvariate(12, 0.4),
        )
        for n in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize(("factor", "status"), [(1.0, "stable"), (1.5, "significant"), (-1.0, "significant")])
async def test_values_drift_too(client: httpx.AsyncClient, database: Database, factor: float, status: str) -> None:
    await insert(database, houses(30, 400, 1.0) + houses(0, 300, factor))
    report = await ask(client, model_name="houses")
    measures = {measure["name"]: measure for measure in report["measures"]}
    assert list(measures) == ["input_length", "value"]
    assert measures["value"]["status"] == status
    assert sum(measures["value"]["current"].values()) == pytest.approx(1)
