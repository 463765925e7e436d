"""What could not be loaded is said, tried again, and there once whoever was away is back."""

import re

import pytest
from playwright.sync_api import Page, expect

from console_tests.conftest import Console

LOOK_AGAIN = "document.dispatchEvent(new Event('visibilitychange'))"
"""What a tab does when it is seen again: it asks at once."""


def away(page: Page, pattern: str) -> None:
    page.route(pattern, lambda route: route.abort())


@pytest.mark.parametrize(
    ("address", "pattern", "there"),
    [
        ("playground", "**/models", "#input-0"),
        ("alerts", "**/metrics/thresholds", "#min_confidence_warning"),
        ("models?card=sentiment&version=2.1.0", "**/card", ".prose h2"),
        ("models?compare=sentiment&version=2.1.0", "**/metrics/compare", "section .badge"),
    ],
)
def test_what_is_asked_for_once_is_asked_for_until_it_is_there(
    console: Console, address: str, pattern: str, there: str
) -> None:
    page = console.page
    away(page, pattern)
    console.open(address)
    expect(page.get_by_role("alert")).to_contain_text("The gateway cannot be reached.")
    page.unroute(pattern)
    expect(page.locator(there).first).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_choices_of_a_model_come_when_the_models_do(console: Console) -> None:
    page = console.page
    away(page, "**/models")
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/models")):
        console.open()
    page.unroute("**/models")
    expect(page.get_by_label("Model", exact=True).locator("option", has_text="churn")).to_have_count(1)


@pytest.mark.parametrize("address", ["record?model_name=sentiment", "record?review=sentiment"])
def test_the_record_goes_on_where_it_broke_off(console: Console, address: str) -> None:
    page = console.open(address)
    away(page, "**/predictions*")
    away(page, "**/predictions/review*")
    console.unlock()
    expect(page.get_by_role("alert")).to_contain_text("The gateway cannot be reached.")
    page.unroute_all()
    expect(page.locator(".queue li, tbody tr").nth(4)).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_one_prediction_is_shown_while_its_model_is_not_known(console: Console) -> None:
    said = console.page.request.post(f"{console.url}/predict", data={"text": "Quite good."}).json()
    page = console.open(f"record?id={said['prediction_id']}")
    away(page, "**/models")
    console.unlock()
    expect(page.locator(".facts")).to_contain_text(said["prediction_id"])
    expect(page.get_by_role("alert")).to_contain_text("The gateway cannot be reached.")


def test_a_status_that_was_not_known_is_said_again(console: Console) -> None:
    page = console.open("overview?window=1440")
    status = page.locator(".tile", has_text="Status")
    expect(status).to_contain_text(re.compile("thresholds met|:"))
    away(page, "**/metrics/aggregated")
    page.evaluate(LOOK_AGAIN)
    expect(status).to_contain_text("not known now")
    page.unroute("**/metrics/aggregated")
    page.evaluate(LOOK_AGAIN)
    expect(status).not_to_contain_text("not known now")
    expect(status).to_contain_text(re.compile("thresholds met|:"))


def test_a_page_whose_files_do_not_come_says_so_and_comes(console: Console) -> None:
    page = console.page
    away(page, "**/pages/alerts.js")
    console.open("alerts")
    expect(page.get_by_role("alert")).to_have_text("This page could not be loaded. Trying again.")
    page.unroute("**/pages/alerts.js")
    expect(page.get_by_role("button", name="Keep these")).to_be_visible()
