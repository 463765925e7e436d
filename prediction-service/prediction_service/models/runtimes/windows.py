"""The pieces that an ONNX model computes, in a compact form while they wait in the queue.

A tokenizer's own windows also hold strings and offsets; a model needs only the numbers.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Encoding

from prediction_service.batching.runtime import CHARACTERS

WINDOW_COST = 22
"""Fixed cost of a window in a call, in tokens. Measured with the model `sentiment` on one processor: 1.1 ms, and
0.05 ms for each token."""

MAX_CALL_COST = 65_536
"""Of one call with several rows, in tokens. For models of usual size `max_rows` of the manifest is the lower limit."""


class PaddedWindow:
    """A window in the form in which readers fill inputs: it has what they use of a tokenizer's Encoding."""

    def __init__(self, ids: list[int], type_ids: list[int]) -> None:
        self.ids, self.type_ids, self.attention_mask = ids, type_ids, [1] * len(ids)

    def __len__(self) -> int:
        return len(self.ids)

    def pad(
        self, length: int, *, direction: str = "right", pad_id: int = 0, pad_type_id: int = 0, pad_token: str = ""
    ) -> None:
        """Extends it to `length`, if it is shorter."""
        missing = max(length - len(self.ids), 0)
        for numbers, filling in ((self.ids, pad_id), (self.type_ids, pad_type_id), (self.attention_mask, 0)):
            if direction == "left":
                numbers[:0] = [filling] * missing
            else:
                numbers.extend([filling] * missing)


@dataclass(frozen=True, slots=True)
class Window:
    """Some tokens of a text."""

    ids: "array[int]"
    type_ids: "array[int]"

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def tokens(self) -> int:
        """How many tokens it has."""
        return len(self.ids)

    @property
    def cost(self) -> int:
        """Its work, in tokens."""
        return len(self.ids) + WINDOW_COST

    def content(self) -> PaddedWindow:
        """What the reader fills the inputs with."""
        return PaddedWindow(self.ids.tolist(), self.type_ids.tolist())


@dataclass(frozen=True, slots=True)
class PlacedWindow(Window):
    """A window that knows where its tokens stand in the text."""

    text: str
    first: int
    """How many tokens of the text are before this window's first one."""
    starts: "array[int]"
    ends: "array[int]"
    special: "array[int]"
    """1 for what stands for no characters: the marks that a tokenizer puts around a text."""


@dataclass(frozen=True, slots=True)
class StringPiece:
    """A text for a model that takes texts as they are."""

    text: str
    tokens: int = 0

    def __len__(self) -> int:
        return len(self.text)

    @property
    def cost(self) -> int:
        """Its work, in units of CHARACTERS characters."""
        return 1 + len(self.text) // CHARACTERS

    def content(self) -> str:
        """What the reader fills the inputs with."""
        return self.text


def pieces_of(windows: Sequence[Any]) -> Sequence[Window | StringPiece]:
    """The compact form of a reader's windows of one text."""
    return [
        Window(array("i", window.ids), array("i", window.type_ids))
        if isinstance(window, Encoding)
        else StringPiece(window)
        for window in windows
    ]


def placed_pieces_of(windows: Sequence[Encoding], text: str, overlap: int) -> Sequence[PlacedWindow]:
    """A tokenizer's windows of one text, each of which begins `overlap` tokens before the end of the one before."""
    own = len(windows[0]) - sum(windows[0].special_tokens_mask)
    return [
        PlacedWindow(
            array("i", window.ids),
            array("i", window.type_ids),
            text,
            number * (own - overlap),
            array("i", [start for start, _ in window.offsets]),
            array("i", [end for _, end in window.offsets]),
            array("i", window.special_tokens_mask),
        )
        for number, window in enumerate(windows)
    ]
