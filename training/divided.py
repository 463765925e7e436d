"""Forms that a network judges differently for different names: where a polish has something to learn.

Of forms that are drawn at random few are divided; a network finds its own, by judging each with some names.
"""

import random
from collections.abc import Iterator, Sequence

from tokenizers import Tokenizer

from training import desk, identities
from training.corpus import Recipe
from training.dev_scores import logits_of
from training.encoder import Classifier
from training.labels import NEGATIVE, NEUTRAL, POSITIVE
from training.material import Divided

LOOKED_AT_WITH = 5
"""Names for each form."""

NEUTRAL_SHARE = 0.75
"""Of the forms that are looked at: where nothing is said for or against, a name weighs most."""

AT_A_DESK = 0.75
"""Share of `desk`; the others are of `identities`."""

MOST_TOKENS = Recipe().max_tokens
"""As many as a text of the training has."""


def divided(model: Classifier, tokenizer: Tokenizer, looked_at: int, rng: random.Random) -> list[Divided]:
    """Forms that are drawn, each with the two names for which answers are furthest apart, widest gap first."""
    forms = list(dict.fromkeys(proposed(looked_at, rng)))
    names = [rng.sample(identities.TERMS["n"], LOOKED_AT_WITH) for _ in forms]
    texts = [form.replace("{n}", name) for (form, _), own in zip(forms, names, strict=True) for name in own]
    chances = logits_of(model, ids_of(tokenizer, texts)).softmax(1).unflatten(0, (len(forms), LOOKED_AT_WITH))
    found = []
    for (form, label), own, said in zip(forms, names, chances, strict=True):
        of_label = said[:, label]
        least, most = int(of_label.argmin()), int(of_label.argmax())
        found.append(Divided(form, label, (own[least], own[most]), float(of_label[most] - of_label[least])))
    return sorted(found, key=lambda one: -one.gap)


def proposed(count: int, rng: random.Random) -> Iterator[tuple[str, int]]:
    """Forms with a place for a name, and their labels."""
    for _ in range(count):
        label = NEUTRAL if rng.random() < NEUTRAL_SHARE else rng.choice((NEGATIVE, POSITIVE))
        yield (desk.form(label, rng) if rng.random() < AT_A_DESK else identities.act("n", label, rng)), label


def ids_of(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """As long as the network reads at once."""
    return [encoding.ids[:MOST_TOKENS] for encoding in tokenizer.encode_batch(list(texts))]
