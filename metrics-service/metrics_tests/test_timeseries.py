"""What a chart is drawn from."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import httpx
import pytest

from metrics_tests.rows import Row, insert
from shared.testing.postgres import Database

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


async def ask(client: httpx.AsyncClient, **query: object) -> dict:
    answer = await client.post("/metrics/timeseries", json={"window_end": NOON.isoformat(), **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_gaps_are_buckets_with_count_zero(client: httpx.AsyncClient, database: Database) -> None:
    rows = [Row(created_at=NOON - timedelta(minutes=m), time_ms=ms) for m, ms in ((14, 5.0), (14, 7.0), (1, 9.0))]
    await insert(database, rows)
    buckets = (await ask(client, time_window_minutes=15, bucket_minutes=5))["buckets"]
    assert [bucket["total_predictions"] for bucket in buckets] == [2, 0, 1]
    assert [bucket["average_inference_time_ms"] for bucket in buckets] == [6, None, 9]
    assert buckets[1]["label_distribution"] == {}
    assert buckets[0]["label_distribution"] == {"positive": 2}
    assert (buckets[0]["p50_inference_time_ms"], buckets[0]["p99_inference_time_ms"]) == pytest.approx(
        (6, 6.98), rel=0.01
    )


@pytest.mark.parametrize("width", [1, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440])
async def test_every_width_counts_every_prediction_once_and_begins_at_whole_widths(
    client: httpx.AsyncClient, database: Database, width: int
) -> None:
    await insert(database, [Row(created_at=NOON - timedelta(minutes=7 * n, seconds=n)) for n in range(1, 200)])
    series = await ask(client, time_window_minutes=1440, bucket_minutes=width)
    assert sum(bucket["total_predictions"] for bucket in series["buckets"]) == 199
    starts = [datetime.fromisoformat(bucket["start"]) for bucket in series["buckets"]]
    assert all((later - earlier) == timedelta(minutes=width) for earlier, later in pairwise(starts))
    assert (starts[0] - datetime(2000, 1, 1, tzinfo=UTC)) % timedelta(minutes=width) == timedelta(0)
    assert datetime.fromisoformat(series["time_window_start"]) == starts[0] <= NOON - timedelta(days=1)
    assert datetime.fromisoformat(series["time_window_end"]) == starts[-1] + timedelta(minutes=width) >= NOON


async def test_a_model_is_charted_alone(client: httpx.AsyncClient, database: Database) -> None:
    at = NOON - timedelta(minutes=1)
    await insert(database, [Row(created_at=at, model_name="a"), Row(created_at=at, model_name="b")])
    series = await ask(client, time_window_minutes=5, model_name="a")
    assert [bucket["total_predictions"] for bucket in series["buckets"]] == [1]


@pytest.mark.parametrize(
    "query",
    [
        {"bucket_minutes": 7},
        {"time_window_minutes": 1501, "bucket_minutes": 1},
        {"time_window_minutes": 44_641, "bucket_minutes": 1440},
        {"window_end": "2001-01-01T00:00:00Z"},
        {"buckets": 3},
    ],
)
async def test_a_chart_that_cannot_be_drawn_is_a_422(client: httpx.AsyncClient, query: dict) -> None:
    answer = await client.post("/metrics/timeseries", json=query)
    assert answer.status_code == 422
    assert answer.json()["errors"]


async def test_a_window_whose_rows_are_gone_is_refused_rather_than_answered_by_halves(
    client: httpx.AsyncClient,
) -> None:
    old = (NOON - timedelta(days=31)).isoformat()
    answer = await client.post("/metrics/aggregated", json={"window_end": old})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["location"] == "body.window_end"
