"""What holds for every page: nothing overflows, axe-core finds nothing, nothing that a model says becomes markup."""

import itertools

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from console_tests.conftest import MARKUP, PAGES, SIZES, Console

ABOUT_300_KB = 300_000
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
"""Of axe-core."""

LOCKED = ("overview", "rollouts", "record", "analysis", "keys")
HOW = (("phone", "dark"), ("laptop", "light"))
SETTLED = "() => !/Loading …|^…$/m.test(document.querySelector('main').innerText)"
"""Nothing on the page still waits for its first answer."""


def settled(console: Console, page: str, **how: object) -> Page:
    tab = console.open(page, **how)  # type: ignore[arg-type]
    tab.wait_for_function(SETTLED)
    return tab


@pytest.mark.parametrize(("page", "size"), list(itertools.product(PAGES, SIZES)))
def test_nothing_is_wider_than_the_screen(console: Console, page: str, size: str) -> None:
    width, height = SIZES[size]
    tab = settled(console, page, width=width, height=height)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    ("page", "size", "theme"), list(itertools.product(PAGES, ("phone", "laptop"), ("light", "dark")))
)
def test_axe_finds_nothing(console: Console, page: str, size: str, theme: str) -> None:
    width, height = SIZES[size]
    tab = settled(console, page, width=width, height=height, theme=theme)
    found = Axe().run(tab, options=RULES)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize(("page", "size", "theme"), [(page, *how) for page in LOCKED for how in HOW])
def test_with_the_admin_token_it_is_the_same(console: Console, page: str, size: str, theme: str) -> None:
    """What is not public has cards, tables and forms of its own."""
    width, height = SIZES[size]
    settled(console, page, width=width, height=height, theme=theme)
    console.unlock()
    tab = console.page
    expect(tab.get_by_role("button", name="Give the admin token")).to_have_count(0)
    tab.wait_for_function(SETTLED)
    found = Axe().run(tab, options=RULES)
    assert found.violations_count == 0, found.generate_report()
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.locator("main img, main script, main iframe").count() == 0


@pytest.mark.parametrize("page", PAGES)
def test_nothing_that_a_model_says_is_markup(console: Console, page: str) -> None:
    answer = console.page.request.post(
        f"{console.url}/predict", data={"text": "Win a free prize, cash now!", "model_name": "hostile"}
    )
    assert answer.json()["prediction_label"] == MARKUP
    tab = settled(console, f"{page}?model=hostile")
    if page in SHOWS_LABELS:
        expect(tab.locator("main")).to_contain_text(MARKUP)
    assert tab.locator("main img, main script, main iframe").count() == 0
    assert tab.evaluate("window.owned") is None


SHOWS_LABELS = {"overview", "models", "playground", "drift"}


INJECTIONS = {
    "markup": """document.querySelector("main").innerHTML = "<p>x</p>" """,
    "a listener in an attribute": """document.querySelector("main").setAttribute("onclick", "window.owned = 1")""",
    "a script": """document.body.append(Object.assign(document.createElement("script"), {text: "owned = 1"}))""",
    "text that is run": """window.setTimeout("window.owned = 1")""",
}


@pytest.mark.parametrize("injection", INJECTIONS.values(), ids=INJECTIONS)
def test_were_there_a_hole_the_policy_would_stand_in_it(console: Console, injection: str) -> None:
    tab = settled(console, "overview")
    assert "Trusted" in tab.evaluate(
        f"() => {{ try {{ {injection}; return 'done' }} catch (error) {{ return error.message }} }}"
    )
    assert tab.evaluate("window.owned") is None
    assert console.complaints
    console.complaints.clear()


def test_all_that_is_loaded_is_small_and_from_here(console: Console) -> None:
    loaded: dict[str, int] = {}
    console.page.on("response", lambda response: loaded.update({response.url: len(response.body())}))
    settled(console, "overview")
    files = {url: size for url, size in loaded.items() if "/console" in url}
    assert all(url.startswith(console.url) for url in loaded)
    assert len(files) > 10
    assert sum(files.values()) < ABOUT_300_KB
