"""The page on drift and quality says what the API says, with both distributions beside each other."""

import re

import httpx
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from console_tests.conftest import MARKUP, SIZES, Console
from console_tests.test_every_page import RULES
from shared.testing.admin import ADMIN

QUESTION = {"model_name": "sentiment", "time_window_minutes": 360}


def test_every_measure_has_its_verdict_and_both_distributions(console: Console, client: httpx.Client) -> None:
    page = console.open("drift?window=360&model=sentiment")
    said = client.post("/metrics/drift", json=QUESTION).json()
    cards = page.locator(".grid .card")
    expect(cards).to_have_count(len(said["measures"]))
    labels = next(one for one in said["measures"] if one["name"] == "label")
    card = page.locator(".card", has=page.get_by_role("heading", name=re.compile("^Label ")))
    expect(card).to_contain_text(labels["status"].replace("_", " "))
    expect(card.locator(".bins li")).to_have_count(len(labels["reference"] | labels["current"]))
    expect(card.locator(".bins li", has_text="positive")).to_have_text(
        re.compile(r"positive\s*before [\d.]+ %, now [\d.]+ %")
    )


def test_a_pinned_baseline_can_be_compared_with(console: Console, client: httpx.Client) -> None:
    pinned = {"params": {"model_name": "spam-words", "name": "spring"}, "headers": ADMIN}
    body = {"source": "window", "time_window_minutes": 1440, "watched": False}
    client.put("/metrics/baselines", json=body, **pinned).raise_for_status()
    page = console.open("drift?model=spam-words")
    page.get_by_role("link", name="spring").click()
    expect(page).to_have_url(re.compile("baseline=spring"))
    expect(page.get_by_text("of the baseline spring")).to_be_visible()
    client.delete("/metrics/baselines", **pinned).raise_for_status()


def test_a_model_that_is_not_there_is_said_so(console: Console) -> None:
    page = console.open("drift?model=nobody")
    expect(page.get_by_role("alert").first).to_contain_text("404")


def test_feedback_becomes_accuracy_and_figures_by_label(console: Console, client: httpx.Client) -> None:
    page = console.open("drift?model=sentiment-fast")
    expect(page.get_by_text("Nobody has said yet what predictions of the last 1 h should have been.")).to_be_visible()
    texts = ["I love it.", "I hate it."]
    answers = client.post("/predict/batch", json={"texts": texts, "model_name": "sentiment-fast"}).json()["predictions"]
    for answer in answers:
        word = {"prediction_id": answer["prediction_id"], "label": "positive"}
        client.post("/feedback", json=word, headers=ADMIN).raise_for_status()
    page.reload()
    expect(page.get_by_text(re.compile(r"50 % right, of 2 judged by 1 caller"))).to_be_visible()
    row = page.get_by_role("region", name="Quality by label").get_by_role("row", name=re.compile("^positive"))
    expect(row).to_have_text(re.compile(r"positive\s*1\s*2\s*100 %\s*50 %"))


def test_feedback_becomes_a_matrix_and_a_plot_of_confidence(console: Console, client: httpx.Client) -> None:
    texts = {"Win a free prize, cash now!": "ham", "See you at noon.": "ham", "The report is attached.": MARKUP}
    rows = {"texts": list(texts), "model_name": "hostile"}
    answers = client.post("/predict/batch", json=rows).json()["predictions"]
    for answer, right in zip(answers, texts.values(), strict=True):
        word = {"prediction_id": answer["prediction_id"], "label": right}
        client.post("/feedback", json=word, headers=ADMIN).raise_for_status()
    page = console.open("drift?model=hostile")
    matrix = page.get_by_role("region", name="Confusion matrix")
    for predicted, right in (("ham", "ham"), ("ham", MARKUP), (MARKUP, "ham")):
        expect(matrix.get_by_role("columnheader", name=right)).to_be_visible()
        column = matrix.get_by_role("columnheader").all_inner_texts().index(right)
        row = matrix.get_by_role("row", name=re.compile(f"^{re.escape(predicted)} "))
        expect(row.locator("th, td").nth(column)).to_have_text("1")
    said = client.post("/metrics/calibration", json={"model_name": "hostile"}).json()
    judged = [one for one in said["bins"] if one["count"]]
    plot = page.get_by_role("img", name=re.compile("Confidence beside share of right predictions"))
    expect(plot.locator("circle")).to_have_count(len(judged))
    expect(page.get_by_text(re.compile("on average confidence and share of right ones differ"))).to_be_visible()
    page.locator(".numbers summary").click()
    expect(page.get_by_role("region", name="Calibration, numbers").locator("tbody tr")).to_have_count(len(judged))
    assert page.locator("main img, main script").count() == 0
    for size, theme in (("phone", "dark"), ("laptop", "light")):
        console.open("drift?model=hostile", width=SIZES[size][0], height=SIZES[size][1], theme=theme)
        expect(plot).to_be_visible()
        found = Axe().run(page, options=RULES)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
