"""The overview shows what the API says, at once, and says so when it cannot."""

import re
import signal

import httpx
from playwright.sync_api import Page, expect

from console_tests.conftest import Console
from tests.stack import LocalStack

LIVE_SECONDS = 2
RETURN_MS = 150_000
"""Until a service is back on a busy machine; on a quiet one it takes five seconds."""

BUSY_SECONDS = 3
"""What two busy cores may add to that."""


def tile(page: Page, name: str) -> str:
    return page.locator(".tile", has=page.get_by_text(name, exact=True)).locator(".value").inner_text()


def predictions_shown(page: Page) -> int:
    return int(tile(page, "Predictions").replace(",", ""))


def test_the_numbers_are_those_of_the_api(console: Console, client: httpx.Client) -> None:
    page = console.open("overview?window=1440")
    expect(page.locator(".freshness")).to_contain_text("As of")
    page.wait_for_function("() => document.querySelector('main').innerText.includes('thresholds met')")
    series = client.post("/metrics/timeseries", json={"time_window_minutes": 1440, "bucket_minutes": 15}).json()
    assert predictions_shown(page) == sum(bucket["total_predictions"] for bucket in series["buckets"])
    said = client.post("/metrics/aggregated", json={"time_window_minutes": 1440}).json()
    assert abs(float(tile(page, "Average confidence")) - said["average_confidence"]) < 0.001  # of a bucket at the edge
    assert tile(page, "Latency p95") == f"{said['p95_inference_time_ms']:.3g} ms"
    legend = page.locator(".chart", has_text="Labels").locator(".legend")
    expect(legend).to_contain_text(re.compile(r"ham \d+ %.*negative \d+ %.*positive \d+ %"))


def test_times_have_their_zone(console: Console) -> None:
    expect(console.open().locator(".freshness")).to_have_text(re.compile(r"As of \d\d:\d\d:\d\d GMT\+3"))


def test_a_prediction_shows_within_two_seconds_and_nothing_is_built_anew(
    console: Console, client: httpx.Client
) -> None:
    page = console.open()
    expect(page.locator(".freshness")).to_contain_text("As of")
    page.evaluate("document.querySelectorAll('main .tile, main canvas').forEach((node) => { node.isOld = true })")
    before = predictions_shown(page)
    client.post("/predict/batch", json={"texts": ["A good day."] * 200}).raise_for_status()
    page.wait_for_function(
        """least => [...document.querySelectorAll(".tile")].some(tile =>
           tile.querySelector("dt").textContent === "Predictions"
           && Number(tile.querySelector(".value").textContent.replaceAll(",", "")) >= least)""",
        arg=before + 150,
        timeout=(LIVE_SECONDS + BUSY_SECONDS) * 1000,
    )
    page.wait_for_function("() => !/^0 /.test(document.querySelectorAll('.tile .value')[1].textContent)")
    assert page.evaluate("[...document.querySelectorAll('main .tile, main canvas')].every((node) => node.isOld)")


def test_the_window_and_the_model_are_part_of_the_address(console: Console) -> None:
    page = console.open()
    page.get_by_role("link", name="6 h").click()
    expect(page).to_have_url(re.compile(r"window=360"))
    page.get_by_label("Model", exact=True).select_option("spam-words")
    expect(page).to_have_url(re.compile(r"window=360&model=spam-words"))
    legend = page.locator(".chart", has_text="Labels").locator(".legend")
    expect(legend).to_contain_text("ham")
    assert "positive" not in legend.inner_text()
    page.go_back()
    expect(page.locator(".chart", has_text="Labels").locator(".legend")).to_contain_text("positive")


def test_arrow_keys_move_through_a_chart_and_its_legend_follows(console: Console) -> None:
    page = console.open("overview?window=60")
    chart = page.locator(".chart", has_text="Latency of the model")
    expect(chart.locator("canvas")).to_be_visible()
    expect(chart.locator(".when")).to_contain_text("latest")
    chart.locator(".plot").focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    expect(chart.locator(".when")).not_to_contain_text("latest")
    first = chart.locator(".when").inner_text()
    page.keyboard.press("ArrowLeft")
    expect(chart.locator(".when")).not_to_have_text(first)


def test_refused_requests_are_counted_by_reason(console: Console, stack: LocalStack, client: httpx.Client) -> None:
    """Of another client than the tests, which are to be let in."""
    before = client.get("/limits/refusals").json()["total"]
    page = console.open("overview?window=60")
    tile = page.locator(".tile", has_text="Refused").locator(".value")
    expect(tile).to_have_text(f"{before}")
    transport = httpx.HTTPTransport(local_address="127.0.0.2")
    refused = 0
    with httpx.Client(base_url=stack.url, transport=transport, headers={"Authorization": "Bearer wrong"}) as stranger:
        while refused < 3:
            refused += stranger.get("/analyze/quota").status_code == 429
    expect(tile).to_have_text(f"{before + 3}")
    chart = page.locator(".chart", has_text="Refused requests")
    expect(chart.locator(".legend")).to_contain_text(re.compile("quota used up.*wrong tokens"))


def test_the_numbers_of_a_chart_can_be_read_as_a_table(console: Console) -> None:
    page = console.open("overview?window=60")
    chart = page.locator(".chart", has_text="Average confidence")
    expect(chart.locator("canvas")).to_be_visible()
    chart.get_by_text("Numbers").click()
    expect(chart.locator("tbody tr")).to_have_count(61)


def test_a_hidden_page_asks_for_nothing(console: Console) -> None:
    page = console.page
    page.clock.install()
    console.open()
    expect(page.locator(".freshness")).to_contain_text("As of")
    asked: list[str] = []
    hide = """hidden => { Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
                          document.dispatchEvent(new Event("visibilitychange")); }"""
    page.evaluate(hide, arg=True)
    page.clock.run_for(1000)  # what was under way ends
    page.on("request", lambda request: asked.append(request.url) if "/console/" not in request.url else None)
    page.clock.run_for(120_000)
    assert asked == []
    with page.expect_request("**/metrics/timeseries"):
        page.evaluate(hide, arg=False)


def test_a_service_that_is_away_is_named_and_comes_back(console: Console, stack: LocalStack) -> None:
    page = console.open()
    expect(page.locator(".freshness")).to_contain_text("As of")
    supervisor = stack.process_of("supervisor")
    supervisor.send_signal(signal.SIGSTOP)  # so that it is not started again at once
    try:
        stack.process_of("metrics_service").kill()
        expect(page.locator(".freshness")).to_contain_text(re.compile(r"As of .* Stale: .* Trying again"))
        expect(page.locator("#system")).to_contain_text("degraded")
        expect(page.locator(".service", has_text="metrics-service")).to_contain_text("not reachable")
        assert predictions_shown(page) > 0  # what was known stays
    finally:
        supervisor.send_signal(signal.SIGCONT)
    expect(page.locator(".freshness")).not_to_contain_text("Stale", timeout=RETURN_MS)
    expect(page.locator("#system")).to_contain_text("all well", timeout=RETURN_MS)


def test_a_gateway_that_is_away_is_said(console: Console, stack: LocalStack) -> None:
    page = console.open()
    expect(page.locator(".freshness")).to_contain_text("As of")
    page.context.set_offline(True)
    expect(page.locator(".freshness")).to_contain_text("The gateway cannot be reached.")
    page.context.set_offline(False)
    expect(page.locator(".freshness")).not_to_contain_text("Stale")
