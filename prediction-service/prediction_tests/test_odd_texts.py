"""Long and odd texts get an answer, and no confident one about what cannot be read."""

import pytest

from prediction_service.settings import Settings
from prediction_tests.construction_sentences import LATIN_LETTERS, NO_LANGUAGE, OTHER_SCRIPTS
from prediction_tests.service import MODELS
from prediction_tests.test_behaviour import Judge, judge_of, label

MOST_CLAIMED = {"sentiment": 0.4, "sentiment-fast": 0.6}
"""Model → confidence in what it cannot read stays below this; the small one takes dots for something neutral."""

UNREADABLE = [
    "",
    "   \n\t ",
    "...",
    "。",
    "🦖",
    "Привет, Жанна! Мне здесь нравится.",
    "これは本当に素晴らしい映画でした。",
    "هذا المنتج سيء جدا",
    "ฉันไม่ชอบร้านนี้เลย",
    "xqzt wvkp jjrq zzmn",
    "\u200b\u200d\ufe0f",
]

SAID_WITH_MORE_THAN_WORDS = [
    ("LOVE THIS PLACE SO MUCH!!!", "positive"),
    ("the new update is #awful #fail", "negative"),
    ("What a fantastic evening 😍🎉 https://example.org/photos", "positive"),
    ("@support this is the worst service ever 😡 www.example.org", "negative"),
    ("We won 🏆🏆🏆", "positive"),
    ("💔😭 worst day", "negative"),
    ("soooo happy right now :)", "positive"),
    ("DO NOT BUY THIS. TOTAL RUBBISH.", "negative"),
]


@pytest.fixture(params=MOST_CLAIMED)
def judge(request: pytest.FixtureRequest) -> Judge:
    return judge_of(request.param)


@pytest.mark.parametrize("text", UNREADABLE)
@pytest.mark.parametrize("name", MOST_CLAIMED)
def test_nothing_is_claimed_about_what_cannot_be_read(name: str, text: str) -> None:
    assert max(judge_of(name)(text).values()) < MOST_CLAIMED[name]


OTHER_LANGUAGES_CLAIMED = 3
"""Of LATIN_LETTERS: texts of which `sentiment` claims something, as when it was released; 2.0.0 did of 2."""


@pytest.mark.parametrize("text", [*UNREADABLE, *NO_LANGUAGE, *OTHER_SCRIPTS, *LATIN_LETTERS])
def test_what_cannot_be_read_is_never_negative(text: str) -> None:
    assert label(judge_of("sentiment"), text) != "negative"


def test_other_languages_are_not_judged_by_false_friends() -> None:
    claimed = [text for text in LATIN_LETTERS if max(judge_of("sentiment")(text).values()) >= 0.4]
    assert len(claimed) <= OTHER_LANGUAGES_CLAIMED, claimed


@pytest.mark.parametrize(("text", "expected"), SAID_WITH_MORE_THAN_WORDS)
def test_emoji_hashtags_links_and_capitals_do_not_hide_what_is_said(judge: Judge, text: str, expected: str) -> None:
    assert label(judge, text) == expected


GOOD, BAD = "It was a wonderful stay. ", "It was a dreadful stay. "


@pytest.mark.parametrize(("beginning", "rest"), [(GOOD, BAD), (BAD, GOOD)])
def test_a_text_of_ten_thousand_characters_is_judged_by_all_of_it(judge: Judge, beginning: str, rest: str) -> None:
    more_than_one_window = beginning * 16
    whole = (more_than_one_window + rest * 400)[:10_000]
    assert label(judge, more_than_one_window) == label(judge, beginning)
    assert label(judge, whole) == label(judge, rest) != label(judge, beginning)


def test_the_default_is_shipped() -> None:
    assert (MODELS / Settings.model_fields["default_model"].default).is_dir()
