"""The pictures of docs/images, of a real stack with a day's traffic (make screenshots)."""

import base64
import itertools

import pytest
from playwright.sync_api import Page

from console_tests.conftest import PAGES, Console
from console_tests.test_every_page import LOCKED, SETTLED, settled
from tests.stack import REPOSITORY

IMAGES = REPOSITORY / "docs" / "images"
SIZES = {"wide": (1280, 860), "phone": (390, 844)}
MAX_BYTES = 150_000
QUALITY = 82
"""Of WebP, in percent: letters stay sharp."""

LOOKS = {
    "overview": "overview?window=1440",
    "models": "models?model=churn",
    "playground": "playground?model=sentiment",
    "record": "record?model_name=sentiment",
    "drift": "drift?window=360&model=sentiment",
    "analysis": "analysis?window=360",
}
"""What of a page is shown, where its first sight says little."""


def in_use(page: str, tab: Page) -> None:
    """As it looks when somebody has done what it is for."""
    if page == "overview":
        rate = tab.locator(".tile", has_text="Predictions a second").locator(".value")
        predict = f"{tab.url.partition('/console')[0]}/predict"
        while not set("123456789") & set(rate.inner_text()):
            tab.request.post(predict, data={"text": "What a wonderful little server!"})
            tab.wait_for_timeout(200)
    if page == "playground":
        tab.get_by_label("text").fill("What a wonderful little server!")
        tab.get_by_role("button", name="Predict", exact=True).click()
        tab.locator(".answer").wait_for()
    if page == "analysis":
        tab.get_by_role("button", name="Ask for a report").click()
        tab.locator(".lead").wait_for()


@pytest.mark.parametrize(("page", "size", "theme"), list(itertools.product(PAGES, SIZES, ("light", "dark"))))
def test_a_picture_of(console: Console, page: str, size: str, theme: str) -> None:
    width, height = SIZES[size]
    tab = settled(console, LOOKS.get(page, page), width=width, height=height, theme=theme)
    if page in LOCKED[1:]:
        console.unlock()
        tab.wait_for_function(SETTLED)
    in_use(page, tab)
    tab.wait_for_timeout(300)  # the last frame of what has just been drawn
    session = tab.context.new_cdp_session(tab)
    picture = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    content = base64.b64decode(picture["data"])
    assert len(content) <= MAX_BYTES
    IMAGES.mkdir(exist_ok=True)
    (IMAGES / f"console-{page}-{size}-{theme}.webp").write_bytes(content)
