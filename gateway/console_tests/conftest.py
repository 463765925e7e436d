"""A real stack with a day's traffic and models that say hostile things, and a real Chromium that looks at it."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from console_tests.history import write_history
from shared.processes.waiting import wait_until
from shared.testing.admin import TOKEN
from shared.testing.debian import debian_program
from tests.stack import REPOSITORY, LocalStack

SEED = 20
"""Of the traffic that is made up."""

SIZES = {"phone": (360, 740), "laptop": (1280, 800), "wide": (1920, 1080)}
PATIENCE_MS = 30_000
"""The longest that a page may be behind what has happened, twice over."""

START_SECONDS = 240
"""Six models are tried one after the other; make run itself is content with less."""

expect.set_options(timeout=PATIENCE_MS)

PAGES = ("overview", "models", "rollouts", "playground", "record", "drift", "alerts", "analysis", "keys")
MARKUP = '<img src=x onerror="window.owned = 1">'
"""What the hostile model calls spam, as a label, and has in its description."""


HOSTILE_CARD = f"""### {MARKUP}

# Card

{MARKUP} [a](javascript:window.owned=1) [b](java&#115;cript:window.owned=1) [c](https://example.com/?q=1&amp;r=2) ![d](https://example.com/d.png)

<script>window.owned = 1</script>

| | what |
| --- | --: |
| `{MARKUP}` | **5** |

1. one
2. two <iframe src="https://example.com"></iframe>
"""
"""Of the hostile model: everything in it that could be markup stands there as text."""


def hostile_models(folder: Path) -> None:
    """The shipped models, one of a table, and one whose every word is markup."""
    shutil.copytree(REPOSITORY / "models", folder)
    hostile = folder / "hostile" / "1.0.0"
    shutil.copytree(folder / "spam-words" / "1.0.0", hostile)
    manifest = hostile / "model.toml"
    text = (
        manifest.read_text()
        .replace('"spam"]', f"'{MARKUP}']")
        .replace("Spam in short", f"{MARKUP} in short".replace('"', '\\"'))
    )
    manifest.write_text(text)
    (hostile / "README.md").write_text(HOSTILE_CARD)
    shutil.copytree(REPOSITORY / "examples" / "churn" / "models" / "churn", folder / "churn")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    folder = tmp_path_factory.mktemp("console")
    hostile_models(folder / "models")
    variables = {"INGRESS_LIMITS": "100000/60s", "CORS_ORIGINS": "http://localhost:*"}
    stack = LocalStack(folder / "local", MODELS_DIR=str(folder / "models"), **variables)
    try:
        stack.launch()
        wait_until(stack.is_healthy, "all models to be served", stack.still_runs, START_SECONDS)
        print(f"traffic made up with seed {SEED}")
        asyncio.run(write_history(stack.folder, stack.port + 20, hours=23, per_second=0.4, seed=SEED))
        yield stack
    finally:
        stack.end()


@pytest.fixture
def client(stack: LocalStack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def browser(stack: LocalStack) -> Iterator[Browser]:
    """Started after the stack: Playwright has an event loop of its own in this thread from then on."""
    program = debian_program("chromium", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


class Console:
    """A tab that shows the console, and what its scripts complain of."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._heard)

    def _heard(self, message: ConsoleMessage) -> None:
        """Answers that are no 2xx are told on the console by the browser itself; they are no complaint."""
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def open(self, page: str = "overview", *, width: int = 1280, height: int = 800, theme: str = "light") -> Page:
        self.page.set_viewport_size({"width": width, "height": height})
        # Without motion: axe would meet colours on their way from one theme to the other.
        self.page.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")
        self.page.goto(f"{self.url}/console#/{page}")
        self.page.wait_for_selector("main h1")
        return self.page

    def unlock(self) -> None:
        """Gives the admin token, which stays until the tab is loaded anew."""
        self.page.get_by_role("button", name="Admin token", exact=True).click()
        self.page.get_by_label("Token", exact=True).fill(TOKEN)
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("button", name="Forget admin token")).to_be_visible()
        expect(self.page.get_by_role("dialog")).to_have_count(0)  # what stands behind it takes no key before


@pytest.fixture
def console(browser: Browser, stack: LocalStack) -> Iterator[Console]:
    """Fails the test in the end when a script has failed, or tried what the Content-Security-Policy forbids."""
    context = browser.new_context(timezone_id="Europe/Istanbul")
    console = Console(context.new_page(), stack.url)
    console.page.set_default_timeout(PATIENCE_MS)
    yield console
    context.close()
    assert console.complaints == []
