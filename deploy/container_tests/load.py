"""Steady load from many clients, and what became of every request."""

import asyncio
import itertools
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp

CALLERS = 8
PAUSE_SECONDS = 0.03
"""Between two requests of a caller: steady load, not as much as goes through."""


@dataclass
class Load:
    """`with Load(url, path, body) as load:` sends requests all the while; each from an address of its own."""

    url: str
    path: str
    body: dict[str, Any] | None
    outcomes: Counter[int | str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._end = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    async def _run(self) -> None:
        addresses = (f"203.{a}.{b}.{c}" for a, b, c in itertools.product(range(256), range(256), range(1, 255)))
        timeout = aiohttp.ClientTimeout(total=30)
        async with aiohttp.ClientSession(self.url, timeout=timeout) as session:

            async def call() -> None:
                while not self._end.is_set():
                    await self._one(session, next(addresses))
                    await asyncio.sleep(PAUSE_SECONDS)

            await asyncio.gather(*(call() for _ in range(CALLERS)))

    async def _one(self, session: aiohttp.ClientSession, address: str) -> None:
        method = "GET" if self.body is None else "POST"
        try:
            async with session.request(
                method, self.path, json=self.body, headers={"X-Forwarded-For": address}
            ) as answer:
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            self.outcomes[type(error).__name__] += 1
            self.failures.append(repr(error))
        else:
            self.outcomes[answer.status] += 1
            if answer.status != 200:
                self.failures.append(f"{answer.status} {text[:200]}")
