"""The playground asks what its form says, shows what the model says, and takes a word on it."""

import re
import subprocess
import sys

import httpx
from playwright.sync_api import Page, expect

from console_tests.conftest import Console
from shared.testing.debian import debian_program

CUSTOMER = {"monthly fee": "49.9", "calls": "7", "months": "3", "plan": "basic", "city": "Izmir"}


def fill_in_a_customer(page: Page) -> None:
    for name, value in CUSTOMER.items():
        page.get_by_label(name).fill(value)


def test_a_text_is_predicted_with_scores_and_times(console: Console, client: httpx.Client) -> None:
    page = console.open("playground?model=sentiment")
    page.get_by_label("text").fill("I love it.")
    page.get_by_role("button", name="Predict", exact=True).click()
    expect(page.locator(".answer")).to_have_text("positive")
    said = client.post("/predict", json={"text": "I love it."}).json()
    bars = page.locator(".bars li")
    expect(bars).to_have_count(3)
    expect(bars.first).to_contain_text(f"{round(said['raw_output']['scores']['positive'] * 100, 1):g} %")
    expect(page.get_by_text("Sure enough: above the threshold of 0.6.")).to_be_visible()
    expect(page.locator(".facts")).to_have_text(re.compile(r"Model[\d.]+ msWaited[\d.]+ msFrom here[\d.]+ ms"))


def test_a_table_of_inputs_becomes_a_form_and_what_is_left_out_is_not_sent(console: Console) -> None:
    page = console.open("playground?model=churn")
    fill_in_a_customer(page)
    with page.expect_request("**/predict") as sent:
        page.get_by_role("button", name="Predict", exact=True).click()
    assert sent.value.post_data_json["inputs"] == CUSTOMER | {"monthly fee": 49.9, "calls": 7, "months": 3}
    expect(page.locator(".answer")).to_have_text(re.compile("leaves|stays"))


def test_what_is_wrong_is_said_where_it_is(console: Console) -> None:
    page = console.open("playground?model=churn")
    page.get_by_label("calls").fill("many")
    page.get_by_role("button", name="Predict", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("calls: many is not a whole number.")
    page.get_by_label("calls").fill("3")
    page.get_by_role("button", name="Predict", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text(re.compile(r"\(422\).*Request id", re.DOTALL))


def test_one_click_says_what_would_have_been_right(console: Console, client: httpx.Client) -> None:
    page = console.open("playground?model=sentiment")
    before = client.post("/metrics/quality", json={}).json()["feedback_count"]
    page.get_by_label("text").fill("It rains.")
    page.get_by_role("button", name="Predict", exact=True).click()
    page.get_by_role("group", name="What would have been right?").get_by_role("button", name="negative").click()
    expect(page.get_by_role("status").filter(has_text="Recorded")).to_be_visible()
    assert client.post("/metrics/quality", json={}).json()["feedback_count"] == before + 1


def test_several_rows_are_pasted_as_csv_and_a_bad_one_costs_itself_only(console: Console) -> None:
    page = console.open("playground?model=sentiment")
    page.get_by_label("CSV with a header").fill('text,_id\n"Good, really ""good"".",a\n,b\nAwful.,c\n')
    page.get_by_role("button", name="Predict all rows").click()
    rows = page.get_by_role("region", name="Answers").locator("tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text(re.compile("^a.*positive"))
    expect(rows.nth(1)).to_contain_text("text is missing")
    expect(rows.nth(2)).to_contain_text("negative")
    expect(page.get_by_text("3 rows, 1 of them failed.")).to_be_visible()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save as CSV").click()
    assert "negative" in saved.value.path().read_text()


def test_the_same_call_in_other_words_works(console: Console) -> None:
    """What is to be copied is run as it stands: by a shell, Python and Node."""
    page = console.open("playground?model=sentiment-lexicon")
    text = """It's "fine" — \\ $HOME `id`; déjà vu\nand a second line."""
    page.get_by_label("text").fill(text)
    code = [snippet.inner_text() for snippet in page.locator(".snippet pre").all()]
    assert len(code) == 3
    node = debian_program("node", "nodejs")
    for command in (
        ["bash", "-c", code[0]],
        [sys.executable, "-c", code[1]],
        [node, "--input-type=module", "-e", code[2]],
    ):
        answer = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        assert "prediction_label" in answer.stdout, answer
        assert re.search(rf"input_length['\"]?: ?{len(text)}\b", answer.stdout), answer.stdout
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(".snippet button").first.click()
    expect(page.locator(".snippet button").first).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == code[0]
