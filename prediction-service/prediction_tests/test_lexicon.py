"""The lexicon gives VADER's own verdicts, as probabilities, in linear time."""

import random

import pytest
from vaderSentiment.vaderSentiment import BOOSTER_DICT, NEGATE, SPECIAL_CASES, SentimentIntensityAnalyzer

from prediction_service.models.folders.manifest import Manifest
from prediction_service.models.runtimes.lexicon import LexiconRuntime, LinearAnalyzer, probabilities_of

MANIFEST = Manifest.model_validate({"labels": ["neutral", "positive", "negative"], "runtime": {"kind": "lexicon"}})


def test_linear_time_changes_no_score() -> None:
    original, ours = SentimentIntensityAnalyzer(), LinearAnalyzer()
    rng = random.Random(20_240_601)
    words = [
        *rng.sample(sorted(original.lexicon), 300),
        *BOOSTER_DICT,
        *NEGATE,
        "but",
        "BUT",
        "so",
        "this",
        "least",
        "at",
    ]
    words += [word for phrase in SPECIAL_CASES for word in phrase.split()] + [
        "kind",
        "of",
        "table",
        "😀",
        "no",
        "doubt",
    ]
    for _ in range(3000):
        text = " ".join(rng.choices(words, k=rng.randint(1, 14))) + rng.choice(["", "!", "!!!", "??", "."])
        assert ours.polarity_scores(text) == original.polarity_scores(text), text


@pytest.mark.parametrize(
    ("compound", "label"),
    [(0.05, 0), (0.0501, 0), (0.0499, 2), (0.0, 2), (-0.0499, 2), (-0.05, 1), (1.0, 0), (-1.0, 1)],
)
def test_the_most_probable_label_is_the_one_that_the_authors_cut_offs_choose(compound: float, label: int) -> None:
    probabilities = probabilities_of(compound)
    assert sum(probabilities) == pytest.approx(1)
    assert probabilities.index(max(probabilities)) == label


def test_probabilities_come_in_the_order_of_the_manifest() -> None:
    (row,) = LexiconRuntime(MANIFEST).compute(["I love it."])
    assert row.index(max(row)) == 1


def test_only_short_texts_count_as_quick() -> None:
    runtime = LexiconRuntime(MANIFEST)
    assert runtime.is_quick(["A sentence as people write it."])
    assert not runtime.is_quick(["A sentence."] * 100)
    assert not runtime.is_quick(["😀" * 100])
