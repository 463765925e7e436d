"""Without an ingress limit, for some networks or for all; and a limit that only says whom it would refuse."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from gateway.limit.exempt import Exempt
from gateway.settings import parse_networks
from gateway_tests.conftest import StartGateway, UpstreamServer
from gateway_tests.keys import bearer, make
from gateway_tests.process import gateway_server
from shared.testing.postgres import Database


async def ask(gateway: httpx.AsyncClient, address: str, key: str | None = None) -> httpx.Response:
    headers = {"X-Forwarded-For": address} | ({} if key is None else bearer(key))
    return await gateway.post("/predict", json={}, headers=headers)


async def statuses(gateway: httpx.AsyncClient, address: str, count: int, key: str | None = None) -> list[int]:
    return [(await ask(gateway, address, key)).status_code for _ in range(count)]


async def test_exempt_networks_have_no_limit_and_all_others_have(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(ingress_limits="2/60s", ingress_exempt="192.0.2.0/28,2001:db8:1::/48")
    limited, free = await make(gateway, "limited", limits="1/60s"), await make(gateway, "free")
    for address in ("192.0.2.1", "2001:db8:1::7"):
        assert await statuses(gateway, address, 5) == [200] * 5
        assert "ratelimit" not in (await ask(gateway, address)).headers
    assert await statuses(gateway, "192.0.2.16", 3) == [200, 200, 429]
    assert await statuses(gateway, "192.0.2.1", 4, free["key"]) == [200] * 4
    assert await statuses(gateway, "192.0.2.1", 2, limited["key"]) == [200, 429]


async def test_where_the_limit_is_off_only_keys_have_theirs(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(ingress_limits="off")
    limited = await make(gateway, limits="2/60s")
    assert set(await statuses(gateway, "192.0.2.1", 80)) == {200}
    assert await statuses(gateway, "192.0.2.1", 3, limited["key"]) == [200, 200, 429]


async def test_a_dry_run_refuses_nobody_and_says_whom_it_would_have(
    database: Database, upstream: UpstreamServer, tmp_path: Path
) -> None:
    settings = {"INGRESS_LIMITS": "2/60s", "INGRESS_DRY_RUN": "true", "LOG_FORMAT": "json"}
    async with (
        gateway_server(database, upstream, tmp_path, **settings) as process,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{process.port}", timeout=20) as gateway,
    ):
        key = await make(gateway, limits="1/60s")
        responses = [await ask(gateway, "192.0.2.1") for _ in range(4)]
        responses += [await ask(gateway, "192.0.2.1", key["key"]) for _ in range(2)]
    assert {response.status_code for response in responses} == {200}
    told = [response.headers.get("x-ratelimit-dry-run") for response in responses]
    assert told == [None, None, "refused", "refused", None, "refused"]
    assert responses[2].headers["x-ratelimit-remaining"] == "0"
    lines = [json.loads(line) for line in (await asyncio.to_thread(process.log.read_text)).splitlines()]
    noted = [line["counted_as"] for line in lines if line["event"] == "ingress limit would have refused"]
    assert noted == ["192.0.2.1", "192.0.2.1", f"key:{key['key_id']}"]


@pytest.mark.parametrize(
    ("networks", "off", "address", "exempt"),
    [
        ("", False, "192.0.2.1", False),
        ("", True, "192.0.2.1", True),
        ("192.0.2.1", False, "192.0.2.1", True),
        ("192.0.2.1", False, "192.0.2.2", False),
        ("0.0.0.0/0", False, "2001:db8::1", False),
        ("::/0", False, "unknown", False),
        ("", True, "unknown", True),
    ],
)
def test_who_is_exempt(networks: str, off: bool, address: str, exempt: bool) -> None:
    assert Exempt(parse_networks(networks), off=off).has(address) is exempt
