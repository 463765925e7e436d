"""The record is exported, erased and reviewed from its page; no address has the token, nothing is erased unasked."""

import json
import re

import httpx
import pyarrow.parquet as parquet
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from console_tests.conftest import SIZES, Console
from console_tests.test_every_page import RULES
from console_tests.test_record import opened
from shared.testing.admin import ADMIN, TOKEN


def predicted(client: httpx.Client, *texts: str, model: str = "sentiment-lexicon") -> list[dict]:
    answer = client.post("/predict/batch", json={"texts": texts, "model_name": model}).raise_for_status()
    return answer.json()["predictions"]


def on_record(client: httpx.Client, prediction_id: str) -> httpx.Response:
    return client.get(f"/predictions/{prediction_id}", headers=ADMIN)


@pytest.mark.parametrize("form", ["NDJSON", "CSV", "Parquet"])
def test_what_fits_the_filters_is_exported_whole(console: Console, client: httpx.Client, form: str) -> None:
    of = {"model_name": "hostile", "model_version": "1.0.0"}
    predicted(client, "Win a free prize, cash now!", "See you at noon.", model="hostile")
    asked: list[str] = []
    console.page.on("request", lambda request: asked.append(request.url))
    page = opened(console, "record?model_name=hostile&model_version=1.0.0")
    page.get_by_text("Export or erase").click()
    with page.expect_download() as downloading:
        page.get_by_role("button", name=form, exact=True).click()
    assert downloading.value.suggested_filename == f"predictions.{form.lower()}"
    ids = [
        one["prediction_id"]
        for one in client.get("/predictions", params=of | {"limit": 1000}, headers=ADMIN).json()["predictions"]
    ]
    path = downloading.value.path()
    if form == "NDJSON":
        found = [json.loads(line)["prediction_id"] for line in path.read_text().splitlines()]
    elif form == "CSV":
        found = [line.partition(",")[0] for line in path.read_text().splitlines()[1:] if re.match("[0-9a-f]{8}-", line)]
    else:
        found = [str(one) for one in parquet.read_table(path)["prediction_id"].to_pylist()]
    assert found == ids
    expect(page.get_by_text(re.compile("MiB, whole, handed to the browser"))).to_be_visible()
    assert any("/predictions/export" in url for url in asked)
    assert not any(TOKEN in url for url in asked)


def test_more_than_a_tab_can_hold_is_not_saved(console: Console) -> None:
    """With a bound of which there is more in this record."""

    def with_a_low_bound(route: Route) -> None:
        script = route.fetch()
        text = script.text()
        assert "256 * 2 ** 20" in text
        route.fulfill(response=script, body=text.replace("256 * 2 ** 20", "2 ** 20"))

    console.page.route("**/lib/download.js", with_a_low_bound)
    page = opened(console, "record")
    page.get_by_text("Export or erase").click()
    page.get_by_role("button", name="NDJSON").click()
    expect(page.get_by_text(re.compile("More than 1 MiB, which is too much for a tab"))).to_be_visible()
    expect(page.get_by_role("button", name="NDJSON")).to_be_enabled()


def test_what_the_server_refuses_is_said(console: Console) -> None:
    page = opened(console, "record?model_name=nobody")
    page.get_by_text("Export or erase").click()
    page.get_by_role("button", name="CSV").click()
    expect(page.locator("details").get_by_role("alert")).to_contain_text("404")


def test_one_prediction_is_erased_after_a_question(console: Console, client: httpx.Client) -> None:
    (one,) = predicted(client, "To be erased.")
    page = opened(console, f"record?id={one['prediction_id']}")
    page.get_by_role("button", name="Erase it").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    assert on_record(client, one["prediction_id"]).status_code == 200
    page.get_by_role("button", name="Erase it").click()
    dialog.get_by_role("button", name="Erase").click()
    expect(page.get_by_text("1 prediction and 0 judgements erased.")).to_be_visible()
    assert on_record(client, one["prediction_id"]).status_code == 404


def test_what_a_caller_has_asked_is_erased_after_a_question(console: Console, client: httpx.Client) -> None:
    """Of a caller who has asked nothing else: one behind the proxy that this stack believes."""
    headers = {"X-Forwarded-For": "192.0.2.77"}
    body = {"texts": ["One.", "Two."], "model_name": "sentiment-lexicon"}
    said = client.post("/predict/batch", json=body, headers=headers).raise_for_status().json()["predictions"]
    page = opened(console, "record?model_name=sentiment-lexicon")
    page.get_by_text("Export or erase").click()
    page.get_by_label("Caller: an address").fill("192.0.2.77")
    page.get_by_role("button", name="Erase what this caller has asked").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("All predictions of the model sentiment-lexicon that 192.0.2.77 has asked for")
    assert on_record(client, said[0]["prediction_id"]).status_code == 200
    dialog.get_by_role("button", name="Erase", exact=True).click()
    expect(page.get_by_text("2 predictions and 0 judgements erased.")).to_be_visible()
    assert {on_record(client, one["prediction_id"]).status_code for one in said} == {404}


def queue(console: Console) -> Page:
    page = opened(console, "record?model_name=sentiment")
    page.get_by_role("link", name="What of sentiment deserves a label").click()
    expect(page.locator(".queue li").first).to_be_focused()
    return page


def test_the_review_queue_is_worked_through_by_keyboard(console: Console, client: httpx.Client) -> None:
    page = queue(console)
    entries = client.get("/predictions/review", params={"model_name": "sentiment"}, headers=ADMIN).json()["entries"]
    rows = page.locator(".queue li")
    expect(rows).to_have_count(len(entries))
    expect(rows.first).to_contain_text(entries[0]["because"])
    labels = next(one for one in client.get("/models").json()["models"] if one["name"] == "sentiment")["labels"]
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("2")
    expect(rows.nth(1)).to_contain_text(f"Should have been {labels[1]}.")
    expect(rows.nth(2)).to_be_focused()
    link = rows.nth(1).get_by_role("link").get_attribute("href") or ""
    recorded = on_record(client, link.partition("id=")[2]).json()
    assert recorded["feedback"]["actual_label"] == labels[1]
    page.reload()
    console.unlock()
    expect(page.locator(".queue li").first).to_be_visible()
    assert recorded["prediction_id"] not in "".join(
        page.locator(".queue a").evaluate_all("all => all.map((one) => one.href)")
    )


@pytest.mark.parametrize(("size", "theme"), [("phone", "dark"), ("laptop", "light")])
def test_axe_finds_nothing_in_the_queue_nor_in_what_was_opened(console: Console, size: str, theme: str) -> None:
    width, height = SIZES[size]
    for address in ("record?review=sentiment", "record?model_name=sentiment"):
        page = console.open(address, width=width, height=height, theme=theme)
        page.reload()
        console.unlock()
        if "review" in address:
            expect(page.locator(".queue li").first).to_be_visible()
        else:
            page.get_by_text("Export or erase").click()
        found = Axe().run(page, options=RULES)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
