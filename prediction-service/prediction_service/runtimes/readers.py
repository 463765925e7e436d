"""From a text to what a model's inputs are filled with."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from tokenizers import Encoding, Tokenizer

from prediction_service.runtimes.base import ModelError

Feed = dict[str, np.ndarray[Any, Any]]

Shapes = Mapping[str, tuple[str, int]]
"""Input → its type, such as `tensor(int64)`, and its number of dimensions."""

TOKEN_INPUTS: dict[str, Callable[[Encoding], list[int]]] = {
    "input_ids": lambda encoding: encoding.ids,
    "attention_mask": lambda encoding: encoding.attention_mask,
    "token_type_ids": lambda encoding: encoding.type_ids,
}
"""What exported Hugging Face models call their inputs."""

OVERLAP = 4
"""Neighbouring windows share this part of their tokens, one in so many: what one cuts in two, the other sees whole."""


PADDING = ("direction", "pad_id", "pad_type_id", "pad_token")
"""What a tokenizer file says of padding that concerns a single row."""


class Reader(Protocol):
    """Splits a text into windows, and turns windows of any texts into one call's inputs."""

    def windows(self, text: str) -> Sequence[Any]:
        """At least one."""
        ...

    def feed(self, windows: Sequence[Any]) -> Feed:
        """One row for each."""
        ...


class StringReader:
    """For models that take texts as they are, in shape [n] or [n, 1]."""

    def __init__(self, shapes: Shapes) -> None:
        if [kind for kind, _ in shapes.values()] != ["tensor(string)"]:
            raise ModelError("without runtime.tokenizer the model must take one input, of strings")
        ((self._name, (_, self._dimensions)),) = shapes.items()

    def windows(self, text: str) -> Sequence[str]:
        """The text."""
        return [text]

    def feed(self, windows: Sequence[str]) -> Feed:
        """See Reader."""
        array = np.array(windows, dtype=np.object_)
        return {self._name: array if self._dimensions == 1 else array.reshape(-1, 1)}


class TokenReader:
    """For models that take token ids; windows of one call are padded to the longest of them."""

    def __init__(self, shapes: Shapes, file: Path, max_tokens: int, long_texts: Literal["cut", "windows"]) -> None:
        try:
            self._tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises bare Exceptions
            raise ModelError(f"{file.name} is not a tokenizer: {error}") from error
        if unknown := shapes.keys() - TOKEN_INPUTS.keys():
            raise ModelError(f"has inputs that tokens cannot fill: {', '.join(sorted(unknown))}")
        self._names = list(shapes)
        self._padding = self._tokenizer.padding or {}
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens, stride=max_tokens // OVERLAP)
        self._whole = long_texts == "windows"

    def windows(self, text: str) -> Sequence[Encoding]:
        """The text's beginning or, where it is judged whole, all of it."""
        encoding = self._tokenizer.encode(text)
        return [encoding, *encoding.overflowing] if self._whole else [encoding]

    def feed(self, windows: Sequence[Encoding]) -> Feed:
        """See Reader."""
        longest = max(map(len, windows))
        for window in windows:
            window.pad(longest, **{name: self._padding[name] for name in PADDING if name in self._padding})
        return {
            name: np.array([TOKEN_INPUTS[name](window) for window in windows], dtype=np.int64) for name in self._names
        }
