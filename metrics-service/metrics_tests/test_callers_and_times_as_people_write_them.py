"""A caller is found by any way to write its address, and a time by a URL that somebody typed."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import httpx
import pytest

from metrics_service.api.caller_name import digest_of
from metrics_tests.rows import Row, insert
from shared.http.caller import caller_digest
from shared.testing.postgres import Database

DIGEST = UUID(caller_digest("2001:db8::/64"))


@pytest.mark.parametrize(
    ("written", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::/64", "2001:db8::/64"),
        ("2001:DB8:0::5", "2001:db8::/64"),
        ("2001:db8::5/64", "2001:db8::/64"),
        ("[2001:db8::5%eth0]", "2001:db8::/64"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("192.0.2.1/64", "192.0.2.1/64"),
        ("somebody", "somebody"),
    ],
)
def test_an_address_is_what_the_gateway_counts_it_as(written: str, counted: str) -> None:
    assert digest_of(written) == UUID(caller_digest(counted))


@pytest.mark.parametrize("written", [DIGEST.hex, DIGEST.hex.upper(), str(DIGEST)])
def test_a_digest_is_itself(written: str) -> None:
    assert digest_of(written) == DIGEST


async def test_who_is_erased_by_an_address_is_gone(client: httpx.AsyncClient, database: Database) -> None:
    await insert(database, [Row(caller=DIGEST), Row(caller=DIGEST)])
    answer = await client.delete("/predictions", params={"caller": "2001:db8::77"})
    assert answer.json()["predictions"] == 2


async def test_a_plus_that_was_not_escaped_is_a_plus(client: httpx.AsyncClient, database: Database) -> None:
    noon = datetime.now(UTC).replace(microsecond=0)
    await insert(database, [Row(created_at=noon), Row(created_at=noon - timedelta(seconds=1))])
    east = noon.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat()
    assert east.endswith("+05:30")
    found = (await client.get(f"/predictions?since={east}")).raise_for_status().json()["predictions"]
    assert [datetime.fromisoformat(one["timestamp"]) for one in found] == [noon]
    assert (await client.get("/predictions?since=2026-01-01T00:00:00+")).status_code == 422
