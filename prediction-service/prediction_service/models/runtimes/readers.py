"""From texts to what a model's inputs are filled with."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from tokenizers import Encoding, Tokenizer

from prediction_service.batching.runtime import ModelError

Feed = dict[str, np.ndarray[Any, Any]]

STRINGS = "tensor(string)"
NUMBERS: dict[str, type[np.generic]] = {
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(float)": np.float32,
    "tensor(bool)": np.bool_,
}
"""Types of inputs for token ids and their masks."""

TOKEN_INPUTS: dict[str, Callable[[Encoding], list[int]]] = {
    "input_ids": lambda encoding: encoding.ids,
    "attention_mask": lambda encoding: encoding.attention_mask,
    "token_type_ids": lambda encoding: encoding.type_ids,
    "position_ids": lambda encoding: list(range(len(encoding))),
}
"""Input names of Hugging Face models → their values."""

OTHER_NAMES = {
    "input_word_ids": "input_ids",
    "input_mask": "attention_mask",
    "input_type_ids": "token_type_ids",
    "segment_ids": "token_type_ids",
}
"""Other names → Hugging Face's; TensorFlow adds `:0` to every name."""

OVERLAP = 4
"""Neighbouring windows share one in so many tokens: a phrase that one window cuts in two is whole in the other."""

PADDING = ("direction", "pad_id", "pad_type_id", "pad_token")
"""The settings of a tokenizer file for padding one row."""


class Reader(Protocol):
    """Splits texts into windows, and turns windows of any texts into one call's inputs."""

    rows: int | None
    """How many windows a call must have; None: any number."""

    def windows(self, texts: Sequence[Any]) -> list[Sequence[Any]]:
        """At least one window for each text, or pair of texts."""
        ...

    def feed(self, windows: Sequence[Any]) -> Feed:
        """The inputs of one call, with one row for each window."""
        ...


def fixed(node: Any, dimension: int) -> int | None:
    """The fixed size of an input's dimension; None: any."""
    size = node.shape[dimension] if dimension < len(node.shape) else None
    return size if isinstance(size, int) and size > 0 else None


class StringReader:
    """For models that take texts as they are, in shape [n] or [n, 1]."""

    def __init__(self, node: Any) -> None:
        self._name, self._dimensions = node.name, len(node.shape)
        self.rows = fixed(node, 0)
        if self._dimensions > 2 or (fixed(node, 1) or 1) != 1:
            raise ModelError(f"input {node.name} has the shape {node.shape}; a text for each row makes [n] or [n, 1]")

    def windows(self, texts: Sequence[str]) -> list[Sequence[str]]:
        """Each text is one window."""
        return [[text] for text in texts]

    def feed(self, windows: Sequence[str]) -> Feed:
        """See Reader."""
        array = np.array(windows, dtype=np.object_)
        return {self._name: array if self._dimensions == 1 else array.reshape(-1, 1)}


class TokenReader:
    """For models that take token ids; windows of a call are padded to the longest of them, or to the model's length."""

    def __init__(
        self, nodes: Sequence[Any], file: Path, max_tokens: int, long_texts: Literal["cut", "windows"]
    ) -> None:
        try:
            self._tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises bare Exceptions
            raise ModelError(f"{file.name} is not a tokenizer: {error}") from error
        self._inputs = token_inputs(nodes)
        self._kinds = {node.name: NUMBERS[node.type] for node in nodes}
        self.rows, self.tokens = fixed(nodes[0], 0), fixed(nodes[0], 1)
        self._padding = self._tokenizer.padding or {}
        self._tokenizer.no_padding()
        self.limit_tokens(max_tokens)
        self._all_windows = long_texts == "windows"
        self._encode = self._tokenizer.encode_batch_fast

    def limit_tokens(self, most: int) -> None:
        """Windows that are made from now on have at most so many tokens."""
        self.overlap = most // OVERLAP
        self._tokenizer.enable_truncation(most, stride=self.overlap)

    def place_tokens(self) -> None:
        """Windows that are made from now on have the offsets of their tokens, which takes a little longer."""
        self._encode = self._tokenizer.encode_batch

    def windows(self, texts: Sequence[Any]) -> list[Sequence[Encoding]]:
        """The first window of each text or pair, or all of them if long texts are not cut. Raises ModelError.

        `encode_batch_fast` releases the GIL, unlike `encode`.
        """
        try:
            encodings = self._encode(self._bounded(texts))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 -- a panic in Rust is no Exception
            raise ModelError(f"the tokenizer fails: {error}") from None
        return [[encoding, *encoding.overflowing] if self._all_windows else [encoding] for encoding in encodings]

    def _bounded(self, texts: Sequence[Any]) -> list[Any]:
        """The texts; of pairs their beginnings, of which each has more tokens than a window.

        The tokenizer makes windows of what it cuts off, and of a pair every window of one text with every window of the
        other: two texts of 30,000 characters take 7 GB.
        """
        if not texts or isinstance(texts[0], str):
            return list(texts)
        parts = list(chain.from_iterable(texts))
        beginnings = iter(map(beginning, parts, self._tokenizer.encode_batch(parts)))
        return list(zip(beginnings, beginnings, strict=True))

    def feed(self, windows: Sequence[Encoding]) -> Feed:
        """See Reader."""
        length = self.tokens or max(map(len, windows))
        for window in windows:
            window.pad(length, **{name: self._padding[name] for name in PADDING if name in self._padding})
        return {
            name: np.array([part(window) for window in windows], dtype=self._kinds[name])
            for name, part in self._inputs.items()
        }


def beginning(text: str, encoding: Encoding) -> str:
    """Of a text the characters of its first two windows."""
    if not encoding.overflowing:
        return text
    return text[: max(end for _, end in encoding.overflowing[0].offsets)]


def token_inputs(nodes: Sequence[Any]) -> Mapping[str, Callable[[Encoding], list[int]]]:
    """Input → the function that makes its values. Raises ModelError for an input that tokens cannot fill."""
    usual = {node.name: usual_name(node.name) for node in nodes}
    if len(nodes) == 1 and nodes[0].type in NUMBERS:
        usual = {nodes[0].name: "input_ids"}
    if unknown := sorted(name for name, role in usual.items() if role not in TOKEN_INPUTS):
        raise ModelError(
            f"has inputs that tokens cannot fill: {', '.join(unknown)}; name them {', '.join(TOKEN_INPUTS)} at the "
            "export (PyTorch: input_names=[…])"
        )
    if wrong := [node for node in nodes if node.type not in NUMBERS or len(node.shape) != 2]:
        raise ModelError(
            f"input {wrong[0].name} is {wrong[0].type} {wrong[0].shape}; token ids are whole numbers [n, tokens]"
        )
    return {name: TOKEN_INPUTS[role] for name, role in usual.items()}


def usual_name(name: str) -> str:
    """Hugging Face's name for an input, or its own."""
    plain = name.removesuffix(":0").rsplit("/", 1)[-1]
    return OTHER_NAMES.get(plain, plain)


def shown(nodes: Sequence[Any]) -> str:
    """The inputs, for a message."""
    return ", ".join(f"{node.name} {node.type} {node.shape}" for node in nodes)
