"""Constant load through the gateway, and what became of each request."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import httpx

from shared.processes.waiting import wait_until

THREADS = 8
BATCH_TEXTS = 3
ALL_LENGTHS = range(10, 10_000)
REFUSED = {502, 503, 504}
"""What the gateway may answer while a service is gone."""

_words = "a fine and rather long day at the sea, "


@dataclass(frozen=True)
class Request:
    """One request. Its texts have `length` characters: where no other's have as many, the record tells whose they are.

    `answer` is the answer's predictions; None: it was refused, or cut off on its way.
    """

    length: int
    texts: int
    answer: list[dict] | None


class Callers:
    """`with` they ask one thing after the other, each request from an address of its own."""

    def __init__(self, url: str, model: str, lengths: Iterable[int] = ALL_LENGTHS) -> None:
        self.url, self.model = url, model
        self.done: list[Request] = []
        self.unexpected: list[str] = []
        self.refusals: Counter[int] = Counter()
        self._lengths = iter(lengths)
        self._addresses = (f"100.{64 + n // 65_536 % 64}.{n // 256 % 256}.{n % 256}" for n in itertools.count())
        self._lock, self._stopped = threading.Lock(), threading.Event()

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=self._call, daemon=True) for _ in range(THREADS)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def answered(self) -> int:
        """How many requests were answered so far."""
        return sum(request.answer is not None for request in list(self.done))

    def until_answered(self, more: int) -> None:
        """Returns once so many more requests were answered."""
        enough = self.answered() + more
        wait_until(lambda: self.answered() >= enough, f"{more} answers", self._still_call, deadline_seconds=120)

    def _still_call(self) -> None:
        if not any(thread.is_alive() for thread in self._threads):
            raise RuntimeError(f"no caller is left: {self.unexpected or 'all lengths are used up'}")

    def _call(self) -> None:
        with httpx.Client(base_url=self.url, timeout=60) as client:
            while not self._stopped.is_set():
                with self._lock:
                    length, address = next(self._lengths, None), next(self._addresses)
                if length is None:
                    return
                self.done.append(self._ask(client, length, {"X-Forwarded-For": address}))

    def _ask(self, client: httpx.Client, length: int, headers: dict[str, str]) -> Request:
        """Every other request is a batch."""
        text = (_words * (length // len(_words) + 1))[: length - 1] + "."
        common = {"model_name": self.model, "include_metrics": False}
        texts = 1 if length % 2 else BATCH_TEXTS
        if texts == 1:
            answer = client.post("/predict", json={"text": text, **common}, headers=headers)
        else:
            answer = client.post("/predict/batch", json={"texts": [text] * texts, **common}, headers=headers)
        if answer.status_code != 200:
            self.refusals[answer.status_code] += 1
            if answer.status_code not in REFUSED:
                self.unexpected.append(f"{answer.status_code}: {answer.text}")
            time.sleep(0.02)  # a caller who is refused does not hammer
            return Request(length, texts, None)
        body = answer.json()
        return Request(length, texts, [body] if texts == 1 else body["predictions"])
