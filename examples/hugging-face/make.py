"""Which desk is a message for? A small encoder of Hugging Face's transformers, as a folder that the service serves.

    make hugging-face-install
    .venv-hugging-face/bin/python examples/hugging-face/make.py

Makes messages, trains a BERT of one layer from its configuration (nothing is downloaded), writes models/desks/1.0.0,
and rows.csv: a thousand messages that the model has not seen, with what transformers says about them (columns that
begin with _).
"""

import shutil
import sys
import tempfile
from pathlib import Path
from random import Random

import pandas
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from modelserver.importing.huggingface import HuggingFaceModel
from modelserver.importing.importer import About, import_model
from modelserver.importing.sample import sample_of

HERE = Path(__file__).parent
MESSAGES, UNSEEN, STEPS, BATCH = 3000, 1000, 800, 64

WORDS = {
    "billing": ["invoice", "charged", "twice", "refund", "card", "payment", "bank", "amount", "discount", "receipt"],
    "delivery": ["parcel", "courier", "late", "address", "tracking", "arrived", "door", "shipped", "package", "street"],
    "technical": ["error", "crashes", "login", "password", "screen", "update", "install", "button", "loading", "blank"],
}
"""Desk → words of messages for it."""

COMMON = [
    "the",
    "my",
    "is",
    "was",
    "it",
    "please",
    "help",
    "when",
    "i",
    "a",
    "not",
    "and",
    "again",
    "since",
    "yesterday",
    "hello",
]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


def messages() -> tuple[list[str], list[int]]:
    """Made-up messages, and the desk of each by its number."""
    random = Random(2026)
    texts, desks = [], []
    for _ in range(MESSAGES):
        desk = random.choice(list(WORDS))
        words = random.choices(WORDS[desk], k=random.randint(1, 4)) + random.choices(COMMON, k=random.randint(2, 8))
        random.shuffle(words)
        texts.append(" ".join(words))
        desks.append(list(WORDS).index(desk))
    return texts, desks


def tokenizer() -> PreTrainedTokenizerFast:
    """One token for each word."""
    words = {
        word: number for number, word in enumerate([*SPECIAL, *COMMON, *(w for own in WORDS.values() for w in own)])
    }
    tokens = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokens.normalizer, tokens.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    tokens.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(special, words[special]) for special in ("[CLS]", "[SEP]")]
    )
    named = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=tokens, **named)


def trained(tokens: PreTrainedTokenizerFast, texts: list[str], desks: list[int]) -> BertForSequenceClassification:
    """A small encoder that has learned the messages."""
    torch.manual_seed(2026)
    config = BertConfig(
        vocab_size=len(tokens), hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48,
        max_position_embeddings=64, num_labels=len(WORDS), id2label=dict(enumerate(WORDS)),
    )  # fmt: skip
    model = BertForSequenceClassification(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(STEPS):
        start = step * BATCH % (len(texts) - BATCH)
        given = tokens(texts[start : start + BATCH], padding=True, return_tensors="pt")
        model(**given, labels=torch.tensor(desks[start : start + BATCH])).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


def main() -> None:
    """Trains, imports, and writes what transformers says about messages that it has not seen."""
    texts, desks = messages()
    tokens = tokenizer()
    model = trained(tokens, texts[UNSEEN:], desks[UNSEEN:])
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        tokens.save_pretrained(folder)
        original = HuggingFaceModel(Path(folder), sample_of(pandas.DataFrame({"text": texts[UNSEEN:]})))
    shutil.rmtree(HERE / "models", ignore_errors=True)
    about = About(description="Which desk a message is for", source="examples/hugging-face/make.py: made-up messages")
    imported = import_model(original, HERE / "models" / "desks", about)

    unseen = pandas.DataFrame({"text": texts[:UNSEEN]})
    said = original.says(unseen)
    chosen = said.argmax(axis=1)
    unseen["_label"], unseen["_confidence"] = [original.labels[desk] for desk in chosen], said.max(axis=1)
    unseen.to_csv(HERE / "rows.csv", index=False)
    right = sum(int(one == other) for one, other in zip(chosen, desks, strict=False)) / UNSEEN
    sys.stdout.write(f"{imported.folder}: right about {right:.1%} of {UNSEEN:,} messages that it has not seen\n")


if __name__ == "__main__":
    main()
