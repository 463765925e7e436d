"""Keys are made, changed, replaced and revoked in the console; a key is on the page once, and gone with it."""

import re
from collections.abc import Iterator

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from console_tests.conftest import MARKUP, SIZES, Console
from console_tests.test_every_page import RULES
from shared.testing.admin import ADMIN

KEY = re.compile(r"msk_[\w-]{43}")


@pytest.fixture
def name(client: httpx.Client) -> Iterator[str]:
    """Of a key that is revoked in the end."""
    yield "of the console"
    for key in client.get("/keys", headers=ADMIN).json()["keys"]:
        client.delete(f"/keys/{key['key_id']}", headers=ADMIN).raise_for_status()


def card(page: Page, heading: str | re.Pattern[str]) -> Locator:
    return page.locator("section.card", has=page.get_by_role("heading", name=heading, exact=True))


def seen(page: Page) -> str:
    """All that a script on the page could find of a key."""
    return str(page.evaluate("document.documentElement.outerHTML + location.href + JSON.stringify(history.state)"))


def status(client: httpx.Client, key: str) -> int:
    return client.get("/predictions", params={"limit": 1}, headers={"X-API-Key": key}).status_code


def test_the_life_of_a_key(console: Console, client: httpx.Client, name: str) -> None:
    page = console.open("keys")
    expect(page.get_by_role("button", name="Give the admin token")).to_be_visible()
    console.unlock()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    form = card(page, "Another key")
    form.get_by_label("Name", exact=True).fill(name)
    form.get_by_label("Numbers and the record").check()
    form.get_by_label("Note").fill(MARKUP)
    form.get_by_label("Limits").fill("many")
    form.get_by_role("button", name="Make it").click()
    expect(form.get_by_role("alert")).to_contain_text("body.limits")
    form.get_by_label("Limits").fill("600/60s")
    form.get_by_label("Expires").fill("2035-01-31T10:00:00")
    form.get_by_role("button", name="Make it").click()

    shown = card(page, f"The key of {name}")
    first = shown.locator("pre").inner_text()
    assert KEY.fullmatch(first)
    shown.get_by_role("button", name="Copy").click()
    expect(shown.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == first
    assert status(client, first) == 200
    row = page.get_by_role("region", name="Keys by name").get_by_role("row", name=name)
    expect(row).to_contain_text("predict, read")
    expect(row).to_contain_text("31 Jan 2035, 10:00:00")  # in the reader's zone, three hours ahead of UTC

    row.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    assert first not in seen(page)
    page.go_back()
    expect(row).to_be_visible()
    assert first not in seen(page)
    row.get_by_role("link", name=name).click()

    form = card(page, "Change it")
    form.get_by_role("button", name="Put it in force").click()
    expect(form).to_contain_text("Nothing is different.")
    form.get_by_label("Numbers and the record").uncheck()
    form.get_by_label("Limits").fill("")
    form.get_by_label("Most requests at a time").fill("8")
    form.get_by_label("Models of a right").fill("predict: sentiment, churn")
    form.get_by_label("Reason").fill(f"for {MARKUP}")
    form.get_by_label("Your name").fill("ada")
    form.get_by_role("button", name="Put it in force").click()
    expect(card(page, name)).not_to_contain_text("predict, read")  # what is in force, not what is wanted
    expect(form.get_by_label("Numbers and the record")).not_to_be_checked()
    assert status(client, first) == 403
    (key,) = client.get("/keys", headers=ADMIN).json()["keys"]
    assert (key["limits"], key["expires_at"], key["note"]) == (None, "2035-01-31T07:00:00Z", MARKUP)
    assert (key["max_in_flight"], key["models"]) == (8, {"predict": ["churn", "sentiment"]})
    expect(form.get_by_label("Models of a right")).to_have_value("predict: churn, sentiment")

    end = card(page, "Replace or revoke it")
    end.get_by_label("The old one lives").select_option("no longer")
    end.get_by_role("button", name="Another key in its place").click()
    second = shown.locator("pre").inner_text()
    assert (KEY.fullmatch(second) is not None, second != first) == (True, True)
    assert [status(client, one) for one in (first, second)] == [401, 403]
    end.get_by_role("button", name="Revoke it …").click()
    page.get_by_role("button", name="Cancel").click()
    assert status(client, second) == 403
    end.get_by_role("button", name="Revoke it …").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(card(page, name)).to_contain_text("revoked")
    expect(end).to_have_count(0)
    assert status(client, second) == 401

    page.get_by_text("By day").click()
    expect(
        page.get_by_role("region", name="Use by day (UTC)").get_by_role("row", name=re.compile("30 days"))
    ).to_be_visible()
    page.get_by_text("Who changed what").click()
    lines = card(page, "Changes").locator("ol li")
    expect(lines.nth(0)).to_contain_text("revoke")
    expect(lines.nth(2)).to_contain_text(f"change {name} by ada: for {MARKUP}")
    assert page.locator("main img, main script, main iframe").count() == 0
    page.get_by_role("button", name="Forget admin token").click()
    expect(page.get_by_role("button", name="Give the admin token")).to_be_visible()
    assert second not in seen(page)


def test_with_a_key_on_it_axe_finds_nothing_and_nothing_is_too_wide(
    console: Console, client: httpx.Client, name: str
) -> None:
    made = client.post("/keys", json={"name": f"{name} " + 80 * "x", "rights": ["predict"]}, headers=ADMIN).json()
    page = console.open(f"keys?id={made['key_id']}")
    console.unlock()
    card(page, "Replace or revoke it").get_by_role("button", name="Another key in its place").click()
    expect(page.get_by_role("button", name="I have it")).to_be_visible()
    for size, theme in (("phone", "dark"), ("laptop", "light")):
        page.set_viewport_size({"width": SIZES[size][0], "height": SIZES[size][1]})
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        found = Axe().run(page, options=RULES)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    page.get_by_role("button", name="I have it").click()
    assert KEY.search(seen(page)) is None


def test_somebody_elses_change_meanwhile_is_a_conflict_that_is_said(
    console: Console, client: httpx.Client, name: str
) -> None:
    made = client.post("/keys", json={"name": name, "rights": ["predict"]}, headers=ADMIN).json()
    page = console.open(f"keys?id={made['key_id']}")
    console.unlock()
    form = card(page, "Change it")
    form.get_by_label("Note").fill("mine")
    change = {"revision": made["revision"], "note": "theirs"}
    client.patch(f"/keys/{made['key_id']}", json=change, headers=ADMIN).raise_for_status()
    form.get_by_role("button", name="Put it in force").click()
    expect(form.get_by_role("alert")).to_contain_text("409")
