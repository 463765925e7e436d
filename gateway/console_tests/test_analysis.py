"""A report is asked for, read, and compared with the one before; quota, costs and cache are the operator's."""

import httpx
from playwright.sync_api import Page, expect

from console_tests.conftest import Console
from console_tests.test_admin_token import give
from shared.testing.admin import ADMIN, TOKEN


def ask(page: Page) -> None:
    page.get_by_role("button", name="Ask for a report").click()


def test_a_report_says_who_wrote_it_of_what_and_how_old_it_is(console: Console, client: httpx.Client) -> None:
    client.delete("/analyze/cache", headers=ADMIN).raise_for_status()
    page = console.open("analysis?window=360")
    ask(page)
    card = page.locator(".card", has=page.get_by_role("heading", name="Report", exact=True))
    expect(card).to_contain_text("Written by rules (no api key), made just now")
    said = client.post("/analyze/performance", json={"time_window_minutes": 360}).json()
    expect(card.locator(".lead")).to_have_text(said["summary"])
    for issue in said["identified_issues"]:
        expect(card).to_contain_text(issue["description"])
    for recommendation in said["recommendations"]:
        expect(card).to_contain_text(recommendation)


def test_another_report_is_compared_with_the_one_before(console: Console) -> None:
    page = console.open("analysis?window=360")
    ask(page)
    expect(page.locator(".lead")).to_be_visible()
    page.get_by_role("link", name="15 min").click()
    ask(page)
    expect(page.get_by_role("region", name="Compared with the report before")).to_contain_text("Predictions")


def test_quota_ledger_and_cache_are_shown_with_the_token(console: Console, client: httpx.Client) -> None:
    client.post("/analyze/performance", json={}).raise_for_status()
    page = console.open("analysis")
    page.get_by_role("button", name="Give the admin token").click()
    give(console, TOKEN)
    expect(page.get_by_text("0 of 10 calls used in 60 s.")).to_be_visible()
    expect(page.get_by_role("region", name="Ledger").get_by_role("row")).to_have_count(8)
    expect(page.get_by_role("region", name="Cached reports")).to_contain_text("all models, 60 min")
    page.get_by_role("button", name="Empty the cache").click()
    expect(page.get_by_role("region", name="Cached reports")).to_have_count(0)
    assert client.get("/analyze/cache", headers=ADMIN).json()["reports"] == []
