"""The models page says of every version what the API says, and why a folder is not served."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from console_tests.conftest import MARKUP, SIZES, Console
from console_tests.test_every_page import RULES
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


def test_golden_rows_are_told(console: Console, client: httpx.Client) -> None:
    page = console.open("models")
    said = {one["name"]: one["golden"] for one in client.get("/models").json()["models"]}
    assert said["churn"]["rows"] > 0
    churn = page.locator(".card", has_text="Whether a customer leaves soon").locator(".facts")
    expect(churn).to_contain_text(f"{said['churn']['rows']} came out as expected")
    lexicon = page.locator(".card", has=page.get_by_role("heading", name="sentiment-lexicon"))
    expect(lexicon).to_contain_text("nothing says what must come out")


def test_a_model_card_is_shown_with_its_tables_and_links(console: Console, client: httpx.Client) -> None:
    loaded: list[str] = []
    console.page.on("request", lambda request: loaded.append(request.url))
    page = console.open("models")
    expect(page.get_by_role("link", name="Model card")).to_have_count(len(CARDS))
    assert not any("marked" in url for url in loaded)  # what reads cards is loaded with the first one
    page.locator(".card", has_text="Sentiment of English texts").get_by_role("link", name="Model card").first.click()
    expect(page).to_have_url(re.compile("card=sentiment&version=2.1.0"))
    expect(page.get_by_role("heading", name="Model card: sentiment 2.1.0", level=2)).to_be_visible()
    written = client.get("/models/sentiment/2.1.0/card").text
    expect(page.locator(".prose h3")).to_have_text(re.findall(r"(?m)^## (.*)", written))
    expect(page.get_by_role("cell", name="Stanford Sentiment Treebank")).to_be_visible()
    assert page.locator(".prose a:not([href^='http'])").count() == 0


CARDS = ("sentiment", "sentiment-fast", "hostile")


@pytest.mark.parametrize(("size", "theme"), [("phone", "dark"), ("laptop", "light")])
def test_nothing_in_a_card_is_markup_or_loaded(console: Console, size: str, theme: str) -> None:
    asked: list[str] = []
    console.page.on("request", lambda request: asked.append(request.url))
    page = console.open("models?card=hostile&version=1.0.0", width=SIZES[size][0], height=SIZES[size][1], theme=theme)
    card = page.locator(".prose")
    expect(card.get_by_role("heading", level=2)).to_have_text([MARKUP, "Card"])
    expect(card).to_contain_text("<script>window.owned = 1</script>")
    expect(card.get_by_role("cell", name=MARKUP)).to_be_visible()
    expect(card.locator("ol li")).to_have_text(["one", 'two <iframe src="https://example.com"></iframe>'])
    links = card.locator("a").evaluate_all("all => all.map((link) => link.getAttribute('href'))")
    assert links == ["https://example.com/?q=1&r=2"]
    assert page.locator("main img, main script, main iframe").count() == 0
    assert page.evaluate("window.owned") is None
    assert all(url.startswith(console.url) for url in asked)
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("model", ["card=churn&version=1.0.0", "card=nobody&version=1.0.0", "card=..&version="])
def test_a_card_that_is_not_there_is_said_so(console: Console, model: str) -> None:
    page = console.open(f"models?{model}")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_text("Loading")).to_have_count(0)


def test_two_versions_are_compared_in_words(console: Console, client: httpx.Client) -> None:
    page = console.open("models")
    page.locator(".card", has_text="Sentiment of English texts").get_by_role("link", name="Compare").first.click()
    expect(page).to_have_url(re.compile("compare=sentiment&version=2.1.0"))
    query = {"model_name": "sentiment", "model_version": "2.1.0", "time_window_minutes": 1440}
    said = client.post("/metrics/compare", json=query).json()
    place = page.locator(".card", has=page.get_by_role("heading", name="sentiment 2.1.0 beside itself"))
    expect(place.locator(".badge").first).to_contain_text(said["verdict"].replace("_", " "))
    expect(place.get_by_role("region", name="Differences").locator("tbody tr")).to_have_count(len(said["differences"]))
    for sentence in said["words"]:
        expect(place.locator(".sentences")).to_contain_text(sentence.partition(" ")[0])
    expect(page.get_by_label("Version", exact=True)).to_have_value("2.1.0")
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()


def test_a_model_leads_to_its_playground(console: Console) -> None:
    page = console.open("models")
    page.locator(".card", has_text="Whether a customer leaves soon").get_by_role("link", name="Try it").click()
    expect(page.get_by_label("Model", exact=True)).to_have_value('["churn","1.0.0"]')
