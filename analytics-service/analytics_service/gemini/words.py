"""What Gemini said, fit for a log and for `/health`: one line, short, without any key; pure."""

import re

from analytics_service.gemini.provider import Said

LONGEST = 200
"""Characters."""

SHORTEST_KEY = 8
"""Characters. A shorter one is a word, no secret: hiding it would only make the words hard to read."""

KEY_SHAPES = re.compile(r"AIza[\w-]{10,}|AQ\.[\w-]{10,}")
"""Google's keys: it likes to name the refused one in its errors."""

UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a0-\u200a\u2010-\u2027\u2030-\u205f\u2070-\ud7ff\uf900-\ufdcf\ufdf0-\ufefe]+")
"""Line breaks, control and bidirectional characters: they would forge lines of a log."""


def said(text: str, key: str, status: int | None = None, code: str | None = None) -> Said:
    """The words without the key, on one line, cut to LONGEST."""
    hidden = text.replace(key, "[key]") if len(key) >= SHORTEST_KEY else text
    plain = " ".join(UNPRINTABLE.sub(" ", KEY_SHAPES.sub("[key]", hidden)).split())
    return Said(plain if len(plain) <= LONGEST else plain[: LONGEST - 1] + "…", status, code and code[:60])
