"""What the sentiment models make of negation, contrast, irony and the like: never worse than what was released.

The floors are the numbers that passed when the shipped version was made; the model card shows them.
"""

from collections.abc import Callable
from functools import cache

import pytest

from prediction_service.models.folders.listing import ModelFolder, list_folders
from prediction_service.models.loader import QueueBounds, load_model
from prediction_tests.behaviour_sentences import EXPECTED, SAME, STRONGER
from prediction_tests.service import MODELS

FLOORS = {
    "sentiment": {
        "negation": 14,
        "contrast": 12,
        "neutral facts": 11,
        "mild irony": 8,
        "spelling mistakes": 10,
        "names swapped": 10,
        "order of clauses": 8,
        "intensifiers": 9,
    },
    "sentiment-fast": {
        "negation": 10,
        "contrast": 10,
        "neutral facts": 12,
        "mild irony": 4,
        "spelling mistakes": 8,
        "names swapped": 10,
        "order of clauses": 8,
        "intensifiers": 9,
    },
    "sentiment-lexicon": {
        "negation": 11,
        "contrast": 11,
        "neutral facts": 10,
        "mild irony": 0,
        "spelling mistakes": 6,
        "names swapped": 10,
        "order of clauses": 8,
        "intensifiers": 10,
    },
}

Judge = Callable[[str], dict[str, float]]


@cache
def judge_of(name: str) -> Judge:
    """Label → probability by the newest version of a shipped model."""
    newest: ModelFolder = max(
        (folder for folder in list_folders(MODELS).models if folder.name == name), key=lambda folder: folder.precedence
    )
    model = load_model(newest, QueueBounds(256, 5.0))
    return lambda text: model.manifest.task.finding(model.batcher.runtime.compute([text])[0]).raw["scores"]


def label(judge: Judge, text: str) -> str:
    scores = judge(text)
    return max(scores, key=scores.__getitem__)


def passed(judge: Judge, behaviour: str) -> list[bool]:
    """Case by case."""
    if behaviour in EXPECTED:
        return [label(judge, text) == expected for text, expected in EXPECTED[behaviour]]
    if behaviour in SAME:
        return [label(judge, text) == label(judge, other) for text, other in SAME[behaviour]]
    return [judge(stronger)[wanted] >= judge(weaker)[wanted] for weaker, stronger, wanted in STRONGER]


@pytest.mark.parametrize("behaviour", [*EXPECTED, *SAME, "intensifiers"])
@pytest.mark.parametrize("name", FLOORS)
def test_no_model_behaves_worse_than_when_it_was_released(name: str, behaviour: str) -> None:
    results = passed(judge_of(name), behaviour)
    assert sum(results) >= FLOORS[name][behaviour], [index for index, right in enumerate(results) if not right]
