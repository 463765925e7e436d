"""The admin token is asked for once, and lives in the tab's memory alone."""

from playwright.sync_api import expect

from console_tests.conftest import Console
from shared.testing.admin import TOKEN

STORES = """async () => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href,
                            (await indexedDB.databases()).length, await caches.keys()])"""


def give(console: Console, token: str) -> None:
    console.page.get_by_label("Token", exact=True).fill(token)
    console.page.keyboard.press("Enter")


def test_a_wrong_token_is_refused_and_the_right_one_opens_what_is_not_public(console: Console) -> None:
    page = console.open()
    expect(page.get_by_text("Cached reports are shown with the admin token.")).to_be_visible()
    page.get_by_role("button", name="Admin token", exact=True).click()
    shown: list[str] = []
    page.on("request", lambda request: shown.extend(filter(None, [request.headers.get("authorization")])))
    give(console, "certainly-not-the-token")
    expect(page.get_by_role("alert").filter(has_text="This is not the admin token.")).to_be_visible()
    assert shown == ["Bearer certainly-not-the-token"]  # once: wrong tokens are limited
    give(console, TOKEN)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_text("Cached reports are shown with the admin token.")).to_have_count(0)
    assert TOKEN not in page.evaluate(STORES)
    page.get_by_role("button", name="Forget admin token").click()
    expect(page.get_by_text("Cached reports are shown with the admin token.")).to_be_visible()


def test_a_page_that_is_loaded_anew_has_no_token(console: Console) -> None:
    page = console.open()
    page.get_by_role("button", name="Admin token", exact=True).click()
    give(console, TOKEN)
    expect(page.get_by_role("button", name="Forget admin token")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Admin token", exact=True)).to_be_visible()


def test_the_dialog_ends_with_escape_and_nothing_was_asked(console: Console) -> None:
    page = console.open()
    page.get_by_role("button", name="Admin token", exact=True).click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Admin token", exact=True)).to_be_visible()
