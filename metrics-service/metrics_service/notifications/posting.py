"""One request to a receiver, whoever it is: taken, or the reason why not, and how long to leave it alone then."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import httpx

TIMEOUT_SECONDS = 5.0
"""A receiver that takes longer to respond is told again."""

MOST_DOUBLINGS = 10
"""No pause is longer than 2 ** 10 s, seventeen minutes."""


async def post(client: httpx.AsyncClient, url: str, body: bytes, headers: Mapping[str, str]) -> str | None:
    """None when the receiver took it, else why not. What it responds is not read: it may be endless."""
    try:
        async with (
            asyncio.timeout(TIMEOUT_SECONDS),
            client.stream("POST", url, content=body, headers=headers) as response,
        ):
            return None if response.is_success else f"status {response.status_code}"
    except (httpx.HTTPError, TimeoutError) as error:
        return type(error).__name__


def pause_after(failures: int, longest: timedelta) -> timedelta:
    """How long to leave a receiver alone that has failed so many times in a row: a second, then twice as long each."""
    return min(timedelta(seconds=2 ** min(failures - 1, MOST_DOUBLINGS)), longest)
