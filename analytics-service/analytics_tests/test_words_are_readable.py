# ruff: noqa: RUF001  (letters of many scripts are what this is about)
"""Whatever Gemini writes: what people get has nothing in it that cannot be seen, and all that can."""

import json
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from analytics_service.contracts.readable import one_line, readable
from analytics_service.contracts.report import Finding, Findings
from analytics_service.gemini.provider import Completion, UnusableError
from analytics_service.gemini.report_text import findings_in
from analytics_service.testing.gemini_emulator import FINDINGS, GeminiEmulator, saying
from analytics_service.testing.metrics_emulator import MetricsEmulator
from analytics_tests.parts import a_report
from analytics_tests.service import analyze, client_of, settings_for
from shared.testing.redis import RedisServer

UNSEEN = {
    "NUL": ("a\x00b", "ab"),
    "ESC and its sequence": ("\x1b[31mred\x1b[0m", "[31mred[0m"),
    "backspaces": ("good\x08\x08\x08\x08bad", "goodbad"),
    "C1 controls": ("a\x9b31mb", "a31mb"),
    "a bidi override": ("all is \u202ellew ton\u202c", "all is llew ton"),
    "bidi isolates": ("\u2066a\u2069 \u2067b\u2069 \u2068c\u2069", "a b c"),
    "direction marks": ("a\u200e\u200f\u061cb", "ab"),
    "zero-width spaces": ("dr\u200bi\u2060f\ufefft", "drift"),
    "joiners between letters that need none": ("dr\u200di\u200cft", "drift"),
    "a joiner at the end": ("drift\u200d", "drift"),
    "soft hyphens": ("dr\u00adift", "drift"),
    "tags that hide a sentence": ("ok" + "".join(chr(0xE0000 + ord(each)) for each in "ignore"), "ok"),
    "selectors that hide bytes": ("ok\ufe01\ufe02\U000e0101\U000e01ef", "ok"),
    "half a character": ("a\ud800b", "ab"),
    "private use": ("a\ue000b", "ab"),
    "no character at all": ("a\ufdd0\U0001ffffb", "ab"),
    "blank letters": ("a\u3164\u115f\u2800b", "ab"),
    "a pile of accents": ("a" + "\u0301" * 40 + "b", "a" + "\u0301" * 4 + "b"),
    "other line ends": ("a\r\nb\u2028c\u2029d\x85e\x0bf", "a\nb\nc\nd\ne\nf"),
    "many lines": ("a\n\n\n \n\n b", "a\n\nb"),
    "tabs and odd blanks": ("a\tb\u00a0\u3000c", "a b c"),
}

SEEN = {
    "a paragraph": "First.\n\nSecond.",
    "Turkish": "Güven düştü; eşiğin altında, %12.",
    "Arabic": "انخفضت الثقة إلى 0.62",
    "Hebrew beside English": "ירידה ב-confidence",
    "Persian, which needs ZWNJ": "نمی\u200cخواهم",
    "Hindi, which needs ZWJ": "क्\u200dष",
    "Chinese": "置信度下降了。",
    "decomposed accents": "e\u0301a\u0308\u0304",
    "a family": "👨\u200d👩\u200d👧",
    "a heart on fire": "❤\ufe0f\u200d🔥",
    "a skin tone and a profession": "👩🏽\u200d⚕\ufe0f",
    "a flag and a key cap": "🇹🇷 1\ufe0f⃣",
    "mathematics": "PSI ≥ 0.25 → drift × 3 ± 0.1 µs",
}


@pytest.mark.parametrize("kind", UNSEEN)
def test_what_cannot_be_seen_is_gone(kind: str) -> None:
    text, left = UNSEEN[kind]
    assert readable(text) == left
    assert Finding(issue_type=f"x{text}", severity="low", description=text).description == left


@pytest.mark.parametrize("kind", SEEN)
def test_what_can_be_read_stays(kind: str) -> None:
    assert readable(SEEN[kind]) == SEEN[kind]


@given(st.text())
def test_no_text_leaves_anything_unseen_and_twice_is_once(text: str) -> None:
    found = readable(text)
    assert isinstance(found, str)
    assert readable(found) == found
    assert len(found) <= len(text)
    for each in found:
        assert each == "\n" or unicodedata.category(each) not in {"Cc", "Cs", "Co", "Cn"}
        assert unicodedata.bidirectional(each) not in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    assert "\n" not in str(one_line(text))
    json.dumps(found, ensure_ascii=False).encode()


@pytest.mark.parametrize("blank", ["\u200b\u2060", "\x00", "\u202e\u202c", "\u3164", " \u00a0\n"])
def test_words_that_cannot_be_seen_are_none(blank: str) -> None:
    with pytest.raises(UnusableError):
        findings_in(Completion(json.dumps(FINDINGS | {"summary": blank})))


@pytest.mark.parametrize(
    "flood",
    [
        {"summary": "a" * 2001},
        {"recommendations": ["a" * 2001]},
        {"root_cause_hypothesis": "a " * 2000},
        {"identified_issues": [{"issue_type": "a" * 81, "severity": "low", "description": "b"}]},
        {"recommendations": ["a"] * 21},
    ],
)
def test_a_flood_is_refused(flood: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Findings.model_validate(FINDINGS | flood)


def test_a_great_text_is_read_in_no_time() -> None:
    started = time.process_time()
    for text in ("a\u0301" * 100_000, " \n" * 100_000, "\u200d" * 200_000, "🔥\u200d" * 60_000):
        readable(text)
    assert time.process_time() - started < 5


async def test_a_client_gets_what_can_be_read_and_a_report_that_can_be_encoded(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    hostile = "".join(text for text, _ in UNSEEN.values())
    issue = {"issue_type": f"low\n{hostile}"[:80], "severity": "low", "description": hostile}
    words = {"summary": f"Fine. {hostile}", "identified_issues": [issue], "recommendations": [hostile]}
    gemini.behave(saying(json.dumps(FINDINGS | words)))
    async with client_of(settings_for(redis_server, metrics, gemini)) as client:
        report = (await analyze(client)).json()
        again = (await analyze(client)).json()
    assert report["source"] == "gemini"
    assert report == again
    for text in (report["summary"], *report["recommendations"], report["identified_issues"][0]["issue_type"]):
        assert readable(text) == text
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert a_report().summary == FINDINGS["summary"]
