"""The encoder of all-MiniLM-L6-v2 (BERT's architecture) with a head for three classes, in plain PyTorch.

Written out rather than taken from a library: it is short, its parameters carry the names of the published file, and it
exports to a graph without branches.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of MiniLM-L6."""

    vocabulary: int
    classes: int
    width: int = 384
    layers: int = 6
    heads: int = 12
    inner: int = 1536
    positions: int = 512
    dropout: float = 0.1


class Embeddings(nn.Module):
    """Word, place and segment (only the first is used), normalised."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(shape.vocabulary, shape.width)
        self.position_embeddings = nn.Embedding(shape.positions, shape.width)
        self.token_type_embeddings = nn.Embedding(2, shape.width)
        self.LayerNorm = nn.LayerNorm(shape.width, eps=1e-12)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, ids: Tensor) -> Tensor:
        """Ids of shape [rows, tokens] to vectors."""
        places = self.position_embeddings.weight[: ids.shape[1]]
        return self.dropout(self.LayerNorm(self.word_embeddings(ids) + places + self.token_type_embeddings.weight[0]))


class Attention(nn.Module):
    """Each token looks at all tokens that are not padding."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads, self.head_width = shape.heads, shape.width // shape.heads
        self.query = nn.Linear(shape.width, shape.width)
        self.key = nn.Linear(shape.width, shape.width)
        self.value = nn.Linear(shape.width, shape.width)
        self.output = nn.Linear(shape.width, shape.width)
        self.LayerNorm = nn.LayerNorm(shape.width, eps=1e-12)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, states: Tensor, bias: Tensor) -> Tensor:
        """`bias` is added to the weights: very negative where there is padding."""
        rows, tokens, width = states.shape

        def split(projected: Tensor) -> Tensor:
            return projected.view(rows, tokens, self.heads, self.head_width).transpose(1, 2)

        query, key, value = split(self.query(states)), split(self.key(states)), split(self.value(states))
        weights = (query @ key.transpose(2, 3) * self.head_width**-0.5 + bias).softmax(-1)
        mixed = (weights @ value).transpose(1, 2).reshape(rows, tokens, width)
        return self.LayerNorm(states + self.dropout(self.output(mixed)))


class Layer(nn.Module):
    """Attention, then two dense layers on each token."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention = Attention(shape)
        self.intermediate = nn.Linear(shape.width, shape.inner)
        self.output = nn.Linear(shape.inner, shape.width)
        self.LayerNorm = nn.LayerNorm(shape.width, eps=1e-12)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, states: Tensor, bias: Tensor) -> Tensor:
        """See `Attention.forward`."""
        states = self.attention(states, bias)
        return self.LayerNorm(states + self.dropout(self.output(functional.gelu(self.intermediate(states)))))


class Classifier(nn.Module):
    """Token ids and their mask to one logit per class."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embeddings = Embeddings(shape)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.dropout = nn.Dropout(shape.dropout)
        self.head = nn.Linear(2 * shape.width, shape.classes)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Ids and mask (1 for text, 0 for padding) of shape [rows, tokens] to logits [rows, classes]."""
        mask = attention_mask.to(torch.float32)
        states = self.embeddings(input_ids)
        bias = ((1.0 - mask) * -1e4)[:, None, None, :].to(states.dtype)
        for layer in self.layers:
            states = layer(states, bias)
        return self.head(self.dropout(pooled(states, mask)))


def pooled(states: Tensor, mask: Tensor) -> Tensor:
    """The first token beside the mean over the text, which is what the encoder was pre-trained to give."""
    mean = (states * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
    return torch.cat([states[:, 0], mean.to(states.dtype)], dim=1)


def restored(weights: dict[str, Tensor]) -> Classifier:
    """A network as one of our runs left it."""
    model = Classifier(Shape(len(weights["embeddings.word_embeddings.weight"]), len(weights["head.bias"])))
    model.load_state_dict(weights)
    return model


PUBLISHED_NAMES = {
    ".attention.self.": ".attention.",
    ".attention.output.dense.": ".attention.output.",
    ".attention.output.LayerNorm.": ".attention.LayerNorm.",
    ".intermediate.dense.": ".intermediate.",
    ".output.dense.": ".output.",
    ".output.LayerNorm.": ".LayerNorm.",
    "encoder.layer.": "layers.",
}
"""Parts of the parameters' names in the published file, and ours; the first that fits holds."""


def our_name(published: str) -> str:
    """The name of a published parameter here."""
    for theirs, ours in PUBLISHED_NAMES.items():
        published = published.replace(theirs, ours)
    return published


def load_published(model: Classifier, weights: dict[str, Tensor], kept_rows: Tensor) -> None:
    """Fills everything but the head; `kept_rows` are the published ids of our vocabulary.

    Raises RuntimeError when a parameter is missing.
    """
    ours = {our_name(name): value for name, value in weights.items()}
    ours["embeddings.word_embeddings.weight"] = ours["embeddings.word_embeddings.weight"][kept_rows]
    wanted = {name for name in model.state_dict() if not name.startswith("head.")}
    if missing := wanted - ours.keys():
        raise RuntimeError(f"not in the published file: {', '.join(sorted(missing))}")
    model.load_state_dict({name: ours[name].to(torch.float32) for name in wanted}, strict=False)
