"""The pictures of docs/images, of a real stack with a day's traffic (make screenshots)."""

import base64
import itertools
import random

import httpx
import pytest
from playwright.sync_api import Page

from console_tests.conftest import PAGES, SEED, Console
from console_tests.test_every_page import LOCKED, SETTLED, settled
from shared.testing.admin import ADMIN
from tests.stack import REPOSITORY, LocalStack

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
    "card": "models?card=sentiment&version=2.0.0",
    "compare": "models?compare=sentiment&version=2.0.0",
    "review": "record?review=sentiment",
    "quality": "drift?window=360&model=sentiment",
}
"""What of a page is shown, where its first sight says little; and what lies behind a page."""

LOOKED_AT = (*PAGES, "card", "compare", "review", "quality")
WITH_TOKEN = (*LOCKED[1:], "review")
JUDGED, RIGHT = 200, 0.9
"""Predictions that somebody judges for the picture of their quality, and how many of them were right."""


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
    if page == "quality":
        tab.get_by_role("heading", name="Quality, by feedback").evaluate("heading => heading.scrollIntoView()")
        tab.locator(".calibration").wait_for()
    if page == "review":
        tab.locator(".queue li").first.wait_for()
    if page == "analysis":
        tab.get_by_role("button", name="Ask for a report").click()
        tab.locator(".lead").wait_for()


@pytest.fixture(scope="module")
def feedback(stack: LocalStack) -> None:
    """Of the newest predictions of a model, by chance: that they were right, or what else would have been."""
    chance = random.Random(SEED)
    with httpx.Client(base_url=stack.url, headers=ADMIN, timeout=30) as client:
        newest = client.get("/predictions", params={"model_name": "sentiment", "limit": JUDGED}).json()["predictions"]
        words = [
            {
                "prediction_id": one["prediction_id"],
                "label": one["prediction_label"] if chance.random() < RIGHT else chance.choice(LABELS),
            }
            for one in newest
        ]
        client.post("/feedback/batch", json={"feedback": words}).raise_for_status()


LABELS = ("negative", "neutral", "positive")

KEYS: tuple[dict[str, object], ...] = (
    {"name": "checkout", "rights": ["predict", "feedback"], "limits": "600/60s"},
    {"name": "dashboard", "rights": ["read", "analyze"], "note": "the board's numbers"},
    {"name": "nightly", "rights": ["predict"], "limits": "600/60s,100000/d", "expires_at": "2035-01-01T00:00:00Z"},
)


@pytest.fixture(scope="module")
def keys(stack: LocalStack) -> None:
    """Keys as a team has them."""
    with httpx.Client(base_url=stack.url, headers=ADMIN, timeout=30) as client:
        for key in KEYS:
            client.post("/keys", json=key).raise_for_status()


@pytest.mark.parametrize(("page", "size", "theme"), list(itertools.product(LOOKED_AT, SIZES, ("light", "dark"))))
@pytest.mark.usefixtures("feedback", "keys")
def test_a_picture_of(console: Console, page: str, size: str, theme: str) -> None:
    width, height = SIZES[size]
    tab = settled(console, LOOKS.get(page, page), width=width, height=height, theme=theme)
    if page in WITH_TOKEN:
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
