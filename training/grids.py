"""Rounds all dense layers of an encoder (`rounding`), by the inputs that they get from texts."""

import random
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from training import desk, identities
from training.constructions import constructed
from training.encoder import Classifier
from training.labels import NEGATIVE, NEUTRAL, POSITIVE
from training.outliers import EXACT
from training.rounding import rounded


def onto_grid(model: Classifier, texts: Sequence[list[int]]) -> None:
    """Layer by layer from below, so that each is rounded for what comes from the rounded ones."""
    for layer in model.layers:
        dense = [part for name, part in layer.named_modules() if isinstance(part, nn.Linear) and EXACT not in name]
        for part, products in zip(dense, products_of_inputs(model, dense, texts), strict=True):
            weights = rounded(part.weight.detach().numpy(), products.numpy())
            part.weight = nn.Parameter(torch.from_numpy(weights))


def products_of_inputs(model: Classifier, dense: Sequence[nn.Linear], texts: Sequence[list[int]]) -> list[Tensor]:
    """Of each dense layer the products of any two inputs, summed over all tokens."""
    found = [torch.zeros(part.in_features, part.in_features) for part in dense]

    def watched(mine: Tensor) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def add(_: nn.Module, inputs: tuple[Tensor, ...], __: Tensor) -> None:
            (tokens,) = inputs[0]
            mine.addmm_(tokens.T, tokens)

        return add

    hooks = [part.register_forward_hook(watched(mine)) for part, mine in zip(dense, found, strict=True)]
    with torch.inference_mode():
        for ids in texts:
            model(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.int64))
    for hook in hooks:
        hook.remove()
    return [mine.double() for mine in found]


def own_texts() -> list[str]:
    """Sentences like those of the polishes; most are of people at a desk, where the least error may decide a label."""
    rng = random.Random(0)  # noqa: S311 - nothing secret is drawn
    alike = [text for group in identities.formed(25, rng) for text in group.texts]
    desks = [desk.form(rng.choice((NEGATIVE, NEUTRAL, NEUTRAL, NEUTRAL, POSITIVE)), rng) for _ in range(300)]
    named = [form.replace("{n}", rng.choice(identities.TERMS["n"])) for form in desks]
    return [*(example.text for example in constructed(100, rng)), *alike, *named]
