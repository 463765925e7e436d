"""A network of the shipped one's kind, so small that a test can train or export it, and a tokenizer to go with it."""

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from training import identities
from training.encoder import Classifier, Shape

WORDS = ("[UNK]", *identities.TERMS["n"])
"""The vocabulary: names, and whatever else there is. A name's place is its token id."""

SHAPE = Shape(len(WORDS), classes=3, width=16, layers=4, heads=2, inner=24, positions=80, dropout=0.1)


def tiny() -> Classifier:
    """Weights at random, always the same ones and no two alike: what is alike is exported once."""
    torch.manual_seed(3)
    model = Classifier(SHAPE).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def tokenizer() -> Tokenizer:
    """Words and numbers of the vocabulary; a name with a hyphen is one word."""
    made = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\w-]+"), behavior="removed", invert=True)
    return made
