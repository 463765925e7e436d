"""What do open consoles cost, and how soon is there a picture? With a real Chromium, on a stack with some predictions.

Ten open overviews: their share of the gateway, with and without them. The stack's rate beside what ten consoles ask
for, in the rhythm of a real one but by a client that draws nothing: the browsers of ten people are not on this machine.
A first visit while two programs keep the processors busy.
"""

import asyncio
import itertools
import multiprocessing
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import aiohttp

from benchmarks.harness.browser import Asked, asked_by_a_console, chromium, consoles, picture
from benchmarks.harness.load import wrk
from benchmarks.harness.report import Bar, Result, Table, bar
from benchmarks.harness.servers import Server
from benchmarks.harness.turns import Sample, alternate
from benchmarks.options import Options
from benchmarks.targets import OUR_BODY, PREDICT, stack_server

TITLE = "The console"
CONSOLES, CONNECTIONS, BUSY = 10, 64, 2
GATEWAY_PERCENT, RATE_PERCENT, PICTURE_MS, KILOBYTES = 3.0, 2.0, 1000.0, 300.0
LISTENED_SECONDS = 30
"""To one console, so that what it asks for every fifteen seconds is among it."""


def run(options: Options) -> Result:
    """Everything, on one stack."""
    if shutil.which("chromium") is None:
        return Result(TITLE, skipped=["console: chromium is missing: apt-get install chromium"])
    stack = stack_server(options.folder / "console", INGRESS_LIMITS="1000000/1s")
    with stack.running(PREDICT), chromium() as browser:
        url = f"http://127.0.0.1:{stack.port}"
        wrk(f"{url}/predict", 1, options.of(2), OUR_BODY)
        with busy_cores():
            pictures = [picture(browser, url) for _ in range(options.short_turns)]
        asked = asked_by_a_console(browser, url, options.of(LISTENED_SECONDS))

        def with_consoles() -> Shares:
            with consoles(browser, url, CONSOLES) as page:
                return shares_of(stack, lambda: page.wait_for_timeout(options.of(15) * 1000))

        shares = alternate(
            {True: with_consoles, False: lambda: shares_of(stack, lambda: time.sleep(options.of(15)))}, options.turns
        )
        rates = alternate(
            {True: lambda: rate_beside(stack, asked, options), False: lambda: rate_of(stack, options)},
            options.short_turns,
        )
    found = Found(
        added(shares, lambda one: one.gateway),
        added(shares, lambda one: one.stack),
        Sample(rates[True]),
        Sample(rates[False]),
        Sample([one.first_paint_ms for one in pictures]),
        Sample([one.first_chart_ms for one in pictures]),
        Sample([one.bytes_of_files / 1000 for one in pictures]),
    )
    return Result(TITLE, bars(found), [Table("", ["", "measured"], rows(found))])


class Shares(NamedTuple):
    """Processor time, in percent of one core."""

    gateway: float
    stack: float
    """With all services and stores."""


class Found(NamedTuple):
    """What was measured."""

    gateway: Sample
    stack: Sample
    beside: Sample
    alone: Sample
    paint: Sample
    chart: Sample
    kilobytes: Sample


def bars(found: Found) -> list[Bar]:
    """What the console may cost."""
    lost = Sample([100 * (1 - ratio) for ratio in found.beside.over(found.alone).values])
    wanted = (
        (f"{CONSOLES} open consoles: share of a core of the gateway", GATEWAY_PERCENT, "%", found.gateway),
        (f"{CONSOLES} open consoles: loss of the stack's rate", RATE_PERCENT, "%", lost),
        ("console: first chart on two busy cores", PICTURE_MS, "ms", found.chart),
        ("console: all files that a first visit loads", KILOBYTES, "kB", found.kilobytes),
    )
    return [bar("gateway", what, "at most", most, unit, sample) for what, most, unit, sample in wanted]


def rows(found: Found) -> list[list[str | Sample]]:
    """All of it."""
    return [
        ["% of a core, ten consoles, gateway", found.gateway],
        ["% of a core, ten consoles, all services and stores", found.stack],
        ["predictions/s beside ten consoles", found.beside],
        ["predictions/s alone", found.alone],
        ["ms until the first text, two busy cores", found.paint],
        ["ms until the first chart, two busy cores", found.chart],
        ["kB of files, as they are on disk", found.kilobytes],
    ]


def added(shares: Mapping[bool, list[Shares]], share: Callable[[Shares], float]) -> Sample:
    """What consoles add to what there is without them, turn by turn."""
    beside, alone = (Sample([share(one) for one in shares[key]]) for key in (True, False))
    return beside.minus(alone)


def shares_of(stack: Server, wait: Callable[[], None]) -> Shares:
    """While somebody waits."""
    before, began = seconds_of(stack), time.monotonic()
    wait()
    after, took = seconds_of(stack), time.monotonic() - began
    return Shares(*(100 * (now - then) / took for now, then in zip(after, before, strict=True)))


def seconds_of(stack: Server) -> tuple[float, float]:
    """Processor time until now, of the gateway and of all."""
    used = stack.spent()
    return used["gateway"], sum(used.values())


def rate_of(stack: Server, options: Options) -> float:
    """Predictions a second, flat out."""
    return wrk(f"http://127.0.0.1:{stack.port}/predict", CONNECTIONS, options.of(6), OUR_BODY).rate


def rate_beside(stack: Server, asked: Sequence[Asked], options: Options) -> float:
    """The same while what ten consoles ask for is asked."""
    over = threading.Event()
    asking = threading.Thread(target=lambda: asyncio.run(ask(stack.port, asked, options.of(LISTENED_SECONDS), over)))
    asking.start()
    try:
        return rate_of(stack, options)
    finally:
        over.set()
        asking.join()


async def ask(port: int, asked: Sequence[Asked], period: float, over: threading.Event) -> None:
    """Ten consoles, each at its own moment of what one was heard to ask, round and round."""
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        ten = [
            asyncio.create_task(one_console(session, asked, period, number / CONSOLES)) for number in range(CONSOLES)
        ]
        while not over.is_set():
            await asyncio.sleep(0.05)
        for one in ten:
            one.cancel()
        await asyncio.gather(*ten, return_exceptions=True)


async def one_console(session: aiohttp.ClientSession, asked: Sequence[Asked], period: float, offset: float) -> None:
    """Asks in the rhythm of a real one until it is cancelled. A console never has two of the same under way."""
    loop = asyncio.get_running_loop()
    began = loop.time() - offset * period
    for turn in itertools.count():
        for one in asked:
            pause = began + turn * period + one.after_seconds - loop.time()
            if pause < 0 and turn == 0:
                continue  # before this console came
            await asyncio.sleep(max(pause, 0))
            headers = {"Content-Type": "application/json"} if one.body else {}
            async with session.request(one.method, one.path, data=one.body or None, headers=headers) as response:
                await response.read()


@contextmanager
def busy_cores() -> Iterator[None]:
    """As many processes as there are cores here keep them busy."""
    processes = [multiprocessing.get_context("spawn").Process(target=spin, daemon=True) for _ in range(BUSY)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def spin() -> None:
    """Until it is killed."""
    while True:
        pass
