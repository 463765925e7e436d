"""What keys are used for: counted over all gateways, each batch once, beside the predictions that are on record."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from gateway.keys import follower
from gateway.keys.store import KeyStore
from gateway.keys.usage import KeyUsage
from gateway.request.route_class import RouteClass
from gateway_tests.conftest import StartGateway
from gateway_tests.keys import UNKNOWN, ask, bearer, make, until
from shared.database.connection import Connector
from shared.database.listening_connection import StoreAwayError
from shared.testing.admin import ADMIN
from shared.testing.postgres import Database

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=2)
DAY, DAY_BEFORE, DAY_AFTER = (str((NOON + timedelta(days=step)).date()) for step in (0, -1, 1))
NOTHING = dict.fromkeys(("requests", "refused", "predict", "feedback", "reports", "predictions"), 0)


async def usage_of(gateway: httpx.AsyncClient, key_id: str, **asked: str) -> dict[str, Any]:
    response = await gateway.get(f"/keys/{key_id}/usage", params=asked, headers=ADMIN)
    assert response.status_code == 200, response.text
    return response.json()


async def record(database: Database, key_id: str | None, at: datetime, count: int) -> None:
    """Predictions on record, as one statement of the prediction-service writes them."""
    await database.fetch(
        "INSERT INTO predictions.prediction (prediction_id, created_at, model_name, model_version, task_type, "
        "confidence, inference_time_ms, input_length, metrics_data, key_id) "
        "SELECT gen_random_uuid(), $1, 'm', '1.0.0', 'classification', 0.5, 1, 1, '{}', $2 FROM generate_series(1, $3)",
        at, key_id, count,
    )  # fmt: skip


async def test_requests_are_counted_by_what_they_are_for_over_all_gateways(
    start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "USAGE_SECONDS", 0.1)
    gateways = [await start_gateway(), await start_gateway()]
    made = await make(gateways[0], "shop", "predict", "feedback", "analyze", limits="5/h")
    other = await make(gateways[0], "other")

    async def is_known() -> bool:
        return (await gateways[1].get("/models", headers=bearer(other["key"]))).status_code == 200

    await until(is_known)
    others = (await usage_of(gateways[0], other["key_id"]))["total"]["requests"]
    paths = ("/predict", "/predict/batch", "/feedback", "/analyze/performance", "/predict", "/predict", "/feedback")
    statuses = [await ask(gateways[n % 2], made["key"], path) for n, path in enumerate(paths)]
    assert statuses == [200] * 5 + [429] * 2
    assert await ask(gateways[0], made["key"], "/models", "GET") == 200
    assert await ask(gateways[0], made["key"], "/predictions", "GET") == 403
    expected = NOTHING | {"requests": 8, "refused": 2, "predict": 4, "feedback": 2, "reports": 1}

    async def is_counted() -> bool:
        return (await usage_of(gateways[0], made["key_id"]))["total"] == expected

    await until(is_counted)
    used = await usage_of(gateways[1], made["key_id"])
    assert {name: sum(day[name] for day in used["days"]) for name in expected} == expected, "midnight may have come"
    assert (await usage_of(gateways[0], other["key_id"]))["total"]["requests"] >= max(others, 1)


async def test_what_is_larger_than_a_limit_is_no_refusal_by_it(
    start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "USAGE_SECONDS", 0.1)
    gateway = await start_gateway()
    made = await make(gateway, limits="3rows/60s")
    for rows, status in ((4, 413), (2, 200), (2, 429)):
        body = {"texts": ["a"] * rows}
        assert (await gateway.post("/predict/batch", json=body, headers=bearer(made["key"]))).status_code == status
    expected = NOTHING | {"requests": 3, "refused": 1, "predict": 3}

    async def is_counted() -> bool:
        return (await usage_of(gateway, made["key_id"]))["total"] == expected

    async def refusals() -> int:
        return (await gateway.get("/limits/refusals")).json()["total"]

    async def are_told() -> bool:
        return await refusals() > 0

    await until(is_counted)
    await until(are_told)
    assert await refusals() == 1


class Unsure(KeyStore):
    """One whose word is lost after every write."""

    async def add_usage(self, gateway: UUID, batch: int, counted: list[dict[str, str | int]]) -> None:
        await super().add_usage(gateway, batch, counted)
        raise StoreAwayError("nobody knows")


async def test_a_batch_of_which_nobody_knows_whether_it_arrived_is_counted_once(database: Database) -> None:
    connector = Connector(database.url("gateway"), "test")
    unsure, store = Unsure(connector, lambda: None), KeyStore(connector, lambda: None)
    usage, key_id = KeyUsage(NOON.timestamp), str(uuid4())
    usage.note(key_id, RouteClass.PREDICT)
    for _ in range(3):
        with pytest.raises(StoreAwayError):
            await usage.write(unsure)
        usage.note(key_id, RouteClass.FEEDBACK)
    await usage.write(store)
    (day,) = await store.usage(UUID(key_id), NOON.date(), NOON.date())
    assert day.model_dump() == NOTHING | {"requests": 4, "predict": 1, "feedback": 3, "day": NOON.date()}
    another = KeyUsage(NOON.timestamp)
    another.note(key_id, None)
    await another.write(store)
    (day,) = await store.usage(UUID(key_id), NOON.date(), NOON.date())
    assert (day.requests, day.predict) == (5, 1)
    unsure.disconnect()
    store.disconnect()


async def test_predictions_are_those_on_record_on_their_days(gateway: httpx.AsyncClient, database: Database) -> None:
    made, midnight = await make(gateway), NOON.replace(hour=0)
    for _ in range(2):
        await record(database, made["key_id"], NOON, 3)
        await record(database, made["key_id"], midnight, 2)
        await record(database, made["key_id"], midnight - timedelta(microseconds=1), 1)
        await record(database, str(uuid4()), NOON, 5)
        await record(database, None, NOON, 5)
        found = await usage_of(gateway, made["key_id"], since=DAY_BEFORE, until=DAY_AFTER)
        await database.fetch("SELECT metrics.count_keys(100)")
        assert found == await usage_of(gateway, made["key_id"], since=DAY_BEFORE, until=DAY_AFTER)
    assert [(day["day"], day["predictions"]) for day in found["days"]] == [(DAY_BEFORE, 2), (DAY, 10)]
    assert found["total"] == NOTHING | {"predictions": 12}
    await gateway.delete(f"/keys/{made['key_id']}", headers=ADMIN)
    one = await usage_of(gateway, made["key_id"], since=DAY, until=DAY)
    assert one["total"]["predictions"] == 10, "of a revoked key, too"


async def test_what_makes_no_sense_is_refused(gateway: httpx.AsyncClient) -> None:
    made = await make(gateway, "reader", "read")
    path = f"/keys/{made['key_id']}/usage"
    for asked in (
        {"since": "2026-05-02", "until": "2026-05-01"},
        {"since": "2025-01-01", "until": "2026-05-01"},
        {"since": "0001-01-01", "until": "9999-12-31"},
        {"since": "today"},
    ):
        refused = await gateway.get(path, params=asked, headers=ADMIN)
        assert (refused.status_code, refused.json()["errors"][0]["location"]) == (422, "query.since"), asked
    for day in ("0001-01-01", "9999-12-31"):
        assert (await usage_of(gateway, made["key_id"], until=day))["days"] == []
    assert (await gateway.get(f"/keys/{UNKNOWN}/usage", headers=ADMIN)).status_code == 404
    assert (await gateway.get(path, headers=bearer(made["key"]))).status_code == 403
    assert (await gateway.get(path)).status_code == 401
