"""Alerts are shown with their evidence; thresholds and silences are changed with the token, and previewed without."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import expect

from console_tests.conftest import Console
from console_tests.test_admin_token import give
from shared.processes.waiting import wait_until
from shared.testing.admin import ADMIN, TOKEN

MODEL = {"model_name": "sentiment-lexicon"}
SURE = {"model_name": "sentiment-fast"}
LOOK_SECONDS = 90
"""Three of the watcher's intervals."""


@pytest.fixture
def slow(client: httpx.Client) -> Iterator[None]:
    """Every call of a model is too slow by its thresholds, and there are calls."""
    limits = {"max_inference_time_warning_ms": 0.0001, "max_inference_time_critical_ms": 0.0002}
    client.put("/metrics/thresholds", json=limits, params=MODEL, headers=ADMIN).raise_for_status()
    client.post("/predict/batch", json={"texts": ["Slow."] * 50, **MODEL}).raise_for_status()
    yield
    client.delete("/metrics/thresholds", params=MODEL, headers=ADMIN).raise_for_status()


def test_an_alert_is_shown_with_what_was_measured(console: Console, client: httpx.Client, slow: None) -> None:
    def is_open() -> bool:
        alerts = client.get("/metrics/alerts", params={"state": "open", **MODEL}).json()["alerts"]
        return any(alert["signal"] == "inference_time" for alert in alerts)

    wait_until(is_open, "the alert", deadline_seconds=LOOK_SECONDS)
    page = console.open("alerts?state=open&model=sentiment-lexicon")
    alert = page.locator(".alerts > li", has_text="inference time")
    expect(alert).to_contain_text("critical")
    expect(alert).to_contain_text("against 0.0002 (max inference time critical ms)")
    expect(alert).to_contain_text(re.compile(r"Since \d+ \w+ \d{4}, \d\d:\d\d:\d\d GMT\+3, still open"))
    page.get_by_role("link", name="Overview").click()
    expect(page.locator(".card", has_text="Open alerts")).to_contain_text("sentiment-lexicon")


def test_new_thresholds_are_previewed_and_kept_with_the_token_alone(console: Console, client: httpx.Client) -> None:
    client.post("/predict/batch", json={"texts": ["I love it."] * 20, **SURE}).raise_for_status()
    page = console.open("alerts?model=sentiment-fast")
    preview = page.locator("form", has_text="Keep these").get_by_role("status")
    expect(preview).to_contain_text(re.compile(r"confidence [\d.]+ . normal"))
    page.get_by_label("Confidence, warning below").fill("0.9999")
    page.keyboard.press("Tab")
    expect(preview).to_contain_text(re.compile(r"confidence [\d.]+ . warning"))
    assert client.get("/metrics/thresholds", params=SURE).json()["min_confidence_warning"] == 0.6
    page.get_by_role("button", name="Keep these").click()
    give(console, TOKEN)
    expect(page.get_by_text(re.compile(r"Version \d+, changed"))).to_be_visible()
    assert client.get("/metrics/thresholds", params=SURE).json()["min_confidence_warning"] == 0.9999
    client.delete("/metrics/thresholds", params=SURE, headers=ADMIN).raise_for_status()


def test_what_the_server_refuses_is_said_in_its_words(console: Console) -> None:
    page = console.open("alerts")
    page.get_by_label("Confidence, warning below").fill("0.1")
    page.get_by_role("button", name="Keep these").click()
    give(console, TOKEN)
    expect(page.get_by_role("alert")).to_contain_text("(422)")


def test_a_silence_is_made_and_ended(console: Console, client: httpx.Client) -> None:
    page = console.open("alerts")
    expect(page.get_by_text("Nothing is silenced.")).to_be_visible()
    page.locator("#silence-model").select_option("spam-words")
    page.get_by_label("Signal").select_option("drift")
    page.get_by_label("Reason").fill("A new version")
    page.get_by_role("button", name="Silence", exact=True).click()
    give(console, TOKEN)
    silence = page.locator("li", has_text="A new version")
    expect(silence).to_contain_text("spam-words, drift, until")
    (made,) = client.get("/metrics/silences").json()["silences"]
    assert (made["model_name"], made["signal"]) == ("spam-words", "drift")
    silence.get_by_role("button", name="End it").click()
    expect(page.get_by_text("Nothing is silenced.")).to_be_visible()
    assert client.get("/metrics/silences").json()["silences"] == []


def test_who_gives_no_token_changes_nothing(console: Console, client: httpx.Client) -> None:
    page = console.open("alerts")
    page.get_by_role("button", name="Silence", exact=True).click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert client.get("/metrics/silences").json()["silences"] == []
