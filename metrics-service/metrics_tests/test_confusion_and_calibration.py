"""Which labels are taken for which, and whether confidence says how often predictions are right."""

import random
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from metrics_service.feedback.quality import MOST_CONFUSED, Judged, confusion
from metrics_service.reports import calibration
from metrics_tests.rows import Row, insert, register
from metrics_tests.service import client_of, settings_for
from shared.testing.admin import ADMIN
from shared.testing.postgres import Database


@pytest.fixture(autouse=True)
async def loaded(database: Database) -> None:
    """The models of these tests."""
    await register(database, "lexicon", labels=["positive", "negative", "neutral"])
    await register(database, "other", labels=["positive", "negative"])


async def judge(client: httpx.AsyncClient, rows: list[tuple[Row, str]], headers: dict[str, str] | None = None) -> None:
    for start in range(0, len(rows), 1000):
        words = [{"prediction_id": str(row.prediction_id), "label": label} for row, label in rows[start : start + 1000]]
        answer = await client.post("/feedback/batch", json={"feedback": words}, headers=headers)
        assert answer.json()["recorded"] == len(words)


async def measured(client: httpx.AsyncClient, path: str, **query: object) -> dict:
    answer = await client.post(f"/metrics/{path}", json=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_matrix_counts_predicted_beside_correct_labels(client: httpx.AsyncClient, database: Database) -> None:
    pairs = [("positive", "positive")] * 3 + [("positive", "negative")] * 2 + [("neutral", "positive")]
    rows = [(Row(label=was), should) for was, should in pairs]
    await insert(database, [row for row, _ in rows])
    await judge(client, rows)
    found = await measured(client, "quality")
    assert found["confusion"] == [
        {"predicted": "positive", "actual": "positive", "count": 3, "weight": 3},
        {"predicted": "positive", "actual": "negative", "count": 2, "weight": 2},
        {"predicted": "neutral", "actual": "positive", "count": 1, "weight": 1},
    ]
    assert found["confusion_left_out"] == 0


def test_a_matrix_has_a_bound_and_says_what_is_beyond_it() -> None:
    pairs = {
        (f"{number}", "right"): Judged(2 if number < MOST_CONFUSED else 1, 1) for number in range(MOST_CONFUSED + 7)
    }
    found, left_out = confusion(pairs)
    assert (len(found), left_out) == (MOST_CONFUSED, 7)
    assert {one.count for one in found} == {2}
    assert confusion({}) == ([], 0)


async def test_bins_say_how_sure_the_model_was_and_how_often_it_was_right(
    client: httpx.AsyncClient, database: Database, request: pytest.FixtureRequest
) -> None:
    """Against a recount by hand of what chance has made."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    rows = [
        (Row(confidence=confidence), "positive" if chance.random() < confidence else "negative")
        for confidence in [0.0, 0.1, 0.3, 0.95, 1.0, *(chance.random() for _ in range(300))]
    ]
    await insert(database, [row for row, _ in rows])
    await judge(client, rows)
    found = await measured(client, "calibration")
    assert (found["feedback_count"], found["is_complete"], len(found["bins"])) == (305, True, 10)
    error = total = 0.0
    for number, one in enumerate(found["bins"]):
        inside = [(row, label) for row, label in rows if min(int((row.confidence or 0) * 10), 9) == number]
        assert (one["low"], one["high"], one["count"]) == (number / 10, (number + 1) / 10, len(inside))
        if inside:
            sure = sum(row.confidence or 0 for row, _ in inside) / len(inside)
            right = sum(label == "positive" for _, label in inside) / len(inside)
            assert one["average_confidence"] == pytest.approx(sure)
            assert one["accuracy"] == pytest.approx(right)
            assert one["accuracy_low"] <= right <= one["accuracy_high"]
            error += abs(sure - right) * len(inside)
            total += (sure - right) * len(inside)
    assert found["expected_calibration_error"] == pytest.approx(error / len(rows))
    assert found["overconfidence"] == pytest.approx(total / len(rows))


async def test_without_feedback_every_bin_is_empty(client: httpx.AsyncClient, database: Database) -> None:
    await insert(database, [Row()])
    found = await measured(client, "calibration")
    assert (found["feedback_count"], found["is_complete"]) == (0, True)
    assert (found["expected_calibration_error"], found["overconfidence"]) == (None, None)
    assert len(found["bins"]) == 10
    assert all(one["count"] == 0 and one["accuracy"] is None for one in found["bins"])


async def test_it_is_about_when_the_prediction_was_made_by_whom_and_not_what_has_no_confidence(
    client: httpx.AsyncClient, database: Database
) -> None:
    rows = [
        Row(created_at=datetime.now(UTC) - timedelta(hours=2)),
        Row(model_name="other"),
        Row(confidence=None),
        Row(),
    ]
    await insert(database, rows)
    await judge(client, [(row, "positive") for row in rows])
    assert (await measured(client, "calibration"))["feedback_count"] == 2
    assert (await measured(client, "calibration", time_window_minutes=180))["feedback_count"] == 3
    assert (await measured(client, "calibration", model_name="lexicon"))["feedback_count"] == 1
    answer = await client.post("/metrics/calibration", json={"model_name": "nobody"})
    assert answer.status_code == 404


async def test_strangers_count_for_no_more_than_their_limit(database: Database) -> None:
    """One who says of a hundred that they are wrong moves the figures as far as accuracy itself."""
    rows = [Row(confidence=0.95) for _ in range(150)]
    await insert(database, rows)
    async with client_of(settings_for(database, feedback_caller_limit=50), {}) as client:
        await judge(client, [(row, "negative") for row in rows[:100]])
        await judge(client, [(row, "positive") for row in rows[100:]], ADMIN)
        found = await measured(client, "calibration")
        assert (await measured(client, "quality"))["accuracy"] == pytest.approx(0.5)
    assert found["bins"][9]["count"] == 150
    assert found["bins"][9]["accuracy"] == pytest.approx(0.5)
    assert found["overconfidence"] == pytest.approx(0.45)


async def test_of_very_much_feedback_the_newest_is_looked_at(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = calibration.statement("calibration", *calibration.CHOICE, bins=calibration.BINS, most=5)
    monkeypatch.setattr(calibration, "JUDGED", few)
    monkeypatch.setattr(calibration, "MOST", 5)
    now = datetime.now(UTC)
    rows = [
        Row(created_at=now - timedelta(seconds=number), confidence=0.05 + 0.1 * (number < 5)) for number in range(9)
    ]
    await insert(database, rows)
    await judge(client, [(row, "positive") for row in rows])
    found = await measured(client, "calibration")
    assert (found["is_complete"], found["feedback_count"]) == (False, 5)
    assert [one["count"] for one in found["bins"][:2]] == [0, 5]
