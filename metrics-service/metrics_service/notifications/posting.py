"""One request to a receiver, whoever it is: taken, or the reason why not."""

import asyncio
from collections.abc import Mapping

import httpx

TIMEOUT_SECONDS = 5.0
"""A receiver that takes longer to respond is told again."""


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
