"""What values should have been, and how far predictions were from that."""

import asyncio
import csv
import io
import json
import math
import random
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.maintenance.retention import Retention
from metrics_tests.rows import Row, insert
from shared.testing.postgres import Database

END = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=3)
HOUSES = {"label": None, "confidence": None, "model_name": "houses", "task_type": "regression"}


def house(value: float, minutes_ago: float = 5.0, **more: object) -> Row:
    return Row(created_at=END - timedelta(minutes=minutes_ago), value=value, **{**HOUSES, **more})


async def give(client: httpx.AsyncClient, row: Row, said: object, *, trusted: bool = False) -> httpx.Response:
    return await sent(client, "/feedback", {"prediction_id": str(row.prediction_id), "value": said}, trusted=trusted)


async def sent(client: httpx.AsyncClient, path: str, body: object, *, trusted: bool = False) -> httpx.Response:
    """The client has the admin token unless it is taken from it."""
    request = client.build_request("POST", path, json=body)
    if not trusted:
        del request.headers["Authorization"]
    return await client.send(request)


async def errors_of(client: httpx.AsyncClient, **query: object) -> dict | None:
    body = {"model_name": "houses", "window_end": END.isoformat(), **query}
    answer = await client.post("/metrics/aggregated", json=body)
    assert answer.status_code == 200, answer.text
    errors: dict | None = answer.json()["errors"]
    return errors


def figures(pairs: list[tuple[float, float]]) -> dict:
    """Of pairs of what was predicted and what was right."""
    distances = [abs(was - should) for was, should in pairs]
    mae, square = math.fsum(distances) / len(pairs), math.fsum(each**2 for each in distances) / len(pairs)
    return {"judged": len(pairs), "mae": pytest.approx(mae), "rmse": pytest.approx(math.sqrt(square))}


async def test_errors_are_those_of_the_last_words_by_when_the_predictions_were_made(
    client: httpx.AsyncClient, database: Database
) -> None:
    """Whatever was said before and changed, in windows that begin and end within a minute, as recomputed."""
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    rows = [house(rng.uniform(-1e6, 1e6), rng.uniform(0, 70)) for _ in range(60)]
    await insert(database, rows)
    last: dict[int, tuple[float, bool]] = {}
    for _ in range(120):
        place, said, trusted = (
            rng.randrange(len(rows)),
            rng.choice([0, 1e9, rng.uniform(-1e6, 1e6)]),
            rng.random() < 0.3,
        )
        stands = last.get(place, (0, False))[1] and not trusted
        answer = await give(client, rows[place], said, trusted=trusted)
        assert answer.status_code == (409 if stands else 200), answer.text
        if not stands:
            last[place] = (said, trusted)
    for minutes, end in ((60, END), (17, END - timedelta(seconds=1234.5)), (1, END - timedelta(seconds=30))):
        start = end - timedelta(minutes=minutes)
        judged = [(rows[at], *said) for at, said in last.items() if start <= rows[at].created_at < end]
        found = await errors_of(client, time_window_minutes=minutes, window_end=end.isoformat())
        if not judged:
            assert found is None
            continue
        assert found is not None
        with_token = [(row.value, said) for row, said, trusted in judged if trusted]
        assert found.pop("trusted") == (figures(with_token) if with_token else None)
        assert found == figures([(row.value, said) for row, said, _ in judged])


async def test_a_word_that_is_taken_back_leaves_nothing(client: httpx.AsyncClient, database: Database) -> None:
    row = house(100.0)
    await insert(database, [row])
    for said in (-1e150, 1e150, 1e-7, 100.0):
        answer = await give(client, row, said)
        assert answer.status_code == 200
        assert answer.json() == {
            "prediction_id": str(row.prediction_id), "prediction_label": None, "actual_label": None,
            "prediction_value": 100, "actual_value": said, "given_at": answer.json()["given_at"],
        }  # fmt: skip
    assert await errors_of(client) == {"judged": 1, "mae": 0, "rmse": 0, "trusted": None}


async def test_charts_and_quality_have_them(client: httpx.AsyncClient, database: Database) -> None:
    rows = [house(10.0, 45), house(20.0, 15), house(30.0, 14)]
    await insert(database, [*rows, house(40.0, 13)])
    for row, said in zip(rows, (11, 22, 34), strict=True):
        await give(client, row, said, trusted=row is rows[0])
    query = {"model_name": "houses", "window_end": END.isoformat(), "time_window_minutes": 60}
    chart = (await client.post("/metrics/timeseries", json={**query, "bucket_minutes": 30})).json()["buckets"]
    of_first = {"judged": 1, "mae": 1.0, "rmse": 1.0}
    found = [bucket["errors"] for bucket in chart if bucket["total_predictions"]]
    assert [each["judged"] for each in found if each] == [1, 2]
    assert found[0] == {**of_first, "trusted": of_first}
    assert found[1] == {"judged": 2, "mae": 3.0, "rmse": pytest.approx(math.sqrt(10)), "trusted": None}
    quality = (await client.post("/metrics/quality", json=query)).json()
    assert (quality["feedback_count"], quality["accuracy"], quality["labels"]) == (0, None, [])
    assert quality["errors"] == {
        "judged": 3,
        "mae": pytest.approx(7 / 3),
        "rmse": pytest.approx(math.sqrt(7)),
        "trusted": of_first,
    }
    assert quality["callers"] == 2


async def test_the_record_and_its_export_show_them(client: httpx.AsyncClient, database: Database) -> None:
    row = house(10.0)
    await insert(database, [row, house(20.0)])
    await give(client, row, 12.5, trusted=True)
    one = (await client.get(f"/predictions/{row.prediction_id}")).json()
    assert (one["feedback"]["actual_label"], one["feedback"]["actual_value"]) == (None, 12.5)
    given = (await client.get("/predictions", params={"feedback": "given"})).json()["predictions"]
    assert [each["prediction_id"] for each in given] == [str(row.prediction_id)]
    lines = await client.get("/predictions/export", params={"format": "ndjson", "feedback": "given"})
    assert [json.loads(line)["feedback"]["actual_value"] for line in lines.text.splitlines()] == [12.5]
    text = (await client.get("/predictions/export", params={"format": "csv"})).text
    assert sorted(line["actual_value"] for line in csv.DictReader(io.StringIO(text))) == ["", "12.5"]


async def test_what_cannot_be_judged_so_is_told(client: httpx.AsyncClient, database: Database) -> None:
    value, label = house(10.0), Row(created_at=END)
    norm = house(1.5, model_name="sentences", task_type="embedding")
    await insert(database, [value, label, norm])
    for row, said, location, message in (
        (
            label,
            {"value": 1},
            "body.value",
            "lexicon 1.0.0 has no value to judge; only a regression's has; send the right label.",
        ),
        (norm, {"value": 1}, "body.value", "no value to judge"),
        (value, {"label": "a"}, "body.label", "houses 1.0.0 has no label to judge; send the right value."),
        (norm, {"label": "a"}, "body.label", "sentences 1.0.0 has no label to judge."),
        (value, {}, "body", "send either label or, for a regression, value"),
        (value, {"label": "a", "value": 1}, "body", "send either label or"),
        (value, {"value": "1"}, "body.value", "number"),
        (value, {"value": True}, "body.value", "number"),
        (value, {"value": 1e151}, "body.value", "less than or equal to"),
    ):
        answer = await client.post("/feedback", json={"prediction_id": str(row.prediction_id), **said})
        assert answer.status_code == 422, (said, answer.text)
        (error,) = answer.json()["errors"]
        assert (error["location"], message in error["message"]) == (location, True), error
    assert await database.fetch("SELECT 1 FROM metrics.error_rollup") == []


async def test_a_batch_takes_labels_and_values_together(client: httpx.AsyncClient, database: Database) -> None:
    value, label = house(10.0), Row(created_at=END - timedelta(minutes=5))
    await insert(database, [value, label])
    rows = [
        {"prediction_id": str(value.prediction_id), "value": 11},
        {"prediction_id": str(label.prediction_id), "value": 11},
        {"prediction_id": str(label.prediction_id), "label": "positive"},
        {"prediction_id": str(value.prediction_id), "value": float(14)},
        {"prediction_id": str(uuid4()), "value": 1},
        {"prediction_id": str(value.prediction_id)},
    ]
    answer = (await sent(client, "/feedback/batch", {"feedback": rows})).json()
    assert [each["outcome"] for each in answer["results"]] == [
        "superseded", "no_value", "recorded", "recorded", "unknown_prediction", "invalid",
    ]  # fmt: skip
    assert await errors_of(client) == {"judged": 1, "mae": 4, "rmse": 4, "trusted": None}
    quality = (await client.post("/metrics/quality", json={"window_end": END.isoformat()})).json()
    assert (quality["feedback_count"], quality["accuracy"], quality["weight"]) == (1, 1, 1)


async def test_many_who_judge_at_once_are_all_counted(client: httpx.AsyncClient, database: Database) -> None:
    """Each batch touches all the same sums, in another order."""
    rows = [house(0.0, n % 50 + 1, model_version=f"1.{n % 3}.0") for n in range(200)]
    await insert(database, rows)
    shuffled = random.Random(3)
    batches = []
    for start in range(20):
        mine = rows[start::20]
        shuffled.shuffle(mine)
        batches.append([{"prediction_id": str(row.prediction_id), "value": 2.0} for row in mine])
    answers = await asyncio.gather(*(sent(client, "/feedback/batch", {"feedback": batch}) for batch in batches))
    assert [answer.json()["recorded"] for answer in answers] == [10] * 20
    assert await errors_of(client) == {"judged": 200, "mae": 2, "rmse": 2, "trusted": None}


async def test_sums_of_hours_stay_when_judgements_and_fine_sums_go(
    client: httpx.AsyncClient, database: Database, engine: AsyncEngine
) -> None:
    row = house(10.0)
    await insert(database, [row])
    await give(client, row, 12)
    await Retention(engine, lambda: END + timedelta(days=20), row_days=400, rollup_days=10).tidy()
    kept = await database.fetch("SELECT minutes, judged, error_sum FROM metrics.error_rollup ORDER BY minutes")
    assert [(each["minutes"], each["judged"], each["error_sum"]) for each in kept] == [
        (60, 1, 2),
        (360, 1, 2),
        (1440, 1, 2),
    ]
    assert await database.fetch("SELECT 1 FROM metrics.feedback") == []
