"""A morning from six to noon, played as fast as the machine goes: every alert that arrived beside what was wanted.

`make morning` prints the table. Two models are asked all the time; what happens to them is in STORY, and what a person
on call would have wanted to hear of it is beside it. Everything is drawn from one seed, which is printed.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.feedback.contracts import Caller, Feedback
from metrics_service.notifications.alertmanager import AlertmanagerSync
from metrics_service.notifications.delivery import AlertDelivery, new_client
from metrics_service.notifications.webhooks import Format, Webhook
from metrics_service.watch.scope import Watch
from metrics_service.watch.watcher import AlertWatcher
from metrics_tests.receiver import Receiver
from metrics_tests.rows import Row, insert, register
from metrics_tests.watching import Clock, watcher_of
from shared.testing.postgres import Database

SEED = 20_260_302
SIX = (datetime.now(UTC) - timedelta(days=1)).replace(hour=6, minute=0, second=0, microsecond=0)
NOON = SIX + timedelta(hours=6)
PER_MINUTE = 12
REVIEWS, TICKETS = "reviews", "tickets"

WATCH = Watch(
    interval_seconds=60, window_minutes=5, min_predictions=10, drift_window_minutes=60, drift_reference_minutes=1440
)
"""The defaults, but for the interval: one look a minute."""

Wanted = tuple[str, str, str]
"""Model, signal and what happens to the alert."""


@dataclass(frozen=True)
class Chapter:
    """What happens between two times, in words, and what a person wants to hear of it until then and a while after."""

    start: str
    end: str
    title: str
    wanted: tuple[Wanted, ...] = ()
    heard_until: str = ""

    def covers(self, at: datetime) -> bool:
        return clock_time(self.start) <= at < clock_time(self.end)

    def may_be_heard(self, at: datetime) -> bool:
        return clock_time(self.start) <= at <= clock_time(self.heard_until or self.end)


def clock_time(text: str) -> datetime:
    hours, minutes = text.split(":")
    return SIX.replace(hour=int(hours), minute=int(minutes))


DIP = Chapter("06:40", "07:10", "a fifth of the usual traffic on reviews")
BLIP = Chapter("07:20", "07:21", "one minute of unsure predictions on tickets")
SLOW = Chapter(
    "07:30",
    "07:42",
    "inference on tickets takes 320 ms instead of 12",
    ((TICKETS, "inference_time", "alert.opened"), (TICKETS, "inference_time", "alert.closed")),
    "07:50",
)
VERSION = Chapter(
    "08:00",
    "12:00",
    "reviews 1.1.0 replaces 1.0.0: surer of everything",
    ((REVIEWS, "drift", "alert.opened"), (REVIEWS, "drift", "alert.escalated")),
)
PROVIDER = Chapter("08:30", "08:50", "the provider of the reports is away: rules write them, predictions go on")
OUTAGE = Chapter(
    "09:00",
    "09:26",
    "the callers of tickets are away",
    tuple((TICKETS, "traffic", kind) for kind in ("alert.opened", "alert.escalated", "alert.closed")),
    "09:28",
)
DRIFTING = Chapter(
    "10:00",
    "12:00",
    "texts on tickets grow longer, a little every minute",
    ((TICKETS, "drift", "alert.opened"), (TICKETS, "drift", "alert.escalated")),
)
COMPLAINTS = Chapter(
    "10:30",
    "10:50",
    "six callers call half of the predictions on reviews wrong",
    tuple((REVIEWS, "accuracy", f"alert.{kind}") for kind in ("opened", "escalated", "eased", "closed")),
    "12:00",
)
STORY = (DIP, BLIP, SLOW, VERSION, PROVIDER, OUTAGE, DRIFTING, COMPLAINTS)


def normal(generator: random.Random, at: datetime, model: str) -> Row:
    """A prediction of an uneventful minute."""
    label = generator.choices(["positive", "negative", "neutral"], [5, 3, 2])[0]
    return Row(
        created_at=at + timedelta(seconds=generator.uniform(0, 59)),
        model_name=model,
        label=label,
        confidence=generator.betavariate(9, 3),
        time_ms=generator.lognormvariate(2.5, 0.2),
        input_length=int(generator.lognormvariate(4.5, 0.7)),
    )


def minute(generator: random.Random, at: datetime) -> Iterator[Row]:
    """What is predicted in one minute."""
    for model in (REVIEWS, TICKETS):
        count = generator.randint(PER_MINUTE - 4, PER_MINUTE + 4)
        if (model == REVIEWS and DIP.covers(at)) or (model == TICKETS and OUTAGE.covers(at)):
            count = count // 5 if model == REVIEWS else 0
        for _ in range(count):
            yield changed(generator, normal(generator, at, model), at)


def changed(generator: random.Random, row: Row, at: datetime) -> Row:
    """A prediction as the story has it at that time."""
    if row.model_name == REVIEWS:
        newer = replace(row, model_version="1.1.0", confidence=generator.betavariate(20, 2))
        return newer if VERSION.covers(at) else row
    if BLIP.covers(at):
        return replace(row, confidence=0.3)
    if SLOW.covers(at):
        return replace(row, time_ms=320 + generator.uniform(-20, 20))
    if DRIFTING.covers(at):
        growth = 1 + (at - clock_time(DRIFTING.start)) / timedelta(minutes=40)
        return replace(row, input_length=int(row.input_length * growth))
    return row


async def complain(watcher: AlertWatcher, generator: random.Random, rows: list[Row], at: datetime) -> None:
    """Feedback: a little all the time, most of it complaints; more where the story says so."""
    share = 0.5 if COMPLAINTS.covers(at) else 0.01
    words = [
        Feedback(prediction_id=row.prediction_id, label="negative" if row.label == "positive" else "positive")
        for row in rows
        if row.model_name == REVIEWS and generator.random() < share
    ]
    for number in range(6):
        if said := words[number::6]:
            caller = f"caller {(number + at.minute) % 6}"
            await watcher.feedback.give_all(said, Caller(caller, is_trusted=False))


@pytest.mark.faults
@pytest.mark.timeout(1200)
async def test_a_morning_is_heard_of_as_a_person_would_have_wanted(database: Database, engine: AsyncEngine) -> None:
    generator, clock = random.Random(SEED), Clock()
    for model in (REVIEWS, TICKETS):
        await register(database, model)
    yesterday = SIX - timedelta(days=1, hours=1)
    for hour in range(25):
        at = [yesterday + timedelta(hours=hour, minutes=minutes) for minutes in range(60)]
        await insert(database, [row for one in at for row in minute(generator, one)])
    with Receiver() as receiver, Receiver() as manager:
        webhooks = [Webhook(receiver.url), Webhook(manager.url, Format.ALERTMANAGER)]
        watcher = watcher_of(engine, clock, WATCH, webhooks)
        async with new_client(webhooks) as client:
            delivery = AlertDelivery(engine, client, webhooks, None, clock)
            sync = AlertmanagerSync(engine, client, webhooks, None, timedelta(minutes=1), clock)
            clock.now = SIX
            while clock.now < NOON:
                rows = list(minute(generator, clock.now))
                await insert(database, rows)
                clock.advance(minutes=1)
                await complain(watcher, generator, rows, clock.now - timedelta(minutes=1))
                await watcher.look()
                while any(await delivery.deliver_due(delivery.receivers())):
                    pass
                await sync.look(sync.receivers)
        arrived = [received.json() for received in receiver.received]
        told = [json_alerts for received in manager.received for json_alerts in received.json()]
    print(f"\nseed {SEED}\n\n{table(arrived)}\n\nAlertmanager was told {len(manager.received)} times.")
    for chapter in STORY:
        of_it = [wanted_of(event) for event in arrived if chapter.may_be_heard(time_of(event))]
        for wanted in chapter.wanted:
            assert wanted in of_it, f"{chapter.title}: {wanted} was not heard"
    unwanted = [wanted_of(event) for event in arrived if not is_wanted(event)]
    assert unwanted == []
    firing = {(alert["labels"]["model_name"], alert["labels"]["alertname"]) for alert in told}
    assert firing == {(model, f"model_{signal}") for chapter in STORY for model, signal, _ in chapter.wanted}


def time_of(event: dict) -> datetime:
    return datetime.fromisoformat(event["timestamp"])


def wanted_of(event: dict) -> Wanted:
    return event["data"]["model_name"], event["data"]["signal"], event["type"]


def is_wanted(event: dict) -> bool:
    """Whether a person wanted to hear of it: once of everything."""
    return any(chapter.may_be_heard(time_of(event)) and wanted_of(event) in chapter.wanted for chapter in STORY)


def table(arrived: list[dict]) -> str:
    """The morning in lines: what happened, what was wanted, what came."""
    lines = ["| from | what happens | wanted | arrived |", "| --- | --- | --- | --- |"]
    for chapter in STORY:
        wanted = ", ".join(f"{signal} {kind.removeprefix('alert.')}" for _, signal, kind in chapter.wanted) or "nothing"
        heard = [
            event for event in arrived if chapter.may_be_heard(time_of(event)) and wanted_of(event) in chapter.wanted
        ]
        came = "; ".join(line_of(event) for event in heard) or "nothing"
        lines.append(f"| {chapter.start} | {chapter.title} | {wanted} | {came} |")
    others = "; ".join(line_of(event) for event in arrived if not is_wanted(event)) or "nothing"
    return "\n".join([*lines, f"| | besides | nothing | {others} |"])


def line_of(event: dict) -> str:
    data = event["data"]
    kind = event["type"].removeprefix("alert.")
    last = data["closed_by"] or data
    about = f" ({last['about']})" if last["about"] else ""
    return f"{time_of(event):%H:%M} {data['signal']} {kind} {data['severity']}, {last['measured_value']:.3g}{about}"
