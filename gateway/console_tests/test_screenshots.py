"""The pictures of docs/images, of a real stack with a day's traffic (make screenshots)."""

import base64
import itertools
import random
import re
import shutil
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page

from console_tests.conftest import PAGES, SEED, Console
from console_tests.test_every_page import LOCKED, SETTLED, settled
from shared.processes.waiting import wait_until
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
    "card": "models?card=sentiment&version=2.1.0",
    "compare": "models?compare=sentiment&version=2.1.0",
    "review": "record?review=sentiment",
    "quality": "drift?window=360&model=sentiment",
    "report": "rollouts",
}
"""What of a page is shown, where its first sight says little; and what lies behind a page."""

LOOKED_AT = (*PAGES, "card", "compare", "review", "quality", "report")
WITH_TOKEN = (*LOCKED[1:], "review", "report")
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
    if page == "report":
        card = tab.locator("section.card", has=tab.get_by_role("heading", name=re.compile(f"^{TRIED}")))
        card.get_by_text("How the candidate does").click()
        card.get_by_role("region", name="Largest disagreements").wait_for()
        card.get_by_role("heading").first.evaluate("heading => heading.scrollIntoView()")
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


@pytest.fixture(scope="module")
def rollout(stack: LocalStack) -> None:
    """A word list answers, and a small network has computed besides what was asked for."""
    folder = Path(stack.environment["MODELS_DIR"])
    shutil.copytree(folder / "sentiment-fast" / "1.0.0", folder / TRIED / "1.1.0")
    chance = random.Random(SEED)
    with httpx.Client(base_url=stack.url, headers=ADMIN, timeout=30) as client:

        def is_loaded() -> bool:
            models = client.get("/models").json()["models"]
            return any((one["name"], one["version"]) == (TRIED, "1.1.0") for one in models)

        def is_on_record() -> bool:
            shadow = client.get(f"/models/{TRIED}/rollout/report").json()["shadow"]
            return (shadow or {}).get("requests", 0) >= ASKED

        wait_until(is_loaded, "the second version", deadline_seconds=120)
        policy = {
            "revision": 0, "mode": "shadow", "share": 100, "stable_version": "1.0.0", "candidate_version": "1.1.0",
            "reason": "how often do they agree?", "changed_by": "ada",
        }  # fmt: skip
        client.put(f"/models/{TRIED}/rollout", json=policy).raise_for_status()
        for _ in range(ASKED):
            text = f"The {chance.choice(THINGS)} {chance.choice(SAID)}."
            client.post("/predict", json={"model_name": TRIED, "text": text}).raise_for_status()
        wait_until(is_on_record, "the shadow to be on record", deadline_seconds=120)


TRIED, ASKED = "sentiment-lexicon", 200
THINGS = ("parcel", "waiter", "film", "room", "phone", "train", "song", "soup")
SAID = ("was wonderful", "was not bad at all", "broke after a day", "arrives at nine", "could have been better",
        "is the worst that I know", "was surprisingly good", "is blue", "never came", "made my day")  # fmt: skip


@pytest.mark.parametrize(("page", "size", "theme"), list(itertools.product(LOOKED_AT, SIZES, ("light", "dark"))))
@pytest.mark.usefixtures("feedback", "keys", "rollout")
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
