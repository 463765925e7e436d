"""The models page says of every version what the API says, and why a folder is not served."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from console_tests.conftest import MARKUP, Console
from tests.stack import LocalStack


def test_every_version_is_there_with_digest_signature_and_traffic(console: Console, client: httpx.Client) -> None:
    page = console.open("models")
    models = client.get("/models").json()["models"]
    expect(page.locator(".grid .card")).to_have_count(len(models))
    for model in models:
        card = page.locator(".card", has=page.get_by_role("heading", name=f"{model['name']} {model['version']}"))
        expect(card).to_contain_text(model["digest"])
        expect(card).to_contain_text("ready")
    churn = page.locator(".card", has_text="Whether a customer leaves soon")
    expect(churn.get_by_role("row", name="plan category basic family premium others too refused")).to_be_visible()
    expect(churn.get_by_role("row", name="age number any number left to the model")).to_be_visible()
    sentiment = page.locator(".card", has_text="Sentiment of English texts")
    expect(sentiment).to_contain_text("default")
    expect(sentiment).to_contain_text("of all")


@pytest.fixture
def bad_folder(stack: LocalStack) -> Iterator[Path]:
    """A folder that cannot be served, whose name is markup."""
    folder = Path(stack.environment["MODELS_DIR"]) / MARKUP
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def test_a_folder_that_is_skipped_is_named_with_its_reason(console: Console, bad_folder: Path) -> None:
    page = console.open("models")
    row = page.get_by_role("region", name="Skipped folders").get_by_role("row").nth(1)
    expect(row).to_contain_text(bad_folder.name)
    expect(row).to_contain_text("a model's name has letters")
    assert page.locator("main img").count() == 0


def test_a_model_leads_to_its_playground(console: Console) -> None:
    page = console.open("models")
    page.locator(".card", has_text="Whether a customer leaves soon").get_by_role("link", name="Try it").click()
    expect(page.get_by_label("Model", exact=True)).to_have_value('["churn","1.0.0"]')
