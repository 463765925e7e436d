"""Whose thresholds hold, and how they change."""

import asyncio

import asyncpg
import httpx
import pytest

from metrics_tests.rows import Row, insert, register
from metrics_tests.service import client_of, settings_for
from shared.contracts.thresholds import OF_VALUES
from shared.database.urls import for_libpq
from shared.testing.postgres import Database

URL = "/metrics/thresholds"
DEFAULTS = {
    "min_confidence_warning": 0.6,
    "min_confidence_critical": 0.4,
    "max_inference_time_warning_ms": 200,
    "max_inference_time_critical_ms": 500,
}


@pytest.fixture(autouse=True)
async def loaded(database: Database) -> None:
    """The models of these tests."""
    await register(database, "lexicon")
    await register(database, "a")


async def test_a_model_without_its_own_profile_has_the_default_one(client: httpx.AsyncClient) -> None:
    for url in (URL, f"{URL}?model_name=lexicon"):
        assert (await client.get(url)).json() == {**DEFAULTS, "model_name": None, "version": 0, "updated_at": None}
    await client.put(URL, json={"min_confidence_warning": 0.7})
    answer = (await client.get(f"{URL}?model_name=lexicon")).json()
    assert (answer["min_confidence_warning"], answer["model_name"], answer["version"]) == (0.7, None, 1)


async def test_a_change_may_name_a_part_and_the_version_grows_with_each(client: httpx.AsyncClient) -> None:
    first = (await client.put(f"{URL}?model_name=a", json={"min_confidence_warning": 0.7})).json()
    second = (await client.put(f"{URL}?model_name=a", json={"max_inference_time_warning_ms": 20})).json()
    assert (first["version"], second["version"]) == (1, 2)
    assert second["updated_at"] >= first["updated_at"]
    expected = {**DEFAULTS, "min_confidence_warning": 0.7, "max_inference_time_warning_ms": 20}
    assert expected.items() <= (await client.get(f"{URL}?model_name=a")).json().items()
    assert (await client.get(URL)).json()["version"] == 0


async def test_what_changes_nothing_is_no_new_version(client: httpx.AsyncClient) -> None:
    for body in ({"min_confidence_warning": 0.7}, {"min_confidence_warning": 0.7}, {}):
        assert (await client.put(URL, json=body)).json()["version"] == 1


async def test_changes_at_the_same_time_all_count(client: httpx.AsyncClient) -> None:
    await asyncio.gather(*(client.put(URL, json={"max_inference_time_warning_ms": 100 + n}) for n in range(8)))
    assert (await client.get(URL)).json()["version"] == 8


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"min_confidence_critical": 0.6}, ["min_confidence_critical", "min_confidence_warning"]),
        ({"max_inference_time_warning_ms": 500}, ["max_inference_time_warning_ms", "max_inference_time_critical_ms"]),
    ],
)
async def test_critical_that_is_not_beyond_warning_is_refused_and_both_are_named(
    client: httpx.AsyncClient, body: dict, names: list[str]
) -> None:
    answer = await client.put(URL, json=body)
    assert answer.status_code == 422
    message = answer.json()["errors"][0]["message"]
    assert all(name in message for name in names)
    assert (await client.get(URL)).json()["version"] == 0


@pytest.mark.parametrize(
    "body",
    [
        b'{"min_confidence": 0.5}',
        b'{"min_confidence_warning": 1.5}',
        b'{"min_confidence_warning": NaN}',
        b'{"max_inference_time_critical_ms": Infinity}',
        b'{"max_inference_time_warning_ms": 0}',
        b'{"min_confidence_warning": null}',
        b'{"min_confidence_warning": 0.7, "max_inference_time_critical_ms": null}',
        b'{"min_confidence_warning": true}',
        b'{"min_confidence_warning": "0.7"}',
        b"not json",
    ],
)
async def test_unknown_fields_and_impossible_values_are_refused(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.put(URL, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert (await client.get(URL)).json()["version"] == 0


async def test_a_profile_name_that_no_model_can_have_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.put(f"{URL}?model_name=", json={})).status_code == 422
    assert (await client.get(f"{URL}?model_name=a/b")).status_code == 422


async def test_changing_needs_the_admin_token_and_reading_does_not(database: Database) -> None:
    async with client_of(settings_for(database, admin_token="let-me-in-please")) as client:
        assert (await client.put(URL, json={})).status_code == 401
        assert (await client.get(URL)).status_code == 200
        assert (await client.get(f"{URL}/changes")).status_code == 401
        allowed = await client.put(URL, json={}, headers={"Authorization": "Bearer let-me-in-please"})
        assert allowed.status_code == 200


async def test_a_model_is_judged_by_its_own_thresholds(client: httpx.AsyncClient, database: Database) -> None:
    await insert(database, [Row(model_name="strict", confidence=0.8), Row(model_name="other", confidence=0.8)])
    await client.put(f"{URL}?model_name=strict", json={"min_confidence_warning": 0.9})

    async def status(**query: str) -> str:
        return (await client.post("/metrics/aggregated", json=query)).json()["status"]

    assert [await status(model_name="strict"), await status(model_name="other"), await status()] == [
        "warning",
        "normal",
        "normal",
    ]


async def test_the_audit_trail_says_who_changed_what(client: httpx.AsyncClient) -> None:
    headers = {"X-Request-ID": "change-4711", "X-Forwarded-For": "203.0.113.9, 10.0.0.1"}
    await client.put(f"{URL}?model_name=a", json={"min_confidence_warning": 0.7}, headers=headers)
    await client.put(f"{URL}?model_name=a", json={"min_confidence_warning": 0.7})
    await client.put(f"{URL}?model_name=a", json={"min_confidence_critical": 0.9})
    await client.put(f"{URL}?model_name=a", json={"max_inference_time_warning_ms": 20})
    newest, first = (await client.get(f"{URL}/changes?model_name=a")).json()["changes"]
    assert (newest["version"], first["version"]) == (2, 1)
    assert (first["before"], first["after"]) == (DEFAULTS, {**DEFAULTS, "min_confidence_warning": 0.7})
    assert (newest["before"], newest["after"]["max_inference_time_warning_ms"]) == (first["after"], 20)
    assert (first["request_id"], first["client_address"]) == ("change-4711", "203.0.113.9, 10.0.0.1")
    assert (await client.get(f"{URL}/changes")).json() == {"changes": []}


async def test_thresholds_of_a_model_that_are_removed_are_the_default_ones_again(
    client: httpx.AsyncClient, database: Database
) -> None:
    await insert(database, [Row(model_name="strict", confidence=0.8)])
    own = f"{URL}?model_name=strict"
    headers = {"X-Request-ID": "remove-4711", "X-Forwarded-For": "203.0.113.9"}
    assert (await client.delete(own)).status_code == 404, "it has none"
    await client.put(URL, json={"min_confidence_warning": 0.7})
    await client.put(own, json={"min_confidence_warning": 0.9})
    assert (await client.delete(own, headers=headers)).status_code == 204
    found = (await client.get(own)).json()
    assert (found["model_name"], found["version"], found["min_confidence_warning"]) == (None, 1, 0.7)
    removal, _ = (await client.get(f"{URL}/changes?model_name=strict")).json()["changes"]
    assert (removal["version"], removal["after"], removal["before"]["min_confidence_warning"]) == (2, None, 0.9)
    assert (removal["request_id"], removal["client_address"]) == ("remove-4711", "203.0.113.9")
    again = await client.delete(own)
    assert (again.status_code, again.json()["type"]) == (404, "urn:problem-type:no-threshold-profile")
    put = (await client.put(own, json={"min_confidence_warning": 0.8})).json()
    assert (put["version"], put["min_confidence_warning"]) == (3, 0.8), "a version never means two things"


@pytest.mark.parametrize("query", ["", "?model_name=", "?model_name=a/b"])
async def test_the_default_thresholds_cannot_be_removed(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.delete(f"{URL}{query}")).status_code == 422


async def test_removing_needs_the_admin_token(database: Database) -> None:
    async with client_of(settings_for(database), headers={}) as client:
        assert (await client.delete(f"{URL}?model_name=a")).status_code == 401


async def test_the_document_offers_no_null_and_no_default_for_a_change(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    for name, field in document["components"]["schemas"]["ThresholdChange"]["properties"].items():
        if name in OF_VALUES:
            assert [one["type"] for one in field["anyOf"]] == ["number", "null"], "null removes it"
        else:
            assert field["type"] == "number"
        assert "default" not in field


async def test_the_audit_trail_cannot_be_changed_by_the_service(database: Database) -> None:
    connection = await asyncpg.connect(for_libpq(database.url("metrics_service")))
    for statement in ("UPDATE metrics.threshold_change SET version = 1", "DELETE FROM metrics.threshold_change"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()
