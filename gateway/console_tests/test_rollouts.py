"""A rollout from the console: pinned, a candidate beside it, promoted; and who did that."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, expect

from console_tests.conftest import SIZES, Console
from console_tests.test_away_and_back import LOOK_AGAIN
from console_tests.test_every_page import RULES
from shared.processes.waiting import wait_until
from shared.testing.admin import ADMIN
from tests.stack import LocalStack

MODEL = "sentiment-lexicon"


@pytest.fixture
def second_version(stack: LocalStack, client: httpx.Client) -> Iterator[str]:
    """A second version of the model, until the end of the test; then the policy is what it was."""
    folder = Path(stack.environment["MODELS_DIR"]) / MODEL

    def is_loaded() -> bool:
        models = client.get("/models").json()["models"]
        return any((model["name"], model["version"]) == (MODEL, "1.1.0") for model in models)

    shutil.copytree(folder / "1.0.0", folder / "1.1.0")
    wait_until(is_loaded, "version 1.1.0 to be loaded", deadline_seconds=60)
    yield "1.1.0"
    policy = client.get(f"/models/{MODEL}/rollout", headers=ADMIN).json()
    body = {"revision": policy["revision"], "mode": "newest", "reason": "the test is over"}
    client.put(f"/models/{MODEL}/rollout", json=body, headers=ADMIN).raise_for_status()
    shutil.rmtree(folder / "1.1.0")
    wait_until(lambda: not is_loaded(), "version 1.1.0 to be gone", deadline_seconds=60)


def change(card: Locator, mode: str, **fields: str) -> None:
    card.get_by_text("Change it").click()
    card.get_by_label("Mode").select_option(mode)
    card.get_by_label("Stable version").select_option("1.0.0")
    for label, value in fields.items():
        card.get_by_label(label).fill(value)
    card.get_by_role("button", name="Put it in force").click()


def test_a_version_is_rolled_out_by_hand(console: Console, client: httpx.Client, second_version: str) -> None:
    page = console.open("rollouts")
    console.unlock()
    card = page.locator("section.card", has=page.get_by_role("heading", name=re.compile(f"^{MODEL}")))
    expect(card.get_by_role("row", name=re.compile("1.1.0 100 %"))).to_be_visible()

    change(card, "canary", Percent="25", Reason="to be tried")
    expect(card.get_by_role("row", name=re.compile("1.0.0 75 %"))).to_be_visible()
    expect(card.get_by_role("row", name=re.compile("1.1.0 25 %"))).to_be_visible()
    assert client.get(f"/models/{MODEL}/rollout", headers=ADMIN).json()["mode"] == "canary"

    card.get_by_role("button", name="Promote 1.1.0").click()
    expect(card.get_by_role("row", name=re.compile("1.1.0 100 %"))).to_be_visible()
    policy = client.get(f"/models/{MODEL}/rollout", headers=ADMIN).json()
    assert (policy["mode"], policy["stable_version"]) == ("pinned", "1.1.0")

    card.get_by_text("History").click()
    expect(card.locator("ol li").first).to_contain_text("promote to pinned")
    expect(card.locator("ol li").nth(1)).to_contain_text(re.compile("set to canary.*to be tried"))


def card_of(console: Console) -> Locator:
    page = console.open("rollouts")
    console.unlock()
    return page.locator("section.card", has=page.get_by_role("heading", name=re.compile(f"^{MODEL}")))


def report_of(client: httpx.Client) -> dict:
    return client.get(f"/models/{MODEL}/rollout/report", headers=ADMIN).raise_for_status().json()


def test_a_shadow_is_reported_with_agreement_and_what_is_furthest_apart(
    console: Console, client: httpx.Client, second_version: str
) -> None:
    card = card_of(console)
    change(card, "shadow", Percent="100", Reason="to be watched")
    expect(card.get_by_text("How the candidate does")).to_be_visible()

    def is_reported() -> bool:
        client.post("/predict", json={"text": "I love it.", "model_name": MODEL}).raise_for_status()
        return (report_of(client)["shadow"] or {}).get("requests", 0) >= 3

    wait_until(is_reported, "the shadow to be on record", deadline_seconds=60)
    card.get_by_text("How the candidate does").click()
    said = report_of(client)["shadow"]
    expect(card).to_contain_text(re.compile(r"100 % the same .* of \d+ requests"))
    expect(card.get_by_role("region", name="Confusion matrix")).to_contain_text("positive")
    expect(card.get_by_role("region", name="Both over the same requests")).to_contain_text("Confidence")
    rows = card.get_by_role("region", name="Largest disagreements").locator("tbody tr")
    expect(rows).to_have_count(len(said["disagreements"]))
    for size, theme in (("phone", "dark"), ("laptop", "light")):
        console.page.set_viewport_size({"width": SIZES[size][0], "height": SIZES[size][1]})
        console.page.emulate_media(color_scheme=theme)
        found = Axe().run(console.page, options=RULES)
        assert found.violations_count == 0, found.generate_report()
        assert console.page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]


def test_a_canary_has_a_schedule_guards_and_a_report(
    console: Console, client: httpx.Client, second_version: str
) -> None:
    card = card_of(console)
    change(card, "canary", Schedule="5 for sixty", Reason="to be tried")
    expect(card.get_by_role("alert")).to_contain_text('"5 for sixty" is no step')
    card.get_by_label("Schedule").fill("5 for 60, 50")
    card.get_by_text("Guards", exact=True).click()
    card.get_by_role("group", name="Average confidence").get_by_label("On").uncheck()
    card.get_by_label("How many times as long").fill("twice")
    card.get_by_role("button", name="Put it in force").click()
    expect(card.get_by_role("alert")).to_contain_text("twice is not a number")
    card.get_by_label("How many times as long").fill("2")
    card.get_by_label("More, as a share of 1").fill("0.01")
    card.get_by_role("button", name="Put it in force").click()
    expect(card).to_contain_text("5 % for 60 min → 50 %")
    policy = client.get(f"/models/{MODEL}/rollout", headers=ADMIN).json()
    assert policy["steps"] == [{"share": 5, "minutes": 60}, {"share": 50, "minutes": None}]
    guards = policy["guards"]
    assert (guards["confidence"]["enabled"], guards["accuracy"]["enabled"]) == (False, True)
    assert (guards["p95"]["times"], guards["p95"]["more_ms"], guards["error_rate"]["tolerance"]) == (2, 5, 0.01)
    expect(card.get_by_role("region", name=f"Guards of {MODEL}")).to_contain_text("Error rate")
    card.get_by_text("How the candidate does").click()
    expect(card).to_contain_text("As a canary")
    expect(card.locator(".badge", has_text="not enough data").first).to_be_visible()
    found = Axe().run(console.page, options=RULES)
    assert found.violations_count == 0, found.generate_report()
    card.get_by_role("button", name="Roll back").click()
    expect(card).to_contain_text(re.compile("The last canary, 1.1.0 beside 1.0.0, .* by admin"))


def test_what_is_refused_is_said_and_a_form_is_not_interrupted(
    console: Console, client: httpx.Client, second_version: str
) -> None:
    page = console.open("rollouts")
    console.unlock()
    card = page.locator("section.card", has=page.get_by_role("heading", name=re.compile(f"^{MODEL}")))
    change(card, "canary", Percent="250", Reason="too much")
    expect(card.get_by_role("alert")).to_contain_text("(422)")
    expect(card.get_by_label("Reason")).to_have_value("too much")

    before = asked_in_the_last_hour(card)
    client.post("/predict", json={"text": "I love it.", "model_name": MODEL}).raise_for_status()
    page.evaluate(LOOK_AGAIN)
    expect(card.get_by_role("region", name=f"Versions of {MODEL}")).to_contain_text(f"{before + 1:,}")
    revision = client.get(f"/models/{MODEL}/rollout", headers=ADMIN).json()["revision"]
    pinned = {"revision": revision, "mode": "pinned", "stable_version": "1.0.0", "reason": "by somebody else"}
    client.put(f"/models/{MODEL}/rollout", json=pinned, headers=ADMIN).raise_for_status()
    page.evaluate(LOOK_AGAIN)
    expect(card.get_by_text("Another policy is in force by now.")).to_be_visible()
    expect(card.get_by_label("Reason")).to_have_value("too much")
    card.get_by_text("Change it").click()
    page.evaluate(LOOK_AGAIN)
    expect(card.get_by_role("heading").first).to_contain_text("pinned")


def asked_in_the_last_hour(card: Locator) -> int:
    """Over all versions."""
    cells = card.get_by_role("region", name=f"Versions of {MODEL}").locator("tbody td:nth-child(3)").all_inner_texts()
    return sum(int(cell.replace(",", "")) for cell in cells)
