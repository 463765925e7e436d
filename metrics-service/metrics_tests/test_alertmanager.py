"""Alertmanager is told again and again; it may forget, be away, or be told of the same thing twice."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.audit.trail import ChangedBy
from metrics_service.notifications.alertmanager import AlertmanagerSync
from metrics_service.notifications.delivery import AlertDelivery, new_client
from metrics_service.notifications.webhooks import Format, Webhook
from metrics_service.silences.contracts import NewSilence
from metrics_service.silences.store import SilenceStore
from metrics_service.watch.watcher import AlertWatcher
from metrics_tests.receiver import Receiver
from metrics_tests.rows import Row, insert
from metrics_tests.service import client_of, settings_for
from metrics_tests.watching import Clock, look, predict
from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.testing.debian import debian_program
from shared.testing.postgres import Database

INTERVAL = timedelta(seconds=60)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def sync(engine: AsyncEngine, clock: Clock, receiver: Receiver) -> AsyncIterator[AlertmanagerSync]:
    webhooks = [Webhook(receiver.url, Format.ALERTMANAGER)]
    async with new_client(webhooks) as client:
        yield AlertmanagerSync(engine, client, webhooks, None, INTERVAL, clock)


async def sent(sync: AlertmanagerSync, receiver: Receiver) -> list[list[dict]]:
    """What a look sends."""
    before = len(receiver.received)
    await sync.look(sync.receivers)
    return [json.loads(received.body) for received in receiver.received[before:]]


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_what_fires_is_sent_again_at_every_interval_with_an_end_in_four(
    database: Database, watcher: AlertWatcher, sync: AlertmanagerSync, receiver: Receiver, clock: Clock
) -> None:
    assert await sent(sync, receiver) == []
    await predict(database, clock, confidence=0.1)
    await look(watcher)
    opened_at = clock.now
    ((alert,),) = await sent(sync, receiver)
    assert alert["labels"] == {
        "alertname": "model_confidence",
        "model_name": "lexicon",
        "severity": "critical",
        "service": "metrics-service",
    }
    assert all(isinstance(value, str) for value in [*alert["labels"].values(), *alert["annotations"].values()])
    assert (instant(alert["startsAt"]), instant(alert["endsAt"])) == (opened_at, clock.now + 4 * INTERVAL)
    clock.advance(seconds=59)
    assert await sent(sync, receiver) == []
    clock.advance(seconds=1)
    ((again,),) = await sent(sync, receiver)
    assert (again["labels"], again["startsAt"]) == (alert["labels"], alert["startsAt"])
    assert instant(again["endsAt"]) == clock.now + 4 * INTERVAL


async def test_a_new_severity_ends_one_alert_and_begins_another_and_the_end_is_sent_for_a_while(
    database: Database, watcher: AlertWatcher, sync: AlertmanagerSync, receiver: Receiver, clock: Clock
) -> None:
    for confidence in (0.5, 0.1):
        await predict(database, clock, confidence=confidence)
        await look(watcher)
        clock.advance(minutes=6)
    (alerts,) = await sent(sync, receiver)
    by_severity = {alert["labels"]["severity"]: alert for alert in alerts}
    assert instant(by_severity["warning"]["endsAt"]) == clock.now - timedelta(minutes=6)
    assert instant(by_severity["critical"]["endsAt"]) > clock.now
    await predict(database, clock, confidence=0.9)
    await look(watcher)
    closed_at = clock.now
    (alerts,) = await sent(sync, receiver)
    (critical,) = [alert for alert in alerts if alert["labels"]["severity"] == "critical"]
    assert instant(critical["endsAt"]) == closed_at
    assert critical["annotations"]["summary"] == "Confidence of lexicon has recovered"
    clock.advance(minutes=10)
    (alerts,) = await sent(sync, receiver)
    assert instant(alerts[-1]["endsAt"]) == closed_at
    clock.advance(minutes=6)
    await sent(sync, receiver)
    clock.advance(minutes=6)
    assert await sent(sync, receiver) == [], "there is nothing left to say"


QUIET = NewSilence(minutes=600)
SOMEBODY = ChangedBy("r", "a")


async def test_what_was_told_before_a_silence_goes_on_as_it_was_told(
    database: Database,
    watcher: AlertWatcher,
    sync: AlertmanagerSync,
    receiver: Receiver,
    clock: Clock,
    engine: AsyncEngine,
) -> None:
    """That it worsens is told when the silence ends; then the former severity is over, however long ago that was."""
    await predict(database, clock, confidence=0.5)
    await look(watcher)
    opened_at = clock.now
    ((first,),) = await sent(sync, receiver)
    silences = SilenceStore(engine, clock)
    silence = await silences.set(QUIET, SOMEBODY)
    for confidence in (0.5, 0.1, 0.1, 0.1, 0.1):
        clock.advance(minutes=6)
        await predict(database, clock, confidence=confidence)
        await look(watcher)
        ((again,),) = await sent(sync, receiver)
        assert (again["labels"], again["annotations"]) == (first["labels"], first["annotations"])
        assert instant(again["startsAt"]) == opened_at
        assert instant(again["endsAt"]) == clock.now + 4 * INTERVAL
        assert await sent(sync, receiver) == [], "at the interval only"
    await silences.end(silence.silence_id, SOMEBODY)
    (alerts,) = await sent(sync, receiver)
    by_severity = {alert["labels"]["severity"]: instant(alert["endsAt"]) for alert in alerts}
    assert by_severity == {"warning": opened_at + timedelta(minutes=12), "critical": clock.now + 4 * INTERVAL}


async def test_what_recovers_in_a_silence_is_over_though_it_had_worsened_long_before(
    database: Database,
    watcher: AlertWatcher,
    sync: AlertmanagerSync,
    receiver: Receiver,
    clock: Clock,
    engine: AsyncEngine,
) -> None:
    await predict(database, clock, confidence=0.5)
    await look(watcher)
    await sent(sync, receiver)
    await SilenceStore(engine, clock).set(QUIET, SOMEBODY)
    for minutes, confidence in ((6, 0.1), (40, 0.9)):
        clock.advance(minutes=minutes)
        await predict(database, clock, confidence=confidence)
        await look(watcher)
        (alerts,) = await sent(sync, receiver)
    (warning,) = [alert for alert in alerts if alert["labels"]["severity"] == "warning"]
    assert instant(warning["endsAt"]) < clock.now


async def test_what_eases_in_a_silence_fires_on_as_it_was_told(
    database: Database,
    watcher: AlertWatcher,
    sync: AlertmanagerSync,
    receiver: Receiver,
    clock: Clock,
    engine: AsyncEngine,
) -> None:
    await predict(database, clock, confidence=0.1)
    await look(watcher)
    ((first,),) = await sent(sync, receiver)
    await SilenceStore(engine, clock).set(QUIET, SOMEBODY)
    clock.advance(minutes=6)
    await predict(database, clock, confidence=0.5)
    assert await look(watcher) == [("alert.eased", "confidence", "warning")]
    ((again,),) = await sent(sync, receiver)
    assert {**again, "endsAt": ""} == {**first, "endsAt": ""}


async def test_what_opens_in_a_silence_is_not_sent_until_that_ends(
    database: Database,
    watcher: AlertWatcher,
    sync: AlertmanagerSync,
    receiver: Receiver,
    clock: Clock,
    engine: AsyncEngine,
) -> None:
    silences = SilenceStore(engine, clock)
    silence = await silences.set(QUIET, SOMEBODY)
    await predict(database, clock, confidence=0.1)
    await look(watcher)
    assert await sent(sync, receiver) == []
    await silences.end(silence.silence_id, SOMEBODY)
    ((alert,),) = await sent(sync, receiver)
    assert alert["labels"]["severity"] == "critical"


async def test_a_receiver_that_refuses_is_told_again_after_a_pause(
    database: Database, watcher: AlertWatcher, sync: AlertmanagerSync, receiver: Receiver, clock: Clock
) -> None:
    await predict(database, clock, confidence=0.1)
    await look(watcher)
    receiver.status = 503
    for _ in range(3):
        assert len(await sent(sync, receiver)) == 1
        assert await sent(sync, receiver) == []
        clock.advance(seconds=8)
    receiver.status = 200
    assert len(await sent(sync, receiver)) == 1
    assert await sent(sync, receiver) == []


async def test_events_that_an_older_release_left_for_an_alertmanager_are_not_sent_to_it(
    engine: AsyncEngine, clock: Clock, receiver: Receiver, sync: AlertmanagerSync
) -> None:
    other = Webhook("http://other/")
    delivery = AlertDelivery(engine, sync.client, [*sync.webhooks, other], None, clock)
    assert delivery.receivers() == {other.key: other}


@pytest.fixture
def alertmanager(tmp_path: Path, receiver: Receiver) -> Iterator[ServerProcess]:
    """Debian's Alertmanager, which keeps nothing over a restart here and tells `receiver` at once."""
    program = debian_program("prometheus-alertmanager", "prometheus-alertmanager")
    config = tmp_path / "alertmanager.yml"
    config.write_text(
        "route: {receiver: test, group_by: [...], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}\n"
        f"receivers: [{{name: test, webhook_configs: [{{url: '{receiver.url}', send_resolved: true}}]}}]\n"
    )
    port = next(free_ports())
    command = [program, f"--config.file={config}", f"--storage.path={tmp_path / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    server = ServerProcess(command, port, tmp_path / "alertmanager.log")
    server.start()
    yield server
    server.stop()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(40):
        while not await condition():
            await asyncio.sleep(0.1)


async def test_a_real_alertmanager_fires_fires_again_after_a_restart_and_resolves(
    database: Database, alertmanager: ServerProcess, receiver: Receiver
) -> None:
    url = f"http://127.0.0.1:{alertmanager.port}/api/v2/alerts"

    async def firing() -> list[str]:
        try:
            async with httpx.AsyncClient() as client:
                found = (await client.get(url, params={"active": "true"})).json()
        except httpx.HTTPError:
            return []
        return [alert["labels"]["alertname"] for alert in found]

    async def fires() -> bool:
        return await firing() == ["model_confidence"]

    async def is_over() -> bool:
        return await firing() == [] and any(r.json().get("status") == "resolved" for r in receiver.received)

    settings = settings_for(database, alert_interval=0.1, alert_resend_seconds=1, alert_webhooks=f"alertmanager+{url}")
    async with client_of(settings) as client:
        await insert(database, [Row(confidence=0.3) for _ in range(20)])
        await until(fires)
        alertmanager.kill()
        await asyncio.to_thread(alertmanager.start)
        await until(fires)
        assert any(received.json()["status"] == "firing" for received in receiver.received)
        change = {"min_confidence_critical": 0.1, "min_confidence_warning": 0.2}
        assert (await client.put("/metrics/thresholds", json=change)).status_code == 200
        await until(is_over)
    resolved = [r.json() for r in receiver.received if r.json()["status"] == "resolved"][-1]
    assert resolved["alerts"][0]["annotations"]["summary"] == "Confidence of lexicon has recovered"
