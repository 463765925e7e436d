"""A rollout from the console: pinned, a candidate beside it, promoted; and who did that."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, expect

from console_tests.conftest import Console
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


def test_what_is_refused_is_said_and_a_form_is_not_interrupted(console: Console, second_version: str) -> None:
    page = console.open("rollouts")
    console.unlock()
    card = page.locator("section.card", has=page.get_by_role("heading", name=re.compile(f"^{MODEL}")))
    change(card, "canary", Percent="250", Reason="too much")
    expect(card.get_by_role("alert")).to_contain_text("(422)")
    expect(card.get_by_label("Reason")).to_have_value("too much")
