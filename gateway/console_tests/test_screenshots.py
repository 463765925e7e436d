"""The pictures of docs/images, of a real stack with a day's traffic (make screenshots)."""

import base64
import itertools
from pathlib import Path

import pytest

from console_tests.conftest import PAGES, Console
from console_tests.test_every_page import settled
from tests.stack import REPOSITORY

IMAGES = REPOSITORY / "docs" / "images"
SIZES = {"wide": (1280, 860), "phone": (390, 844)}
MAX_BYTES = 150_000
QUALITY = 82
"""Of WebP, in percent: letters stay sharp."""

LOOKS = {"overview": "overview?window=1440"}
"""What of a page is shown, where its first sight says little."""


@pytest.mark.parametrize(("page", "size", "theme"), list(itertools.product(PAGES, SIZES, ("light", "dark"))))
def test_a_picture_of(console: Console, page: str, size: str, theme: str) -> None:
    width, height = SIZES[size]
    tab = settled(console, LOOKS.get(page, page), width=width, height=height, theme=theme)
    tab.wait_for_timeout(300)  # the last frame of what has just been drawn
    session = tab.context.new_cdp_session(tab)
    picture = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    content = base64.b64decode(picture["data"])
    assert len(content) <= MAX_BYTES
    IMAGES.mkdir(exist_ok=True)
    Path(IMAGES / f"console-{page}-{size}-{theme}.webp").write_bytes(content)
