"""One request: rows go out, answers come in, both at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

import aiohttp

from modelserver.errors import UsageError
from modelserver.predicting.patience import retry_after_seconds
from modelserver.predicting.rows import Piece
from modelserver.problems import words_of

SILENCE_SECONDS = 330.0
"""Without a byte either way a connection is taken for dead. The server waits up to 300 s for room for the next rows."""

CONNECT_SECONDS = 10.0

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""What may be otherwise in a while."""

PROBLEM_BYTES = 65_536


class BrokenOffError(Exception):
    """The request has no complete answer; another one may have. `retry_after`: what the server asks for."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go."""

    url: str
    content_type: str
    headers: Mapping[str, str]


class Exchange:
    """`sent` is told what the server was given, `received` gets what it says."""

    def __init__(self, session: aiohttp.ClientSession, target: Target) -> None:
        self._session, self._target = session, target
        self._deadline: asyncio.Timeout | None = None

    async def run(
        self,
        query: Mapping[str, str],
        first: Piece,
        others: AsyncIterator[Piece],
        begun: Callable[[str | None, str | None], None],
        sent: Callable[[Piece], None],
        received: Callable[[bytes], None],
    ) -> None:
        """Returns when the response has its proper end. `begun`: name and version of the model that answers.

        Raises BrokenOffError, and UsageError for what the server will say every time.
        """
        try:
            async with asyncio.timeout(SILENCE_SECONDS) as self._deadline:
                async with self._session.post(
                    f"{self._target.url}/predict/batch",
                    params=query,
                    data=self._body(first, others, sent),
                    headers={"Content-Type": self._target.content_type, **self._target.headers},
                    expect100=True,  # who is refused has sent nothing yet
                    allow_redirects=False,
                ) as response:
                    await check(response)
                    begun(response.headers.get("X-Model-Name"), response.headers.get("X-Model-Version"))
                    async for data in response.content.iter_any():
                        self._alive()
                        received(data)
        except (aiohttp.ClientError, ConnectionError) as error:
            raise BrokenOffError(f"the connection broke: {str(error) or type(error).__name__}") from error
        except TimeoutError as error:
            raise BrokenOffError(f"nothing came from {self._target.url} for too long") from error

    def _alive(self, seconds: float | None = SILENCE_SECONDS) -> None:
        """None: the next move is our own."""
        if self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(None if seconds is None else asyncio.get_running_loop().time() + seconds)

    async def _body(
        self, first: Piece, others: AsyncIterator[Piece], sent: Callable[[Piece], None]
    ) -> AsyncIterator[bytes]:
        piece: Piece | None = first
        while piece is not None:
            yield piece.data
            sent(piece)
            self._alive(None)
            piece = await anext(others, None)
            self._alive()


async def check(response: aiohttp.ClientResponse) -> None:
    """Raises BrokenOffError or UsageError unless it is a stream of answers."""
    status = response.status
    if status == 200:
        return
    if 300 <= status < 400:
        raise UsageError(f"the server is elsewhere: --url {response.headers.get('Location', '')}")
    said = words_of(await response.content.read(PROBLEM_BYTES)) or response.reason or ""
    if status in PASSING:
        raise BrokenOffError(f"{status}: {said}", retry_after_seconds(response.headers.get("Retry-After")))
    raise UsageError(f"{status}: {said}")
