"""Values of regressions, norms of embeddings and sets of labels: in aggregates, by version and in charts."""

import random
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from metrics_tests.rows import Row, insert
from shared.testing.postgres import Database

END = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=3)
HOUSES = {"label": None, "confidence": None, "model_name": "houses", "task_type": "regression"}
TOPICS = {"model_name": "topics", "task_type": "multilabel"}


async def ask(client: httpx.AsyncClient, what: str, **query: object) -> dict:
    answer = await client.post(f"/metrics/{what}", json={"window_end": END.isoformat(), **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def ago(minutes: float) -> datetime:
    return END - timedelta(minutes=minutes)


async def test_values_have_sum_extremes_and_percentiles_and_an_average_per_version(
    client: httpx.AsyncClient, database: Database
) -> None:
    old = [
        Row(created_at=ago(20), value=float(n), time_ms=n + 101.0, model_version="1.0.0", **HOUSES)
        for n in range(-100, 1)
    ]
    new = [Row(created_at=ago(10), value=float(n), model_version="1.1.0", **HOUSES) for n in range(1, 101)]
    await insert(database, [*old, *new, Row(created_at=ago(5))])
    found = await ask(client, "aggregated", model_name="houses")
    values = found["values"]
    assert (values["predictions"], values["sum"], values["average"]) == (201, 0, 0)
    assert (values["min"], values["max"], values["p50"]) == (-100, 100, 0)
    for name, exact in (("p05", -90), ("p25", -50), ("p75", 50), ("p95", 90)):
        assert values[name] == pytest.approx(exact, rel=0.01)
    assert {v["model_version"]: v["average_value"] for v in found["versions"]} == {"1.0.0": -50, "1.1.0": 50.5}
    for version in ("1.0.0", "1.1.0"):
        (seen,) = [each for each in found["versions"] if each["model_version"] == version]
        alone = await ask(client, "aggregated", model_name="houses", model_version=version)
        assert seen["values"] == alone["values"]
        assert seen["p95_inference_time_ms"] == alone["p95_inference_time_ms"]
        assert "values" not in alone["versions"][0], "of the only version the window says it"
    assert found["labels"] is None
    assert (await ask(client, "aggregated", model_name="lexicon"))["values"] is None


async def test_of_a_multilabel_model_each_label_has_its_share_of_all_predictions(
    client: httpx.AsyncClient, database: Database
) -> None:
    sets = [("sport",), ("sport", "politics"), (), ("politics", "sport", "weather")]
    rows = [
        Row(created_at=ago(5), labels=labels, label=next(iter(labels), None), confidence=0.9 if labels else None)
        for labels in sets
    ]
    await insert(database, [Row(**{**vars(row), **TOPICS}) for row in rows])
    found = await ask(client, "aggregated", model_name="topics")
    assert found["labels"] == {
        "predictions": 4,
        "average_labels": 1.5,
        "shares": {"sport": 0.75, "politics": 0.5, "weather": 0.25},
    }
    assert list(found["labels"]["shares"]) == ["sport", "politics", "weather"], "the most frequent one first"
    assert found["label_distribution"] == {"sport": 2, "politics": 1}, "the surest one of each"
    assert found["average_confidence"] == pytest.approx(0.9)
    assert found["values"] is None


async def test_a_chart_has_both_in_each_bucket(client: httpx.AsyncClient, database: Database) -> None:
    await insert(database, [Row(created_at=ago(25), value=1.0, **HOUSES), Row(created_at=ago(25), value=3.0, **HOUSES)])
    await insert(database, [Row(created_at=ago(5), value=8.0, **HOUSES)])
    await insert(database, [Row(created_at=ago(5), labels=("sport",), **TOPICS), Row(created_at=ago(15))])
    series = await ask(client, "timeseries", time_window_minutes=30, bucket_minutes=10)
    values = [bucket["values"]["average"] for bucket in series["buckets"] if bucket["values"]]
    assert values == [2, 8]
    labels = [bucket["labels"]["shares"] for bucket in series["buckets"] if bucket["labels"]]
    assert labels == [{"sport": 1}]
    assert sum(bucket["total_predictions"] for bucket in series["buckets"]) == 5


async def test_each_of_several_versions_has_percentiles_as_if_it_were_asked_for_alone(
    client: httpx.AsyncClient, database: Database
) -> None:
    """In windows whose ends lie within a minute; of models with one version there are none."""
    chance = random.Random(7)
    rows = [
        Row(
            created_at=ago(chance.uniform(0, 20)), time_ms=chance.lognormvariate(2, 1), model_name=name,
            model_version=version,
        )
        for name, version in (("lexicon", "1.0.0"), ("lexicon", "1.1.0"), ("other", "1.0.0"))
        for _ in range(60)
    ]  # fmt: skip
    await insert(database, rows)
    end = (END - timedelta(seconds=100)).isoformat()
    found = await ask(client, "aggregated", window_end=end, time_window_minutes=11)
    names = [f"p{part}_inference_time_ms" for part in (50, 95, 99)]
    for one in found["versions"]:
        which = {"model_name": one["model_name"], "model_version": one["model_version"]}
        alone = await ask(client, "aggregated", window_end=end, time_window_minutes=11, **which)
        assert alone["total_predictions"] == one["total_predictions"] > 10
        is_one_of_several = one["model_name"] == "lexicon"
        assert [one.get(name) for name in names] == [alone[name] if is_one_of_several else None for name in names]
