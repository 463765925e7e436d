"""Models as transformers saves them, small and untrained: what is compared is the conversion. `FOLDER` is filled."""

import csv
import sys
from pathlib import Path
from random import Random

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedTokenizerFast,
)

SEED, ROWS = 20261127, 60

WORDS = [f"{first}{last}" for first in ("ca", "lo", "mi", "ne", "ru") for last in ("ble", "der", "fin", "son", "tch")]


def tokenizer() -> PreTrainedTokenizerFast:
    """Words and two marks, as BERT has them."""
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    own = Tokenizer(models.WordPiece({word: place for place, word in enumerate(marks + WORDS)}, unk_token="[UNK]"))
    own.normalizer = normalizers.BertNormalizer()
    own.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    own.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return PreTrainedTokenizerFast(
        tokenizer_object=own, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


def main(folder: Path) -> None:
    """Two classifiers, one of several labels at a time, and a sample of texts."""
    torch.manual_seed(SEED)
    words, random = tokenizer(), Random(SEED)
    labels = {0: "urgent", 1: "later", 2: "never"}
    sizes = {"vocab_size": len(words), "max_position_embeddings": 64, "id2label": labels}
    bert = BertConfig(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, initializer_range=0.4,
        problem_type="multi_label_classification", **sizes,
    )  # fmt: skip
    distil = DistilBertConfig(dim=24, n_layers=1, n_heads=2, hidden_dim=32, initializer_range=0.4, **sizes)
    for name, model in (
        ("single", DistilBertForSequenceClassification(distil)),
        ("several", BertForSequenceClassification(bert)),
    ):
        model.save_pretrained(folder / name)
        words.save_pretrained(folder / name)
    with (folder / "sample.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text"])
        writer.writerows([[" ".join(random.choices([*WORDS, "unheard"], k=1 + row % 40))] for row in range(ROWS)])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
