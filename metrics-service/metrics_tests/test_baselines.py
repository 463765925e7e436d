"""Baselines stay where they were pinned, whatever becomes of their predictions."""

from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import pytest

from metrics_tests.rows import Row, counted, insert, register
from metrics_tests.service import client_of, settings_for
from shared.database.urls import for_libpq
from shared.testing.postgres import Database

NOW = datetime.now(UTC)
URL = "/metrics/baselines"
SPRING = {"model_name": "lexicon", "name": "spring"}
BALANCED = ("positive", "negative")


async def predict(database: Database, hours_ago: float, count: int, labels: tuple[str, ...], **fields: object) -> None:
    end = NOW - timedelta(hours=hours_ago)
    rows = [
        Row(created_at=end - timedelta(seconds=n + 1), label=labels[n % len(labels)], **fields) for n in range(count)
    ]
    await insert(database, rows)


async def pin(client: httpx.AsyncClient, hours_ago: float = 0, **asked: object) -> dict:
    window = {"time_window_minutes": 60, "window_end": (NOW - timedelta(hours=hours_ago)).isoformat()}
    answer = await client.put(URL, params=SPRING, json={**window, **asked})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def drift(client: httpx.AsyncClient, baseline: str = "spring", **query: object) -> dict:
    body = {"model_name": "lexicon", "baseline": baseline, "window_end": NOW.isoformat(), **query}
    answer = await client.post("/metrics/drift", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_slow_shift_shows_against_the_baseline_after_the_predictions_are_gone(
    client: httpx.AsyncClient, database: Database
) -> None:
    await predict(database, 50, 400, BALANCED, confidence=0.9, input_length=40, model_version="0.9.0")
    pinned = await pin(client, hours_ago=50)
    assert (pinned["sample_size"], pinned["source"], pinned["watched"]) == (400, "window", True)
    await database.fetch("DELETE FROM predictions.prediction")
    await counted(database)
    await database.fetch("DELETE FROM metrics.rollup_counted WHERE minutes < 1440")
    await predict(database, 0, 400, ("negative",), confidence=0.9, input_length=40)
    report = await drift(client)
    assert report["status"] == "significant"
    assert {measure["name"]: measure["status"] for measure in report["measures"]} == {
        "label": "significant",
        "confidence": "stable",
        "input_length": "stable",
    }
    assert (report["baseline"], report["reference_sample_size"]) == ("spring", 400)
    assert report["reference_versions"] == {"0.9.0": 400}
    assert report["reference_window_end"] == pinned["time_window_end"]


async def test_pinning_again_replaces_and_removing_forgets(client: httpx.AsyncClient, database: Database) -> None:
    await predict(database, 2, 100, BALANCED)
    await predict(database, 0, 50, ("negative",))
    await pin(client, hours_ago=2, watched=False)
    assert (await pin(client))["sample_size"] == 50
    (listed,) = (await client.get(URL, params={"model_name": "lexicon"})).json()["baselines"]
    assert (listed["name"], listed["sample_size"], listed["watched"]) == ("spring", 50, True)
    assert (await client.delete(URL, params=SPRING)).status_code == 204
    assert (await client.delete(URL, params=SPRING)).status_code == 404
    answer = await client.post("/metrics/drift", json={"model_name": "lexicon", "baseline": "spring"})
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:problem-type:unknown-baseline")


async def test_the_figures_of_the_models_folder_are_a_baseline(client: httpx.AsyncClient, database: Database) -> None:
    figures = {
        "label": {"positive": 500, "negative": 500},
        "confidence": {"0.90-0.95": 1000},
        "input_length": {"16-31": 990, "32-63": 10},
    }
    older = {"label": {"positive": 1000}, "confidence": {}, "input_length": {}}
    await register(database, "lexicon", "1.10.0", baseline=figures)
    await register(database, "lexicon", "1.9.0", baseline=older)
    await predict(database, 0, 400, BALANCED, confidence=0.9)
    report = await drift(client, "model")
    assert report["status"] == "stable"
    assert (report["reference_window_start"], report["reference_sample_size"]) == (None, 1000)
    assert (await drift(client, "model", model_version="1.9.0"))["measures"][0]["reference"] == {"positive": 1}
    answer = await client.put(URL, params=SPRING, json={"source": "model"})
    assert (answer.json()["source"], answer.json()["model_version"]) == ("model", "1.10.0")
    assert (await drift(client))["status"] == "stable"


@pytest.mark.parametrize(
    "figures", [{"confidence": {"0.91-0.93": 5}}, {"input_length": {"5-6": 1}}, {"label": {"a": -1}}]
)
async def test_figures_that_make_no_sense_are_said_to(
    client: httpx.AsyncClient, database: Database, figures: dict
) -> None:
    await register(database, "lexicon", baseline=figures)
    answer = await client.post("/metrics/drift", json={"model_name": "lexicon", "baseline": "model"})
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("baseline.json of lexicon 1.0.0 is of no use: ")


async def test_a_model_whose_folder_brings_nothing_has_no_such_baseline(
    client: httpx.AsyncClient, database: Database
) -> None:
    await register(database, "lexicon")
    for body in ({"model_name": "lexicon", "baseline": "model"}, {"model_name": "lexicon", "baseline": "other"}):
        assert (await client.post("/metrics/drift", json=body)).status_code == 404
    assert (await client.put(URL, params=SPRING, json={"source": "model"})).status_code == 404


@pytest.mark.parametrize(
    ("parameters", "body"),
    [
        ({"model_name": "lexicon", "name": "model"}, {}),
        ({"model_name": "lexicon", "name": "Spring!"}, {}),
        ({"model_name": "lexicon"}, {}),
        ({"model_name": "lexicon", "name": "empty"}, {}),
        ({"model_name": "lexicon", "name": "old"}, {"window_end": "2001-01-01T00:00:00Z"}),
        ({"model_name": "lexicon", "name": "both"}, {"source": "model", "time_window_minutes": 5}),
    ],
)
async def test_a_baseline_that_cannot_be_is_a_422(
    client: httpx.AsyncClient, database: Database, parameters: dict, body: dict
) -> None:
    await register(database, "lexicon")
    answer = await client.put(URL, params=parameters, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]


async def test_one_more_than_fifty_is_refused_and_the_fiftieth_can_be_replaced(
    client: httpx.AsyncClient, database: Database
) -> None:
    await predict(database, 0, 30, BALANCED)
    for number in range(50):
        answer = await client.put(URL, params={"model_name": "lexicon", "name": f"b{number}"}, json={})
        assert answer.status_code == 200
    assert (await client.put(URL, params=SPRING, json={})).status_code == 422
    assert (await client.put(URL, params={"model_name": "lexicon", "name": "b7"}, json={})).status_code == 200


async def test_pinning_needs_the_admin_token_and_is_on_the_audit_trail(database: Database) -> None:
    await predict(database, 0, 30, BALANCED)
    async with client_of(settings_for(database, admin_token="let-me-in-please")) as client:
        admin = {
            "Authorization": "Bearer let-me-in-please",
            "X-Request-ID": "pin-4711",
            "X-Forwarded-For": "203.0.113.9",
        }
        assert (await client.put(URL, params=SPRING, json={})).status_code == 401
        assert (await client.delete(URL, params=SPRING)).status_code == 401
        assert (await client.get("/metrics/audit")).status_code == 401
        assert (await client.put(URL, params=SPRING, json={}, headers=admin)).status_code == 200
        assert (await client.delete(URL, params=SPRING, headers=admin)).status_code == 204
        removed, pinned = (await client.get("/metrics/audit?subject=baseline", headers=admin)).json()["acts"]
        assert (await client.get("/metrics/audit?subject=silence", headers=admin)).json() == {"acts": []}
    assert (pinned["action"], removed["action"], removed["model_name"]) == ("pinned", "removed", "lexicon")
    assert (pinned["request_id"], pinned["client_address"]) == ("pin-4711", "203.0.113.9")
    assert (pinned["detail"]["name"], pinned["detail"]["sample_size"]) == ("spring", 30)


async def test_the_audit_trail_cannot_be_changed_by_the_service(database: Database) -> None:
    connection = await asyncpg.connect(for_libpq(database.url("metrics_service")))
    for statement in ("UPDATE metrics.audit SET action = 'x'", "DELETE FROM metrics.audit"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()
