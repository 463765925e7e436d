"""Nothing is taken for what it is not: addresses, numbers, cells, percentages."""

import pytest
from playwright.sync_api import Page, expect

from console_tests.conftest import SIZES, Console


@pytest.mark.parametrize("name", ["constructor", "__proto__", "toString?window=60", "nothing", "%E0%A4%A"])
def test_an_address_that_names_no_page_shows_the_overview(console: Console, name: str) -> None:
    page = console.open("models")
    page.evaluate("name => { location.hash = `#/${name}` }", name)
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    expect(page).to_have_title("Overview · Model server")


def test_on_a_phone_the_name_of_this_page_is_in_sight(console: Console) -> None:
    width, height = SIZES["phone"]
    page = console.open("analysis", width=width, height=height)
    expect(page.locator("#pages [aria-current]")).to_be_in_viewport(ratio=1)
    page.go_back()
    console.open("overview", width=width, height=height)
    expect(page.locator("#pages [aria-current]")).to_be_in_viewport(ratio=1)


def test_a_threshold_that_was_emptied_is_not_zero(console: Console) -> None:
    page = console.open("alerts?model=sentiment")
    page.get_by_label("Confidence, warning below").fill("")
    page.get_by_role("button", name="Keep these").click()
    expect(page.get_by_text("These are not all numbers.")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)  # nothing that wants the token is asked


@pytest.mark.parametrize(
    ("field", "written", "said"),
    [
        ("monthly fee", "0x10", "monthly fee: 0x10 is not a number."),
        ("monthly fee", "1e999", "monthly fee: 1e999 is not a number."),
        ("calls", "9007199254740993", "has more digits than a browser keeps"),
        ("monthly fee", "  ", "body.inputs.monthly fee"),
    ],
)
def test_what_is_no_number_is_not_sent_as_one(console: Console, field: str, written: str, said: str) -> None:
    page = console.open("playground?model=churn")
    page.get_by_label(field).fill(written)
    page.get_by_role("button", name="Predict", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text(said)


HEADS = ["monthly fee", "calls", "months", "plan", "city"]


@pytest.mark.parametrize(
    ("separator", "fee", "quoted"),
    [(",", "49.9", '"Iz""mir"'), ("\t", "49.9", "Iz,mir"), (";", "49,9", '"Iz;mir, ""x"""'), (";", "49.9", "Izmir")],
)
def test_rows_are_read_as_spreadsheets_hand_them_over(console: Console, separator: str, fee: str, quoted: str) -> None:
    page = console.open("playground?model=churn")
    lines = [separator.join(HEADS), separator.join([fee, "7", "3", "basic", quoted])]
    page.get_by_label("CSV with a header").fill("\n".join([*lines, ""]))
    with page.expect_request("**/predict/batch*") as sent:
        page.get_by_role("button", name="Predict all rows").click()
    expect(page.get_by_text("1 row, all predicted.")).to_be_visible()
    assert "49.9,7,3,basic," in (sent.value.post_data or "")


SHARES = {0: "0 %", 0.0004: "<0.1 %", 0.0005: "0.1 %", 0.9994: "99.9 %", 0.99996: ">99.9 %", 1: "100 %"}


def percent(page: Page, share: float) -> str:
    return page.evaluate("async share => (await import('/console/0/lib/format.js')).percent(share)", share)


def test_nothing_and_all_are_said_only_where_it_is_so(console: Console) -> None:
    page = console.open()
    assert {share: percent(page, share) for share in SHARES} == SHARES
