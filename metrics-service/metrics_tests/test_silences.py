"""A silence holds words back and nothing else."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.audit.trail import ChangedBy
from metrics_service.notifications.webhooks import Webhook
from metrics_service.silences.contracts import NewSilence
from metrics_service.silences.store import SilenceStore
from metrics_service.watch.watcher import AlertWatcher
from metrics_tests.rows import register
from metrics_tests.service import client_of, settings_for
from metrics_tests.watching import Clock, look, predict, watcher_of
from shared.testing.postgres import Database

URL = "/metrics/silences"
SOMEBODY = ChangedBy("request", "203.0.113.9")


@pytest.fixture
def silences(engine: AsyncEngine, clock: Clock) -> SilenceStore:
    return SilenceStore(engine, clock)


@pytest.fixture
def watcher(engine: AsyncEngine, clock: Clock) -> AlertWatcher:
    return watcher_of(engine, clock, webhooks=[Webhook("http://receiver/")])


async def told(database: Database) -> list[str]:
    query = "SELECT event->>'type' AS type FROM metrics.alert_delivery ORDER BY delivery_id"
    return [row["type"] for row in await database.fetch(query)]


async def confidence(database: Database, clock: Clock, watcher: AlertWatcher, value: float) -> list[str]:
    clock.advance(minutes=6)
    await predict(database, clock, confidence=value)
    return [kind for kind, _, _ in await look(watcher)]


async def test_what_opens_and_closes_in_a_silence_is_on_record_and_nobody_hears_of_it(
    database: Database, clock: Clock, watcher: AlertWatcher, silences: SilenceStore
) -> None:
    await silences.set(NewSilence(minutes=60), SOMEBODY)
    assert await confidence(database, clock, watcher, 0.1) == ["alert.opened"]
    assert await confidence(database, clock, watcher, 0.9) == ["alert.closed"]
    clock.advance(minutes=60)
    await look(watcher)
    assert await told(database) == []
    assert len(await watcher.alerts.list(None, is_open=False, limit=10)) == 1


async def test_what_is_still_open_when_the_silence_ends_is_told_then(
    database: Database, clock: Clock, watcher: AlertWatcher, silences: SilenceStore
) -> None:
    set_silence = await silences.set(NewSilence(model_name="lexicon", signal="confidence", minutes=600), SOMEBODY)
    await confidence(database, clock, watcher, 0.5)
    await confidence(database, clock, watcher, 0.1)
    assert await told(database) == []
    await silences.end(set_silence.silence_id, SOMEBODY)
    assert await look(watcher) == [], "nothing happens to the alert itself"
    assert await told(database) == ["alert.opened"]
    (row,) = await database.fetch("SELECT event->'alert'->>'severity' AS severity FROM metrics.alert_delivery")
    assert row["severity"] == "critical"
    await look(watcher)
    assert await told(database) == ["alert.opened"], "once"


async def test_the_end_of_an_alert_that_was_told_is_told_in_a_silence_too(
    database: Database, clock: Clock, watcher: AlertWatcher, silences: SilenceStore
) -> None:
    await confidence(database, clock, watcher, 0.5)
    await silences.set(NewSilence(minutes=600), SOMEBODY)
    await confidence(database, clock, watcher, 0.1)
    assert await told(database) == ["alert.opened"], "that it is worse is held back"
    await confidence(database, clock, watcher, 0.9)
    assert await told(database) == ["alert.opened", "alert.closed"]


@pytest.mark.parametrize(
    "other", [{"model_name": "another"}, {"signal": "drift"}, {"model_name": "lexicon", "signal": "drift"}]
)
async def test_other_models_and_signals_are_told(
    database: Database, clock: Clock, watcher: AlertWatcher, silences: SilenceStore, other: dict
) -> None:
    await silences.set(NewSilence(**other, minutes=600), SOMEBODY)
    await confidence(database, clock, watcher, 0.1)
    assert await told(database) == ["alert.opened"]


async def test_a_silence_ends_by_itself(
    database: Database, clock: Clock, watcher: AlertWatcher, silences: SilenceStore
) -> None:
    await silences.set(NewSilence(until=clock.now + timedelta(minutes=10)), SOMEBODY)
    await confidence(database, clock, watcher, 0.1)
    assert await told(database) == []
    clock.advance(minutes=5)
    await look(watcher)
    assert await told(database) == ["alert.opened"]


async def test_silences_are_set_listed_and_ended_with_the_token_and_audited(database: Database) -> None:
    await register(database, "lexicon")
    async with client_of(settings_for(database, admin_token="let-me-in-please")) as client:
        admin = {"Authorization": "Bearer let-me-in-please", "X-Request-ID": "hush-4711"}
        asked = {"model_name": "lexicon", "signal": "drift", "minutes": 30, "reason": "new version"}
        assert (await client.post(URL, json=asked)).status_code == 401
        answer = await client.post(URL, json=asked, headers=admin)
        assert answer.status_code == 201, answer.text
        silence = answer.json()
        assert (await client.get(URL)).json() == {"silences": [silence]}
        until = datetime.fromisoformat(silence["until"])
        assert timedelta(minutes=29) < until - datetime.now(UTC) <= timedelta(minutes=30)
        gone = {"silence_id": silence["silence_id"]}
        assert (await client.delete(URL, params=gone)).status_code == 401
        assert (await client.delete(URL, params=gone, headers=admin)).status_code == 204
        assert (await client.delete(URL, params=gone, headers=admin)).status_code == 404
        assert (await client.get(URL)).json() == {"silences": []}
        ended, begun = (await client.get("/metrics/audit?subject=silence", headers=admin)).json()["acts"]
    assert (begun["action"], begun["detail"]["reason"], begun["request_id"]) == ("set", "new version", "hush-4711")
    assert (ended["action"], ended["model_name"]) == ("ended", "lexicon")


async def test_an_open_alert_says_until_when_it_is_silenced(
    client: httpx.AsyncClient, database: Database, clock: Clock, watcher: AlertWatcher
) -> None:
    await confidence(database, clock, watcher, 0.1)
    long, short = [
        (await client.post(URL, json={"model_name": name, "minutes": minutes})).json()
        for name, minutes in (("lexicon", 90), (None, 5))
    ]
    assert long["until"] > short["until"]
    (alert,) = (await client.get("/metrics/alerts?state=open")).json()["alerts"]
    assert alert["silenced_until"] == long["until"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"minutes": 0},
        {"minutes": 5, "until": "2030-01-01T00:00:00Z"},
        {"until": "2001-01-01T00:00:00Z"},
        {"until": "2199-01-01T00:00:00Z"},
        {"until": "2030-01-01T00:00:00"},
        {"minutes": 5, "signal": "noise"},
        {"minutes": 5, "reason": "two\nlines"},
        {"minutes": 5, "reason": "meant\u202eton"},
        {"minutes": 5, "model": "lexicon"},
    ],
)
async def test_a_silence_that_makes_no_sense_is_a_422(client: httpx.AsyncClient, body: dict) -> None:
    answer = await client.post(URL, json=body)
    assert answer.status_code == 422, answer.text


async def test_a_silence_for_an_unknown_model_is_a_404(client: httpx.AsyncClient) -> None:
    answer = await client.post(URL, json={"model_name": "lexicno", "minutes": 5})
    assert answer.json()["type"] == "urn:problem-type:unknown-model"
