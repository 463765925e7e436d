"""The record is read with the token alone; filters are part of the address, and feedback is given by keyboard."""

import re

import httpx
from playwright.sync_api import Page, expect

from console_tests.conftest import Console
from shared.testing.admin import ADMIN


def opened(console: Console, address: str) -> Page:
    page = console.open(address)
    console.unlock()
    return page


def newest(client: httpx.Client, **filters: object) -> list[dict]:
    """The newest fifty, from as many pages as that takes."""
    found: list[dict] = []
    cursor = {}
    while len(found) < 50:
        asked = {"limit": 50 - len(found), **filters, **cursor}
        page = client.get("/predictions", params=asked, headers=ADMIN).raise_for_status().json()
        found += page["predictions"]
        cursor = {"cursor": page["next_cursor"]}
    return found


def test_without_the_token_nothing_is_asked_for(console: Console) -> None:
    asked: list[str] = []
    console.page.on("request", lambda request: asked.append(request.url))
    page = console.open("record?model_name=sentiment")
    expect(page.get_by_text("The record is not public")).to_be_visible()
    assert [url for url in asked if "/predictions" in url] == []


def test_predictions_are_filtered_and_read_page_by_page(console: Console, client: httpx.Client) -> None:
    page = opened(console, "record")
    page.get_by_label("Model", exact=True).fill("spam-words")
    page.get_by_label("Label", exact=True).fill("ham")
    page.get_by_role("button", name="Look").click()
    expect(page).to_have_url(re.compile("model_name=spam-words&label=ham"))
    rows = page.get_by_role("region", name="Predictions on record").locator("tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_role("button", name="Older ones").click()
    expect(rows).to_have_count(100)
    links = rows.locator("a").evaluate_all(
        "all => all.map(link => new URLSearchParams(link.href.split('?')[1]).get('id'))"
    )
    assert len(set(links)) == 100
    assert links[:50] == [one["prediction_id"] for one in newest(client, model_name="spam-words", label="ham")]


def test_one_prediction_is_shown_with_all_that_is_on_record(console: Console, client: httpx.Client) -> None:
    said = client.post("/predict", json={"text": "Quite good."}).json()
    page = opened(console, f"record?id={said['prediction_id']}")
    facts = page.locator(".facts")
    expect(facts).to_contain_text(said["prediction_id"])
    expect(facts).to_contain_text("sentiment 2.1.0")
    expect(facts).to_contain_text("11 characters")
    expect(page.get_by_text("Nobody has said yet.")).to_be_visible()
    page.get_by_role("button", name="negative").click()
    expect(page.get_by_text(re.compile("negative, said .*, with the admin token"))).to_be_visible()


def test_feedback_is_given_by_keyboard_alone(console: Console, client: httpx.Client) -> None:
    client.post("/predict/batch", json={"texts": ["One.", "Two.", "Three."]}).raise_for_status()
    page = opened(console, "record?model_name=sentiment")
    rows = page.get_by_role("region", name="Predictions on record").locator("tbody tr")
    expect(rows).to_have_count(50)
    labels = next(one for one in client.get("/models").json()["models"] if one["name"] == "sentiment")["labels"]
    second = newest(client, model_name="sentiment")[1]
    rows.first.locator("a").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("3")
    expect(rows.nth(1).locator(".judged")).to_have_text(labels[2])
    on_record = client.get(f"/predictions/{second['prediction_id']}", headers=ADMIN).json()
    assert on_record["feedback"]["actual_label"] == labels[2]


def test_what_the_server_does_not_understand_is_said(console: Console) -> None:
    page = opened(console, "record?min_confidence=much")
    expect(page.get_by_role("alert")).to_contain_text("query.min_confidence")
