"""What is said about two windows."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from metrics_tests.rows import Row, insert, register
from shared.testing.postgres import Database

END = datetime.now(UTC) - timedelta(minutes=3)
MINUTES = 30


async def ask(client: httpx.AsyncClient, **query: object) -> dict:
    body = {"time_window_minutes": MINUTES, "window_end": END.isoformat(), **query}
    answer = await client.post("/metrics/drift", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def spread(minutes_ago: float, count: int, labels: tuple[str, ...] = ("positive",), **fields: object) -> list[Row]:
    """Rows over the window that ended `minutes_ago`, up to its very edges."""
    end, step = END - timedelta(minutes=minutes_ago), timedelta(minutes=MINUTES) / count
    return [Row(created_at=end - step * (n + 1), label=labels[n % len(labels)], **fields) for n in range(count)]


def measures_of(report: dict) -> dict[str, dict]:
    return {measure["name"]: measure for measure in report["measures"]}


async def test_a_shift_of_labels_confidence_and_length_shows_in_each(
    client: httpx.AsyncClient, database: Database
) -> None:
    await insert(database, spread(MINUTES, 400, ("positive", "negative"), confidence=0.9, input_length=40))
    await insert(database, spread(0, 300, ("negative",), confidence=0.5, input_length=400))
    report = await ask(client)
    assert report["status"] == "significant"
    assert (report["sample_size"], report["reference_sample_size"]) == (300, 400)
    assert report["reference_window_end"] == report["time_window_start"]
    measures = measures_of(report)
    assert {measure["status"] for measure in measures.values()} == {"significant"}
    assert measures["label"]["reference"] == {"positive": 0.5, "negative": 0.5}
    assert measures["confidence"]["current"] == {"0.50-0.55": 1}
    assert measures["input_length"]["reference"] == {"32-63": 1}
    assert measures["input_length"]["js_distance"] == pytest.approx(1)


async def test_the_same_mixture_is_stable(client: httpx.AsyncClient, database: Database) -> None:
    await insert(database, spread(MINUTES, 400, ("positive", "negative")) + spread(0, 200, ("positive", "negative")))
    report = await ask(client)
    assert report["status"] == "stable"
    assert all(measure["psi"] < 0.01 for measure in report["measures"])


async def test_with_few_predictions_nothing_is_claimed(client: httpx.AsyncClient, database: Database) -> None:
    assert (await ask(client))["status"] == "not_enough_data"
    await insert(database, spread(MINUTES, 400, ("positive", "negative")) + spread(0, 5, ("negative",)))
    report = await ask(client)
    assert report["status"] == "not_enough_data"
    label = measures_of(report)["label"]
    assert label["psi"] > 0.1, "the number is shown all the same"
    assert label["p_value"] > 0.1


async def test_fifty_predictions_that_have_all_changed_are_a_significant_drift(
    client: httpx.AsyncClient, database: Database
) -> None:
    mixture = ("positive",) * 5 + ("negative",) * 3 + ("neutral",) * 2
    await insert(database, spread(MINUTES, 1100, mixture, confidence=0.85))
    await insert(database, spread(0, 50, ("negative",), confidence=0.64))
    report = await ask(client)
    assert report["status"] == "significant"
    measures = measures_of(report)
    assert [measures[name]["status"] for name in ("label", "confidence")] == ["significant", "significant"]
    assert measures["label"]["psi"] == pytest.approx(3.33, abs=0.05)
    assert measures["label"]["expected_psi"] < measures["label"]["chance_psi"] < 0.13
    assert measures["label"]["certainty"] > 0.999


async def test_an_overall_stable_needs_every_measure_judged(client: httpx.AsyncClient, database: Database) -> None:
    figures = {"label": {"positive": 900, "negative": 100}, "input_length": {"16-31": 1000}}
    await insert(database, spread(0, 400, ("positive",) * 9 + ("negative",)))
    await register(database, "lexicon", baseline=figures)
    report = await ask(client, model_name="lexicon", baseline="model")
    statuses = {name: measure["status"] for name, measure in measures_of(report).items()}
    assert statuses == {"label": "stable", "confidence": "not_enough_data", "input_length": "stable"}
    assert report["status"] == "not_enough_data"


async def test_versions_can_be_compared_with_each_other(client: httpx.AsyncClient, database: Database) -> None:
    await insert(database, spread(MINUTES, 300, ("positive", "negative"), model_version="1.0.0"))
    await insert(database, spread(0, 300, ("positive", "negative"), model_version="1.0.0"))
    await insert(database, spread(0, 300, ("negative",), model_version="2.0.0"))
    of_both = await ask(client)
    assert of_both["versions"] == {"1.0.0": 300, "2.0.0": 300}
    assert of_both["reference_versions"] == {"1.0.0": 300}
    assert (await ask(client, model_version="1.0.0"))["status"] == "stable"
    new = await ask(client, model_version="2.0.0", reference_model_version="1.0.0")
    assert (new["status"], new["reference_sample_size"]) == ("significant", 300)


async def test_the_reference_can_be_any_window(client: httpx.AsyncClient, database: Database) -> None:
    await insert(database, spread(10 * MINUTES, 200, ("negative",)) + spread(0, 200))
    reference = {"reference_window_end": (END - timedelta(minutes=10 * MINUTES)).isoformat()}
    assert (await ask(client, **reference))["status"] == "significant"
    wide = await ask(client, reference_window_minutes=1440)
    assert wide["reference_sample_size"] == 200
    assert wide["status"] == "significant"


async def test_one_model_is_compared_alone(client: httpx.AsyncClient, database: Database) -> None:
    await insert(database, spread(MINUTES, 200, model_name="a") + spread(0, 200, model_name="a"))
    await insert(database, spread(0, 200, ("negative",), model_name="b"))
    assert (await ask(client, model_name="a"))["status"] == "stable"
    assert (await ask(client))["status"] == "significant"


@pytest.mark.parametrize(
    "query",
    [
        {"time_window_minutes": 0},
        {"reference_window_minutes": 10_081},
        {"bins": 3},
        {"baseline": "model"},
        {"baseline": "spring", "model_name": "a", "reference_window_minutes": 5},
        {"baseline": "Spring!", "model_name": "a"},
    ],
)
async def test_a_comparison_that_makes_no_sense_is_a_422(client: httpx.AsyncClient, query: dict) -> None:
    assert (await client.post("/metrics/drift", json=query)).status_code == 422
