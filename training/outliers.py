"""Keeps the few inputs of a dense layer that are sometimes huge out of its arithmetic in 8 bits.

In 8 bits all inputs share one scale, so that a single huge one takes the precision of all others. In an encoder it is
always the same few channels (Dettmers et al. 2022, "LLM.int8()"): they are multiplied in 32 bits, beside the others.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from training.encoder import Classifier

KEPT_APART = 8
"""Channels of a layer. Behind the first 8 the peaks of all others are about alike."""

EXACT = "few"
"""Part of the names of what is to stay in 32 bits."""


class Parted(nn.Module):
    """The same dense layer as a sum over some inputs and the others."""

    def __init__(self, dense: nn.Linear, outliers: Tensor) -> None:
        super().__init__()
        weight = dense.weight.detach()
        self.outliers: Tensor
        self.others: Tensor
        self.register_buffer("outliers", outliers)
        self.register_buffer("others", torch.ones(dense.in_features).index_fill(0, outliers, 0.0))
        self.few = nn.Linear(len(outliers), dense.out_features, bias=False)
        self.few.weight = nn.Parameter(weight[:, outliers].clone())
        self.many = nn.Linear(dense.in_features, dense.out_features)
        self.many.weight = nn.Parameter(weight * self.others)
        self.many.bias = dense.bias

    def forward(self, states: Tensor) -> Tensor:
        """What the dense layer gives."""
        return self.many(states * self.others) + self.few(states.index_select(-1, self.outliers))


def part(model: Classifier, texts: Sequence[list[int]]) -> None:
    """Replaces the layers that lose most in 8 bits; `texts` show which of their inputs grow huge."""
    places = [(owner, name) for layer in model.layers for owner, name in lossy(layer)]
    found = peaks(model, [getattr(owner, name) for owner, name in places], texts)
    for (owner, name), peak in zip(places, found, strict=True):
        setattr(owner, name, Parted(getattr(owner, name), peak.topk(KEPT_APART).indices))


def lossy(layer: nn.Module) -> tuple[tuple[nn.Module, str], ...]:
    """The dense layers of a layer that lose most, by their owners and names."""
    return (layer, "intermediate"), (layer, "output"), (layer.attention, "value")


def peaks(model: Classifier, layers: Sequence[nn.Linear], texts: Sequence[list[int]]) -> list[Tensor]:
    """Of each input of each layer, the mean over the texts of the greatest amount in each."""
    found: list[list[Tensor]] = [[] for _ in layers]

    def watched(mine: list[Tensor]) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        return lambda _, inputs, __: mine.append(inputs[0].abs().amax((0, 1)))

    hooks = [dense.register_forward_hook(watched(mine)) for dense, mine in zip(layers, found, strict=True)]
    with torch.inference_mode():
        for ids in texts:
            model(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.int64))
    for hook in hooks:
        hook.remove()
    return [torch.stack(mine).mean(0).clone() for mine in found]
