"""One request to a gateway, and what becomes of it when it is refused."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from modelserver.errors import CommandError, RefusedError, UsageError
from modelserver.problems import words_of

SECONDS = 30.0
"""For a response; a gateway gives its own requests to Postgres less."""

REPORT_SECONDS = 60.0
"""For a report, which Gemini may write; a gateway waits for less (UPSTREAM_TIMEOUT_SECONDS)."""

MOST_BYTES = 32 * 1_048_576
"""Of a response: a page of 1000 keys has some hundred kilobytes."""

ASKED_WRONGLY = frozenset({400, 405, 413, 414, 422})
REFUSED = frozenset({401, 403, 404, 409})


class NotNowError(CommandError):
    """No response, or one that says to come again. A change may have been made."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where requests go, and what is shown there."""

    session: aiohttp.ClientSession
    url: str

    async def ask(
        self,
        method: str,
        path: str,
        has: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """What it says, in which there is a field `has`. Raises UsageError, RefusedError, NotNowError."""
        return await self._ask(method, path, has, query, body, SECONDS, "" if method == "GET" else MAYBE)

    async def ask_for_report(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """A report; the same errors. Nothing is changed by asking."""
        return await self._ask("POST", "/analyze/performance", "summary", None, question, REPORT_SECONDS, "")

    async def _ask(
        self,
        method: str,
        path: str,
        has: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        seconds: float,
        otherwise: str,
    ) -> dict[str, Any]:
        """`otherwise`: what is said where no response comes within so many seconds."""
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with self.session.request(
                method, self.url + path, params=query, json=body, allow_redirects=False, timeout=timeout
            ) as response:
                data = await whole(response)
        except aiohttp.InvalidURL:
            raise UsageError(f"--url {self.url}: is no address such as https://models.example") from None
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            reason = str(error) or "no response in time"
            raise NotNowError(f"{self.url}: {reason}{otherwise}") from error
        require_success(response, data)
        return object_in(data, has, self.url)


MAYBE = "; it may have been done all the same: modelserver keys audit"


async def whole(response: aiohttp.ClientResponse) -> bytes:
    """The body. Raises UsageError for one that no gateway sends."""
    data = bytearray()
    async for block in response.content.iter_any():
        data += block
        if len(data) > MOST_BYTES:
            raise UsageError(f"{response.url}: says more than {MOST_BYTES} bytes; is it a gateway?")
    return bytes(data)


def require_success(response: aiohttp.ClientResponse, data: bytes) -> None:
    """Raises UsageError, RefusedError or NotNowError, in the gateway's words."""
    status = response.status
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise UsageError(f"the server is elsewhere: --url {response.headers.get('Location', '')}")
    said = f"{status}: {words_of(data) or response.reason or ''}"
    if status in ASKED_WRONGLY:
        raise UsageError(said)
    if status in REFUSED:
        raise RefusedError(said)
    after = response.headers.get("Retry-After")
    raise NotNowError(said + (f" (try again after {after} s)" if after else ""))


def object_in(data: bytes, has: str, url: str) -> dict[str, Any]:
    """A JSON object with such a field. Raises UsageError: whoever says something else is no gateway."""
    try:
        value = json.loads(data)
    except ValueError:
        value = None
    if not isinstance(value, dict) or has not in value:
        raise UsageError(f"{url}: does not speak as a gateway does; is the address right?")
    return value
