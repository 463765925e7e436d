"""What tests of keys do again and again."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx

from shared.testing.admin import ADMIN

UNKNOWN = "6f2c1a52-3c0e-4d2e-9a54-1f0d7b0c9a11"


async def make(gateway: httpx.AsyncClient, name: str = "checkout", *rights: str, **more: object) -> dict:
    """A new key, for predictions if nothing else is said."""
    body = {"name": name, "rights": list(rights or ["predict"]), **more}
    response = await gateway.post("/keys", json=body, headers=ADMIN)
    assert response.status_code == 201, response.text
    made: dict = response.json()
    return made


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def ask(
    gateway: httpx.AsyncClient, key: str, path: str = "/predict", method: str = "POST", address: str = "192.0.2.1"
) -> int:
    """What becomes of a request with this key."""
    headers = bearer(key) | {"X-Forwarded-For": address}
    return (await gateway.request(method, path, headers=headers)).status_code


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.02)
