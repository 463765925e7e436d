"""Ten open consoles ask little: what they cost the gateway is printed, and how often they ask is held to a bound."""

import time

from playwright.sync_api import Browser

from console_tests.conftest import Console
from tests.stack import LocalStack

CONSOLES = 10
ROUNDS = 100
"""Of their charts, over all of them: about twenty seconds."""

REQUESTS_PER_SECOND = 1
"""Of one console at most: its charts every two seconds, alerts, health and the report every fifteen."""


def test_ten_consoles_ask_at_most_once_a_second_each(console: Console, browser: Browser, stack: LocalStack) -> None:
    first = console.open()
    tabs = [first, *(first.context.new_page() for _ in range(CONSOLES - 1))]
    for tab in tabs[1:]:
        tab.goto(f"{console.url}/console#/overview")
    for tab in tabs:
        tab.wait_for_function("() => document.querySelector('.freshness')?.textContent.startsWith('As of')")
    asked: list[str] = []
    for tab in tabs:
        tab.on("request", lambda request: asked.append(request.url) if "/console/" not in request.url else None)
    gateway = stack.process_of("gateway")
    before, began = gateway.cpu_times(), time.monotonic()
    while sum("timeseries" in url for url in asked) < ROUNDS:
        first.wait_for_timeout(200)
    after, took = gateway.cpu_times(), time.monotonic() - began
    share = (after.user + after.system - before.user - before.system) / took
    print(f"{CONSOLES} consoles: {share:.2%} of a core of the gateway, {len(asked) / took:.1f} requests a second")
    assert len(asked) <= CONSOLES * REQUESTS_PER_SECOND * (took + 1)
