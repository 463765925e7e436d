"""A name that nothing has is a 404 that says what there is, never a healthy zero."""

import httpx
import pytest

from metrics_service.models.catalogue import LOADED_SECONDS
from metrics_tests.rows import Row, insert, register
from metrics_tests.service import client_of, settings_for
from shared.testing.postgres import Database

QUERIES = ["/metrics/aggregated", "/metrics/timeseries", "/metrics/drift", "/metrics/quality", "/metrics/calibration"]
LISTS = ["/metrics/thresholds", "/metrics/thresholds/changes", "/metrics/alerts", "/metrics/baselines"]


def assert_unknown(answer: httpx.Response, *words: str) -> None:
    assert answer.status_code == 404, answer.text
    assert answer.json()["type"] == "urn:problem-type:unknown-model"
    for word in words:
        assert word in answer.json()["detail"]


@pytest.mark.parametrize("path", QUERIES)
async def test_a_question_about_a_mistyped_name_is_a_404_that_names_the_known_ones(
    client: httpx.AsyncClient, database: Database, path: str
) -> None:
    await register(database, "sentiment")
    await insert(database, [Row(model_name="spam", model_version="2.1.0", task_type="spam-detection")])
    assert_unknown(await client.post(path, json={"model_name": "sentimnet"}), "'sentimnet'", "sentiment, spam")
    for known in ("sentiment", "spam"):
        assert (await client.post(path, json={"model_name": known})).status_code == 200
    misversioned = {"model_name": "spam", "model_version": "2.0.1"}
    assert_unknown(await client.post(path, json=misversioned), "'2.0.1'", "of model 'spam'", "2.1.0")
    assert_unknown(await client.post(path, json={"task_type": "clasification"}), "classification, spam-detection")
    assert_unknown(
        await client.post(path, json={"model_name": "spam", "task_type": "classification"}), "spam-detection"
    )
    right = {"model_name": "spam", "model_version": "2.1.0", "task_type": "spam-detection"}
    assert (await client.post(path, json=right)).status_code == 200


async def test_the_version_to_compare_with_is_checked_too(client: httpx.AsyncClient, database: Database) -> None:
    await register(database, "sentiment", "2.0.0")
    query = {"model_name": "sentiment", "model_version": "2.0.0", "reference_model_version": "1.0.O"}
    assert_unknown(await client.post("/metrics/drift", json=query), "'1.0.O'")


@pytest.mark.parametrize("path", LISTS)
async def test_lists_of_an_unknown_model_are_a_404(client: httpx.AsyncClient, database: Database, path: str) -> None:
    await register(database, "sentiment")
    assert_unknown(await client.get(path, params={"model_name": "sentimnet"}), "sentiment")
    assert (await client.get(path, params={"model_name": "sentiment"})).status_code == 200


async def test_thresholds_and_baselines_of_an_unknown_model_are_not_stored(
    client: httpx.AsyncClient, database: Database
) -> None:
    change = {"min_confidence_warning": 0.7}
    assert_unknown(await client.put("/metrics/thresholds?model_name=sentimnet", json=change), "none yet")
    assert_unknown(await client.put("/metrics/baselines?model_name=sentimnet&name=spring", json={}))
    for table in ("threshold_profile", "threshold_change", "baseline", "audit"):
        assert await database.fetch(f"SELECT * FROM metrics.{table}") == []  # noqa: S608 - of the names above


async def test_a_model_is_known_from_its_first_prediction_on_and_after_it_was_unloaded(
    client: httpx.AsyncClient, database: Database
) -> None:
    query = {"model_name": "brand-new"}
    assert_unknown(await client.post("/metrics/aggregated", json=query))
    await insert(database, [Row(model_name="brand-new")])
    assert (await client.post("/metrics/aggregated", json=query)).json()["total_predictions"] == 1
    await database.fetch("DELETE FROM predictions.prediction")
    async with client_of(settings_for(database)) as restarted:
        assert (await restarted.post("/metrics/aggregated", json=query)).status_code == 200


async def test_a_model_that_is_loaded_no_more_and_never_predicted_is_unknown(
    client: httpx.AsyncClient, database: Database
) -> None:
    await register(database, "gone", seconds_ago=LOADED_SECONDS + 1)
    await register(database, "here", seconds_ago=LOADED_SECONDS - 30)
    assert_unknown(await client.post("/metrics/aggregated", json={"model_name": "gone"}), "Known models: here.")


async def test_questions_that_name_nothing_are_answered_from_the_first_moment(client: httpx.AsyncClient) -> None:
    for path in QUERIES:
        assert (await client.post(path, json={})).status_code == 200


async def test_many_names_are_listed_shortened(client: httpx.AsyncClient, database: Database) -> None:
    for number in range(23):
        await register(database, f"model-{number:02}")
    answer = await client.post("/metrics/aggregated", json={"model_name": "other"})
    assert answer.json()["detail"].endswith("model-18, model-19 and 3 more.")
