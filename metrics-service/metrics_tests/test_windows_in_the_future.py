"""What has not happened yet is not answered as a fact; what is not over is."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from metrics_tests.rows import Row, insert, register
from shared.testing.postgres import Database

QUERIES = ("/metrics/aggregated", "/metrics/timeseries", "/metrics/quality", "/metrics/drift", "/metrics/calibration")


def ahead(**by: float) -> str:
    return (datetime.now(UTC) + timedelta(**by)).isoformat()


@pytest.mark.parametrize("path", QUERIES)
@pytest.mark.parametrize("by", [{"minutes": 11}, {"days": 400}, {"days": 365 * 100}])
async def test_a_window_that_lies_in_the_future_is_a_422_that_says_so(
    client: httpx.AsyncClient, path: str, by: dict[str, float]
) -> None:
    answer = await client.post(path, json={"time_window_minutes": 10, "window_end": ahead(**by)})
    assert answer.status_code == 422
    (fault,) = answer.json()["errors"]
    assert fault["location"] == "body.window_end"
    assert "lies in the future" in fault["message"]


async def test_so_is_a_reference_and_a_baseline(client: httpx.AsyncClient, database: Database) -> None:
    await register(database, "lexicon")
    answer = await client.post(
        "/metrics/drift", json={"reference_window_minutes": 5, "reference_window_end": ahead(minutes=6)}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["location"] == "body.reference_window_end"
    window = {"time_window_minutes": 5, "window_end": ahead(minutes=6)}
    pinned = await client.put("/metrics/baselines?model_name=lexicon&name=spring", json=window)
    assert pinned.status_code == 422
    assert "lies in the future" in pinned.text


@pytest.mark.parametrize("path", QUERIES)
async def test_a_window_that_is_not_over_holds_what_there_is(
    client: httpx.AsyncClient, database: Database, path: str
) -> None:
    await insert(database, [Row() for _ in range(3)])
    answer = await client.post(path, json={"time_window_minutes": 10, "window_end": ahead(minutes=9)})
    assert answer.status_code == 200
    if path == "/metrics/aggregated":
        assert answer.json()["total_predictions"] == 3
