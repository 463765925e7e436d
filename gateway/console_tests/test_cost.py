"""Ten open consoles are hardly noticed by the gateway."""

import time

from playwright.sync_api import Browser

from console_tests.conftest import Console
from tests.stack import LocalStack

CONSOLES = 10
ROUNDS = 100
"""Of their charts, over all of them: about twenty seconds."""

SHARE_OF_A_CORE = 0.03


def test_ten_consoles_cost_the_gateway_less_than_three_hundredths_of_a_core(
    console: Console, browser: Browser, stack: LocalStack
) -> None:
    first = console.open()
    tabs = [first, *(first.context.new_page() for _ in range(CONSOLES - 1))]
    for tab in tabs[1:]:
        tab.goto(f"{console.url}/console#/overview")
    for tab in tabs:
        tab.wait_for_function("() => document.querySelector('.freshness')?.textContent.startsWith('As of')")
    asked: list[str] = []
    for tab in tabs:
        tab.on("response", lambda response: asked.append(response.url) if "timeseries" in response.url else None)
    gateway = stack.process_of("gateway")
    before, began = gateway.cpu_times(), time.monotonic()
    while len(asked) < ROUNDS:
        first.wait_for_timeout(200)
    after, took = gateway.cpu_times(), time.monotonic() - began
    share = (after.user + after.system - before.user - before.system) / took
    print(f"{CONSOLES} consoles: {share:.2%} of a core, {len(asked) / took:.1f} rounds a second")
    assert share < SHARE_OF_A_CORE
