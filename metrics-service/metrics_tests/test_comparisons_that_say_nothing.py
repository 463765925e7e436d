"""Predictions are not compared with themselves, nor with a handful; the longest texts are called what they are."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.audit.trail import ChangedBy
from metrics_service.baselines.contracts import PinBaseline
from metrics_service.baselines.pinning import Pinning
from metrics_service.watch.watcher import AlertWatcher
from metrics_tests.rows import Row, insert, register
from metrics_tests.watching import Clock, look, predict
from shared.testing.postgres import Database

NOW = datetime.now(UTC)
SPRING = {"model_name": "lexicon", "name": "spring"}


async def past(database: Database, minutes_ago: float, count: int, **fields: object) -> None:
    await insert(
        database,
        [Row(created_at=NOW - timedelta(minutes=minutes_ago, seconds=n / 100), **fields) for n in range(count)],
    )


async def drift(client: httpx.AsyncClient, **query: object) -> dict:
    answer = await client.post("/metrics/drift", json={"window_end": NOW.isoformat(), **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def is_not_judged(report: dict) -> bool:
    return "overlap" in (report["not_judged_because"] or "") and all(
        (measure["status"], measure["p_value"], measure["certainty"]) == ("not_enough_data", None, None)
        for measure in report["measures"]
    )


@pytest.mark.parametrize(
    "reference",
    [
        {"reference_window_end": NOW.isoformat()},
        {"reference_window_end": (NOW - timedelta(minutes=30)).isoformat(), "reference_window_minutes": 1440},
        {"reference_window_end": (NOW - timedelta(minutes=59)).isoformat(), "reference_window_minutes": 5},
        {"reference_window_end": NOW.isoformat(), "reference_model_version": "1.0.0"},
    ],
)
async def test_a_reference_that_overlaps_the_window_yields_no_certainty(
    client: httpx.AsyncClient, database: Database, reference: dict
) -> None:
    await past(database, 45, 200, label="positive")
    await past(database, 15, 200, label="negative")
    report = await drift(client, **reference)
    assert is_not_judged(report)
    assert report["status"] == "not_enough_data"


async def test_one_version_against_another_in_the_same_hour_is_judged(
    client: httpx.AsyncClient, database: Database
) -> None:
    await past(database, 20, 200, label="positive", model_version="1.0.0")
    await past(database, 20, 200, label="negative", model_version="2.0.0")
    versions = {"model_version": "2.0.0", "reference_model_version": "1.0.0"}
    report = await drift(client, **versions, reference_window_end=NOW.isoformat())
    assert (report["status"], report["not_judged_because"]) == ("significant", None)


async def test_a_window_that_ends_where_the_reference_begins_does_not_overlap(
    client: httpx.AsyncClient, database: Database
) -> None:
    await past(database, 90, 200, label="positive")
    await past(database, 15, 200, label="negative")
    report = await drift(client, reference_window_end=(NOW - timedelta(minutes=60)).isoformat())
    assert (report["status"], report["not_judged_because"]) == ("significant", None)


async def test_neither_does_a_baseline_that_holds_part_of_the_window(
    client: httpx.AsyncClient, database: Database
) -> None:
    await past(database, 45, 200, label="positive")
    await past(database, 15, 200, label="negative")
    window = {"window_end": (NOW - timedelta(minutes=30)).isoformat(), "time_window_minutes": 60}
    assert (await client.put("/metrics/baselines", params=SPRING, json=window)).status_code == 200
    assert is_not_judged(await drift(client, model_name="lexicon", baseline="spring"))
    apart = await drift(client, model_name="lexicon", baseline="spring", time_window_minutes=30)
    assert (apart["status"], apart["not_judged_because"]) == ("significant", None)


@pytest.mark.parametrize("predictions", [1, 29])
async def test_a_watched_baseline_of_a_handful_is_refused_and_an_unwatched_one_is_not(
    client: httpx.AsyncClient, database: Database, predictions: int
) -> None:
    await past(database, 90, predictions)
    window = {"window_end": NOW.isoformat(), "time_window_minutes": 120}
    refused = await client.put("/metrics/baselines", params=SPRING, json=window)
    assert refused.status_code == 422
    assert f"30 predictions at least, it has {predictions}" in refused.json()["errors"][0]["message"]
    assert (await client.put("/metrics/baselines", params=SPRING, json={**window, "watched": False})).status_code == 200


async def test_a_folder_that_brings_a_handful_is_no_watched_baseline(
    client: httpx.AsyncClient, database: Database
) -> None:
    await register(database, "lexicon", baseline={"label": {"positive": 1}})
    assert (await client.put("/metrics/baselines", params=SPRING, json={"source": "model"})).status_code == 422


@pytest.mark.parametrize("figure", [True, "40", 40.5, -1, None])
async def test_figures_of_a_folder_that_are_no_counts_are_refused(
    client: httpx.AsyncClient, database: Database, figure: object
) -> None:
    await register(database, "lexicon", baseline={"label": {"positive": 40, "negative": figure}})
    answer = await client.put("/metrics/baselines", params=SPRING, json={"source": "model"})
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:problem-type:unknown-baseline")
    assert "of no use" in answer.json()["detail"]


async def test_a_baseline_that_was_just_pinned_opens_no_alert_against_itself(
    database: Database, engine: AsyncEngine, clock: Clock, watcher: AlertWatcher
) -> None:
    await predict(database, clock, 100, label="positive")
    pinning = Pinning(watcher.engine, watcher.drift.coverage, watcher.drift.baselines)
    await pinning.pin("lexicon", "spring", PinBaseline(time_window_minutes=5), ChangedBy("request", "address"))
    clock.advance(minutes=2)
    await predict(database, clock, 100, label="negative")
    assert await look(watcher) == []
    clock.advance(minutes=31)
    await predict(database, clock, 100, label="negative")
    assert ("alert.opened", "drift", "critical") in await look(watcher)


@pytest.mark.parametrize("length", [32_768, 65_535, 65_536, 2_000_000])
async def test_the_bin_of_the_longest_inputs_has_no_end(
    client: httpx.AsyncClient, database: Database, length: int
) -> None:
    await past(database, 90, 30, input_length=32_767)
    await past(database, 15, 30, input_length=length)
    (_, _, measure) = (await drift(client))["measures"]
    assert (measure["reference"], measure["current"]) == ({"16384-32767": 1}, {"32768+": 1})
    window = {"window_end": NOW.isoformat(), "time_window_minutes": 60}
    assert (await client.put("/metrics/baselines", params=SPRING, json=window)).status_code == 200
    later = {"window_end": (NOW - timedelta(minutes=61)).isoformat(), "baseline": "spring", "model_name": "lexicon"}
    assert (await drift(client, **later))["measures"][2]["reference"] == {"32768+": 1}


async def test_a_baseline_from_before_names_that_bin_as_it_did(client: httpx.AsyncClient, database: Database) -> None:
    await register(database, "lexicon", baseline={"input_length": {"32768-65535": 40, "32768+": 10, "64-127": 50}})
    await past(database, 15, 30, input_length=100)
    report = await drift(client, model_name="lexicon", baseline="model")
    assert report["measures"][2]["reference"] == {"64-127": 0.5, "32768+": 0.5}
