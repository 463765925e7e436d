"""Any ONNX file that turns texts, or their token ids, into one number per label.

Imported only when a model needs it: ONNX Runtime alone takes some 40 MiB.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # the package carries no types

from prediction_service.batching.outputs import SUM_TOLERANCE
from prediction_service.batching.runtime import ModelError, Piece
from prediction_service.models.crashes import Calling
from prediction_service.models.folders.manifest import Manifest, OnnxOptions
from prediction_service.models.folders.plain_files import is_file
from prediction_service.models.runtimes.onnx_file import find_file, open_session
from prediction_service.models.runtimes.onnx_output import Array, ScoresOutput, label_output
from prediction_service.models.runtimes.readers import STRINGS, Reader, StringReader, TokenReader, shown
from prediction_service.models.runtimes.windows import MAX_CALL_COST, piece_of

DEFAULT_TOKENS = 256
"""Most tokens of a call where the manifest says nothing; fewer if the model takes fewer."""

FEWEST_TOKENS = 8

MOST_SHARPENING = 3.0
"""Upper limit of the factor in `combined`, reached at nine windows: the data it was chosen on has no longer texts."""

LONG_TEXT = "It was a long and fine day at the sea. "
"""At least eight tokens; repeated, it exceeds any limit of tokens."""


class OnnxTextRuntime:
    """One session, one thread per call: the calls of several workers share the processors."""

    max_call_cost = MAX_CALL_COST

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        settings: OnnxOptions,
        memory_bytes: int | None = None,
        calling: Calling = nullcontext,
    ) -> None:
        self._calling = calling
        self.file = find_file(folder, settings.file)
        self.session = open_session(self.file, memory_bytes)
        # Shared by all calls: setting `terminate` ends the running ones at their next node.
        self._run_options = onnxruntime.RunOptions()
        self._run_options.log_severity_level = 4
        self.output = ScoresOutput(self.session, settings.output, manifest.labels)
        self._softmax, self._lowercase = settings.softmax, settings.lowercase
        self._reader = reader_for(self.session, folder, self.file, settings)
        self._max_rows = min(manifest.batching.max_rows, self._reader.rows or manifest.batching.max_rows)
        if isinstance(self._reader, TokenReader):
            self._limit_tokens(self._reader, settings.max_tokens)

    def probabilities(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """For each text the probability of each label; see `combined` for texts in several windows."""
        pieces = self.pieces(texts)
        scores = iter(self.scores(list(chain.from_iterable(pieces))))
        return self.verdicts([(list(islice(scores, len(own))), own) for own in pieces])

    def pieces(self, texts: Sequence[str]) -> list[Sequence[Piece]]:
        """The windows of each text, in little memory."""
        return [[piece_of(window) for window in own] for own in self._windows(texts)]

    def scores(self, pieces: Sequence[Any]) -> Sequence[Array]:
        """The model's output for each window, unchanged."""
        return self._scores([piece.content() for piece in pieces])

    def verdicts(self, texts: Sequence[tuple[Sequence[Any], Sequence[Any]]]) -> Sequence[Sequence[float]]:
        """The probabilities of texts from the scores of their windows."""
        rows = np.array([combined(scores, windows, logits=self._softmax) for scores, windows in texts])
        return (softmax(rows) if self._softmax else rows).tolist()  # type: ignore[no-any-return]

    def raw(self, texts: Sequence[str]) -> list[list[float]]:
        """The model's output for each text's first window, unchanged."""
        return [row.tolist() for row in self._scores([own[0] for own in self._windows(texts)])]

    def choices(self, texts: Sequence[str]) -> list[str] | None:
        """The label that the model itself outputs for each text; None if it has no such output."""
        name = label_output(self.session, self.output.name)
        if name is None:
            return None
        chosen = (self._run([own[0]], name) for own in self._windows(texts))
        return [str(np.asarray(value).reshape(-1)[0]) for value in chosen]

    def _windows(self, texts: Sequence[str]) -> list[Sequence[Any]]:
        return self._reader.windows([text.lower() for text in texts] if self._lowercase else texts)

    def _scores(self, windows: Sequence[Any]) -> list[Array]:
        """One row per window, in calls of at most as many rows as the manifest allows."""
        rows: list[Array] = []
        for start in range(0, len(windows), self._max_rows):
            part = windows[start : start + self._max_rows]
            rows.extend(self.output.rows(self._run(part, self.output.name), len(part)))
        return rows

    def _run(self, windows: Sequence[Any], output: str) -> Any:
        """One call. Where the model has a fixed number of rows, the last window is repeated to fill them."""
        filled = [*windows, *[windows[-1]] * ((self._reader.rows or 0) - len(windows))]
        feed = self._reader.feed(filled)
        with self._calling():
            (value,) = self.session.run([output], feed, self._run_options)
        return value

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
            self._run([window], self.output.name)
        except Exception as error:  # noqa: BLE001 -- ONNX Runtime's own classes
            return error
        return None

    def is_quick(self, texts: Sequence[str]) -> bool:
        """Never: switching to a thread takes little time compared with a call."""
        return False

    def stop(self) -> None:
        """Ends running calls at their next node, also within loops; a single node that never ends cannot be stopped."""
        self._run_options.terminate = True


def reader_for(session: Any, folder: Path, file: Path, settings: OnnxOptions) -> Reader:
    """The reader that fits the model's inputs. Raises ModelError when none can fill them."""
    nodes = session.get_inputs()
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


def combined(scores: Sequence[Array], windows: Sequence[Any], *, logits: bool) -> Array:
    """The scores of one text from those of its windows, each of which counts by its number of tokens.

    Probabilities are averaged. Logits are averaged and multiplied by the root of the number of windows, at most
    MOST_SHARPENING: several windows that agree are stronger evidence than one, though weaker than if they were
    independent. Measured on reviews, the confidence is then the share of correct labels, which it is not with the plain
    average.
    """
    if len(windows) == 1:
        return scores[0]
    rows = np.array(scores)
    if not logits and not (np.abs(rows.sum(axis=1) - 1.0) <= SUM_TOLERANCE).all():
        return np.full(rows.shape[1], np.nan)  # an invalid window must not disappear in the average
    shares = np.array([len(window) for window in windows]) / max(map(len, windows))
    mean = shares @ rows / shares.sum()
    return np.asarray(mean * min(np.sqrt(shares.sum()), MOST_SHARPENING) if logits else mean)


def softmax(scores: Array) -> Array:
    """Logits to probabilities; a row with NaN or infinity becomes NaN."""
    with np.errstate(invalid="ignore"):
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))
