"""Any ONNX file that takes texts, or their token ids; for every task.

Imported only when a model needs it: ONNX Runtime alone takes some 40 MiB.
"""

from collections.abc import Callable, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from prediction_service.batching.runtime import ModelError, Piece
from prediction_service.models.folders.manifest import Manifest
from prediction_service.models.folders.plain_files import is_file
from prediction_service.models.folders.runtime_options import OnnxOptions
from prediction_service.models.runtimes.onnx_file import find_file
from prediction_service.models.runtimes.onnx_output import label_output
from prediction_service.models.runtimes.onnx_results import ClassificationResults
from prediction_service.models.runtimes.onnx_session import OnnxSession
from prediction_service.models.runtimes.onnx_text_results import text_results_for
from prediction_service.models.runtimes.readers import STRINGS, Reader, StringReader, TokenReader, shown
from prediction_service.models.runtimes.windows import MAX_CALL_COST, pieces_of, placed_pieces_of
from prediction_service.signature.signature import Instance
from prediction_service.tasks.task import Output

DEFAULT_TOKENS = 256
"""Most tokens of a call where the manifest says nothing; fewer if the model takes fewer."""

FEWEST_TOKENS = 8

LONG_TEXT = "It was a long and fine day at the sea. "
"""At least eight tokens; repeated, it exceeds any limit of tokens."""

PAIR = 2


class OnnxTextRuntime:
    """Instances are texts, or pairs of them."""

    max_call_cost = MAX_CALL_COST

    def __init__(self, session: OnnxSession, folder: Path, manifest: Manifest, settings: OnnxOptions) -> None:
        if len(manifest.inputs) == PAIR and settings.long_texts == "windows":
            raise ModelError('long_texts = "windows" is for models of one text; of a pair the beginnings are read')
        self._session, self.file, self.metadata = session, session.file, session.metadata
        self.results = text_results_for(self._session.outputs, manifest, settings, folder, self.file)
        self._reader = reader_for(self._session.inputs, folder, self.file, settings)
        self._lowercase, self._entities = settings.lowercase, settings.entities
        self._max_rows = min(manifest.batching.max_rows, self._reader.rows or manifest.batching.max_rows)
        if isinstance(self._reader, TokenReader):
            self._limit_tokens(self._reader, settings.max_tokens)
            if settings.entities:
                self._reader.place_tokens()

    def compute(self, instances: Sequence[Instance]) -> Sequence[Output]:
        """For each text what the model gives, as its task has it."""
        pieces = self.pieces(instances)
        scores = iter(self.scores(list(chain.from_iterable(pieces))))
        return self.outputs([(list(islice(scores, len(own))), own) for own in pieces])

    def pieces(self, instances: Sequence[Instance]) -> list[Sequence[Piece]]:
        """The windows of each text, in little memory."""
        texts = [text_of(instance) for instance in instances]
        if self._entities and isinstance(self._reader, TokenReader):
            windows = self._windows(texts)
            overlap = self._reader.overlap
            return [placed_pieces_of(own, str(text), overlap) for own, text in zip(windows, texts, strict=True)]
        return [pieces_of(own) for own in self._windows(texts)]

    def scores(self, pieces: Sequence[Any]) -> Sequence[Any]:
        """The model's output for each window, unchanged."""
        return self._scores([piece.content() for piece in pieces])

    def outputs(self, instances: Sequence[tuple[Sequence[Any], Sequence[Any]]]) -> Sequence[Output]:
        """The outputs of texts, from the scores of their windows."""
        return self.results.outputs(instances)

    @property
    def names_labels(self) -> bool:
        """Whether the model says of each number to which of the manifest's labels it belongs."""
        results = getattr(self.results, "results", None)
        return isinstance(results, ClassificationResults) and results.scores.by_name

    def raw(self, instances: Sequence[Instance]) -> list[list[float]]:
        """The model's output for each text's first window, unchanged."""
        first = [own[0] for own in self._windows([text_of(instance) for instance in instances])]
        return [row.tolist() for row in self._scores(first)]

    def choices(self, instances: Sequence[Instance]) -> list[str] | None:
        """The labels that the model itself chooses; None if it does not say."""
        name = label_output(self._session.outputs, self.results.names[0])
        if name is None:
            return None
        windows = self._windows([text_of(instance) for instance in instances])
        chosen = (self._run([own[0]], [name])[0] for own in windows)
        return [str(np.asarray(value).reshape(-1)[0]) for value in chosen]

    def _windows(self, texts: Sequence[Any]) -> list[Sequence[Any]]:
        if not self._lowercase:
            return self._reader.windows(texts)
        return self._reader.windows([lowered(text, lower_in_place if self._entities else str.lower) for text in texts])

    def _scores(self, windows: Sequence[Any]) -> list[Any]:
        """One row per window, in calls of at most as many rows as the manifest allows."""
        rows: list[Any] = []
        for start in range(0, len(windows), self._max_rows):
            part = windows[start : start + self._max_rows]
            rows.extend(self.results.rows(self._run(part, self.results.names), part))
        return rows

    def _run(self, windows: Sequence[Any], names: Sequence[str]) -> Sequence[Any]:
        """One call. Where the model has a fixed number of rows, the last window is repeated to fill them."""
        filled = [*windows, *[windows[-1]] * ((self._reader.rows or 0) - len(windows))]
        return self._session.run(names, self._reader.feed(filled))

    def _limit_tokens(self, reader: TokenReader, asked: int | None) -> None:
        """Limits windows to what the manifest or the model allows. Raises ModelError if the manifest asks for more."""
        most = reader.tokens or asked or DEFAULT_TOKENS
        if asked is not None and asked > most:
            raise ModelError(
                f"max_tokens = {asked}: the model has a fixed length of {most} tokens; say max_tokens = {most}"
            )
        most = min(most, asked or most)
        error = self._error_at(reader, most)
        if error is None:
            return
        possible = largest(FEWEST_TOKENS, most, lambda tokens: self._error_at(reader, tokens) is None)
        if possible is None:
            raise ModelError(f"does not compute: {error}") from error
        if asked is not None:
            raise ModelError(f"max_tokens = {asked} is more than the model takes; say max_tokens = {possible} or less")
        reader.limit_tokens(possible)

    def _error_at(self, reader: TokenReader, tokens: int) -> Exception | None:
        """The model's error for a window of so many tokens, or None. Limits the reader to that length."""
        reader.limit_tokens(tokens)
        ((window, *_),) = reader.windows([LONG_TEXT * (tokens // 8 + 1)])
        try:
            self._run([window], self.results.names)
        except Exception as error:  # noqa: BLE001 -- ONNX Runtime's own classes
            return error
        return None

    def is_quick(self, instances: Sequence[Instance]) -> bool:
        """Never: switching to a thread takes little time compared with a call."""
        return False

    def stop(self) -> None:
        """See OnnxSession."""
        self._session.stop()


def text_of(instance: Instance) -> str | tuple[str, ...]:
    """The text that a tokenizer reads, or the pair of them; what a request left out is blank."""
    if isinstance(instance, str):
        return instance
    texts = tuple(text or "" for text in instance)
    return texts[0] if len(texts) == 1 else texts


def lowered(text: Any, lower: Callable[[str], str]) -> Any:
    """A text, or both of a pair."""
    return lower(text) if isinstance(text, str) else tuple(map(lower, text))


def lower_in_place(text: str) -> str:
    """Lower case as long as the text was, so that places in it stay what they are."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(sign.lower()[:1] for sign in text)


def takes_texts(folder: Path, manifest: Manifest, settings: OnnxOptions) -> bool:
    """Whether its instances are texts for this runtime, and not rows of columns: one text, or two for a tokenizer."""
    types = [declared.type for declared in manifest.inputs]
    if types == ["text"] * PAIR:
        return tokenizer_file(folder, find_file(folder, settings.file), settings) is not None
    return types in ([], ["text"])


def reader_for(nodes: Sequence[Any], folder: Path, file: Path, settings: OnnxOptions) -> Reader:
    """The reader that fits the model's inputs. Raises ModelError when none can fill them."""
    tokenizer = tokenizer_file(folder, file, settings)
    if settings.tokenizer is None and [node.type for node in nodes] == [STRINGS]:
        return StringReader(nodes[0])
    if tokenizer is not None:
        return TokenReader(nodes, tokenizer, settings.max_tokens or DEFAULT_TOKENS, settings.long_texts)
    if any(node.type == STRINGS for node in nodes) or any("float" in node.type for node in nodes):
        raise ModelError(
            f"takes {shown(nodes)}; a model of one text takes one input of strings (skl2onnx: "
            "initial_types=[('text', StringTensorType([None, 1]))]) or token ids"
        )
    raise ModelError(
        f"takes token ids ({shown(nodes)}) and there is no tokenizer.json: put it beside the model "
        "(Optimum writes it; transformers: AutoTokenizer.from_pretrained(…, use_fast=True).save_pretrained(folder))"
    )


def tokenizer_file(folder: Path, file: Path, settings: OnnxOptions) -> Path | None:
    """The one that the manifest names, else tokenizer.json in the model's folder or beside the file."""
    if settings.tokenizer is not None:
        return folder / settings.tokenizer
    usual = (folder / "tokenizer.json", file.parent / "tokenizer.json")
    return next((path for path in usual if is_file(path)), None)


def largest(low: int, high: int, possible: Any) -> int | None:
    """The largest possible number from `low` to below `high`, by bisection; None if even `low` is not possible."""
    if not possible(low):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if possible(middle) else (low, middle)
    return low
