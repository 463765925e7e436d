"""A real browser that looks at the console: what it asks for, what it loads, how soon it shows a picture."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page, Request, Response, sync_playwright

PATIENCE_MS = 120_000
"""For a page on a machine that others keep busy as well."""

FIRST_CHART = """
new MutationObserver((_, watch) => {
  if (!document.querySelector("main canvas")) return;
  watch.disconnect();
  requestAnimationFrame(() => { window.firstChartMs = performance.now(); });
}).observe(document, { childList: true, subtree: true });
"""
"""Runs before the page's own scripts: says when the first chart was drawn, from the beginning of the navigation."""


@dataclass(frozen=True)
class Asked:
    """A request of a console."""

    after_seconds: float
    """Since the console was opened."""
    method: str
    path: str
    body: bytes


@dataclass
class Picture:
    """What one load of the page came to."""

    first_paint_ms: float
    first_chart_ms: float
    """Of real data, which the page has asked for by then."""
    bytes_of_files: int
    """Of the console's own files, as they are on disk."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        try:
            yield browser
        finally:
            browser.close()


def open_console(page: Page, url: str) -> None:
    """The overview, once it shows numbers."""
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{url}/console#/overview")
    page.wait_for_function("() => document.querySelector('.freshness')?.textContent.startsWith('As of')")


@contextmanager
def consoles(browser: Browser, url: str, number: int) -> Iterator[Page]:
    """So many open overviews; the first of them."""
    context = browser.new_context()
    pages = [context.new_page() for _ in range(number)]
    for page in pages:
        open_console(page, url)
    yield pages[0]
    context.close()


@dataclass
class Loaded:
    """What came for a page."""

    responses: list[Response] = field(default_factory=list)

    def note(self, response: Response) -> None:
        """One more."""
        self.responses.append(response)

    def bytes_of_files(self) -> int:
        """Of what lies below /console."""
        return sum(len(response.body()) for response in self.responses if "/console" in response.url)


def picture(browser: Browser, url: str) -> Picture:
    """A first visit, with nothing kept from before."""
    context = browser.new_context()
    context.add_init_script(FIRST_CHART)
    page, loaded = context.new_page(), Loaded()
    page.on("response", loaded.note)
    open_console(page, url)
    page.wait_for_function("() => window.firstChartMs")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    found = Picture(float(paint), float(page.evaluate("window.firstChartMs")), loaded.bytes_of_files())
    context.close()
    return found


def asked_by_a_console(browser: Browser, url: str, seconds: float) -> list[Asked]:
    """What an open overview asks for in so many seconds, after its first load."""
    found: list[Asked] = []
    with consoles(browser, url, 1) as page:
        began = time.monotonic()

        def note(request: Request) -> None:
            after = time.monotonic() - began
            found.append(Asked(after, request.method, request.url.removeprefix(url), request.post_data_buffer or b""))

        page.on("request", note)
        page.wait_for_timeout(seconds * 1000)
    return found
