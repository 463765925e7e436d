"""Drift of labels of which a prediction may have several: each counts, and not the surest one alone."""

import random
from datetime import UTC, datetime, timedelta
from math import comb

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.drift.certainty import FALSE_ALARMS
from metrics_service.drift.label_sets import compare_sets
from metrics_tests.rows import Row, insert, register
from metrics_tests.watching import Clock, watcher_of
from shared.contracts.baseline import LabelSets
from shared.contracts.drift import DriftStatus
from shared.testing.postgres import Database

END = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=3)
MODEL = {"model_name": "topics", "task_type": "multilabel"}
BEFORE, NOW = {"sport": 1.0, "politics": 0.3, "weather": 0.2}, {"sport": 1.0, "politics": 0.3, "weather": 0.6}
"""Label → share of predictions; all have the first, which is the surest."""


def rows(minutes_ago: float, count: int, shares: dict[str, float]) -> list[Row]:
    """Predictions over half an hour, the surest label of all of them the same."""
    rng = random.Random(7)
    first = END - timedelta(minutes=minutes_ago + 30)
    sets = [tuple(label for label, share in shares.items() if rng.random() < share) for _ in range(count)]
    return [
        Row(
            created_at=first + timedelta(minutes=30) * n / count,
            labels=labels,
            label=labels[0] if labels else None,
            confidence=0.9 if labels else None,
            **MODEL,
        )
        for n, labels in enumerate(sets)
    ]


async def drift(client: httpx.AsyncClient, **query: object) -> dict[str, dict]:
    """The measures by name."""
    body = {"time_window_minutes": 30, "window_end": END.isoformat(), "model_name": "topics", **query}
    answer = await client.post("/metrics/drift", json=body)
    assert answer.status_code == 200, answer.text
    return {measure["name"]: measure for measure in answer.json()["measures"]}


async def test_a_label_that_is_never_the_surest_is_seen_to_drift(client: httpx.AsyncClient, database: Database) -> None:
    await insert(database, rows(30, 500, BEFORE) + rows(0, 500, NOW))
    found = await drift(client)
    assert found["label"]["status"] == "stable"
    assert (found["labels"]["status"], found["labels"]["label"]) == ("significant", "weather")
    assert found["labels"]["reference"] == pytest.approx(BEFORE, abs=0.07)
    assert found["labels"]["current"] == pytest.approx(NOW, abs=0.07)
    assert found["labels"]["certainty"] > 0.999
    assert list(found) == ["label", "labels", "confidence", "input_length"]


async def test_the_alert_names_the_label(database: Database, engine: AsyncEngine) -> None:
    clock = Clock()
    await insert(
        database,
        [
            Row(**{**vars(row), "created_at": row.created_at + (clock.now - END)})
            for row in rows(60, 400, BEFORE) + rows(0, 400, NOW)
        ],
    )
    events = await watcher_of(engine, clock).look()
    about = [event.alert.about for event in events if event.alert.signal == "drift"]
    assert about == ["labels weather against the time before"]


async def test_without_a_change_none_is_claimed(client: httpx.AsyncClient, database: Database) -> None:
    await insert(database, rows(30, 500, BEFORE) + rows(0, 500, BEFORE))
    assert {one["status"] for one in (await drift(client)).values()} == {"stable"}


async def test_predictions_without_any_label_count(client: httpx.AsyncClient, database: Database) -> None:
    await insert(database, rows(30, 300, {"a": 0.5}) + rows(0, 300, {}))
    found = (await drift(client))["labels"]
    assert (found["status"], found["label"], found["current"]) == ("significant", "a", {})


async def test_shares_can_be_pinned_and_come_with_the_folder(client: httpx.AsyncClient, database: Database) -> None:
    trained = {"labels": {"predictions": 1000, "counts": {"sport": 1000, "politics": 300, "weather": 200}}}
    await register(database, "topics", baseline=trained)
    await insert(database, rows(120, 500, BEFORE) + rows(0, 500, NOW))
    body = {"time_window_minutes": 30, "window_end": (END - timedelta(minutes=120)).isoformat()}
    pinned = await client.put("/metrics/baselines", params={"model_name": "topics", "name": "spring"}, json=body)
    assert pinned.status_code == 200, pinned.text
    for baseline in ("spring", "model"):
        found = (await drift(client, baseline=baseline))["labels"]
        assert (found["status"], found["label"]) == ("significant", "weather")
    assert found["reference"] == {"politics": 0.3, "sport": 1.0, "weather": 0.2}


async def test_models_of_one_label_have_no_such_measure(client: httpx.AsyncClient, database: Database) -> None:
    await insert(database, [Row(created_at=END - timedelta(minutes=n)) for n in (5, 40)])
    assert "labels" not in await drift(client, model_name="lexicon")


def sets_of(counts: list[int], predictions: int) -> LabelSets:
    return LabelSets(predictions=predictions, counts={f"label {n}": count for n, count in enumerate(counts)})


def by_counting(n: int, m: int, before: int, now: int) -> float:
    """How often chance draws as much or more to one side, or to the other: Fisher's test, both tails, counted out."""
    held = before + now
    ways = {k: comb(held, k) * comb(n + m - held, m - k) for k in range(held + 1) if 0 <= m - k <= n + m - held}
    tails = (sum(n for k, n in ways.items() if k >= now), sum(n for k, n in ways.items() if k <= now))
    return min(1.0, 2 * min(tails) / comb(n + m, m))


@pytest.mark.parametrize(("n", "m", "before", "now"), [(100, 50, 20, 25), (1000, 1000, 300, 360), (40, 4000, 3, 700)])
def test_a_single_label_is_as_certain_as_counting_has_it(n: int, m: int, before: int, now: int) -> None:
    _, found = compare_sets(sets_of([before], n), sets_of([now], m))
    exact = by_counting(n, m, before, now)
    assert found.p_value is not None
    assert exact * 0.999999 <= found.p_value <= exact * 2, "never understated"


def test_chance_claims_hardly_ever_a_change_however_many_labels_there_are() -> None:
    """Labels that hang together, too: half of them are copies of others."""
    seed = random.randrange(2**32)
    print("seed", seed)
    rng, claimed = random.Random(seed), 0
    for _ in range(1000):
        shares = [rng.random() ** 2 for _ in range(10)] * 2
        (one, n), (other, m) = ((drawn(rng, shares, size), size) for size in (60, 40))
        claimed += compare_sets(sets_of(one, n), sets_of(other, m))[1].p_value < FALSE_ALARMS
    assert claimed <= 8, "one in a thousand at most; nine are chance once in a million"


def drawn(rng: random.Random, shares: list[float], size: int) -> list[int]:
    half = [sum(rng.random() < share for _ in range(size)) for share in shares[: len(shares) // 2]]
    return half * 2


def test_of_few_predictions_or_none_nothing_is_said() -> None:
    for before, now in ((sets_of([5], 10), sets_of([5], 10)), (sets_of([5], 10), sets_of([], 0))):
        assert compare_sets(before, now)[1].status is DriftStatus.NOT_ENOUGH_DATA
    assert compare_sets(sets_of([], 100), sets_of([], 100))[0] is None


def test_a_label_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="3 predictions have the label 'label 0', of 2"):
        sets_of([3], 2)
