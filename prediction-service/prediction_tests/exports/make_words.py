"""The sentences, the words and the answers of all models that are made here."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

TEXTS = ["Fresh bread and soup", "RAIN and wind today", "the soup was warm", "sun after the storm", "cheese with bread"]
FOOD = [
    "bread and cheese",
    "warm soup with bread",
    "fresh cheese today",
    "soup and salad",
    "the bread was fresh",
    "salad with cheese",
    "we ate soup",
    "warm bread after work",
]
WEATHER = [
    "rain and wind",
    "the storm was loud",
    "sun after rain",
    "cold wind today",
    "snow and storm",
    "warm sun with wind",
    "we saw snow",
    "rain after work",
]
SENTENCES = FOOD + WEATHER
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *sorted({word.lower() for text in SENTENCES for word in text.split()})]
LABELS = ["food", "weather"]

Array = np.ndarray[Any, Any]


def write_answers(folder: Path, labels: Sequence[str], probabilities: Array, manifest: str) -> None:
    """What the tool says, and the manifest that a person would write."""
    listed = ", ".join(json.dumps(label, ensure_ascii=False) for label in labels)
    (folder / "model.toml").write_text(f'labels = [{listed}]\n[runtime]\nkind = "onnx"\n{manifest}', encoding="utf-8")
    expected = {
        "texts": TEXTS,
        "labels": [labels[index] for index in probabilities.argmax(axis=1)],
        "probabilities": [[round(float(number), 6) for number in row] for row in probabilities],
    }
    (folder / "expect.json").write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def tokenizer() -> Tokenizer:
    """A word for each token."""
    made = Tokenizer(WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.normalizer, made.pre_tokenizer = Lowercase(), Whitespace()
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(name, WORDS.index(name)) for name in ("[CLS]", "[SEP]")]
    )
    return made
