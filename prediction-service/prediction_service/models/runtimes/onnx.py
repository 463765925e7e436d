"""Any ONNX file that turns texts, or their token ids, into one number per label.

Loaded only when a model asks for it: ONNX Runtime alone takes some 40 MiB.
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

USUAL_TOKENS = 256
"""Most tokens of a call where the manifest says nothing; fewer if the model takes fewer."""

FEWEST_TOKENS = 8

SUREST = 3.0
"""From nine windows on, more of them make a verdict no surer: nothing longer was there to learn that from."""

LONG_TEXT = "It was a long and fine day at the sea. "
"""Ten words or more; so often repeated, it has more tokens than a call may have."""


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
        # All calls share them: once they say `terminate`, those that run end at their next node.
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
        """What the model says about each window, before anything is made of it."""
        return self._scores([piece.content() for piece in pieces])

    def verdicts(self, texts: Sequence[tuple[Sequence[Any], Sequence[Any]]]) -> Sequence[Sequence[float]]:
        """The probabilities of texts from the scores of their windows."""
        rows = np.array([combined(scores, windows, logits=self._softmax) for scores, windows in texts])
        return (softmax(rows) if self._softmax else rows).tolist()  # type: ignore[no-any-return]

    def raw(self, texts: Sequence[str]) -> list[list[float]]:
        """The numbers of each text's first window, as the model gives them."""
        return [row.tolist() for row in self._scores([own[0] for own in self._windows(texts)])]

    def choices(self, texts: Sequence[str]) -> list[str] | None:
        """The labels that the model itself chooses; None if it does not say."""
        name = label_output(self.session, self.output.name)
        if name is None:
            return None
        chosen = (self._run([own[0]], name) for own in self._windows(texts))
        return [str(np.asarray(value).reshape(-1)[0]) for value in chosen]

    def _windows(self, texts: Sequence[str]) -> list[Sequence[Any]]:
        return self._reader.windows([text.lower() for text in texts] if self._lowercase else texts)

    def _scores(self, windows: Sequence[Any]) -> list[Array]:
        """One row per window; the session is never given more at once than the manifest allows."""
        rows: list[Array] = []
        for start in range(0, len(windows), self._max_rows):
            part = windows[start : start + self._max_rows]
            rows.extend(self.output.rows(self._run(part, self.output.name), len(part)))
        return rows

    def _run(self, windows: Sequence[Any], output: str) -> Any:
        """One call. Where the number of rows is fixed, the last one fills up what is missing."""
        filled = [*windows, *[windows[-1]] * ((self._reader.rows or 0) - len(windows))]
        feed = self._reader.feed(filled)
        with self._calling():
            (value,) = self.session.run([output], feed, self._run_options)
        return value

    def _limit_tokens(self, reader: TokenReader, asked: int | None) -> None:
        """As many tokens as the manifest says, or as the model takes. Raises ModelError if it takes fewer."""
        most = reader.tokens or asked or USUAL_TOKENS
        if asked is not None and asked > most:
            raise ModelError(
                f"max_tokens = {asked}: the model has a fixed length of {most} tokens; say max_tokens = {most}"
            )
        most = min(most, asked or most)
        error = self._refusal(reader, most)
        if error is None:
            return
        possible = largest(FEWEST_TOKENS, most, lambda tokens: self._refusal(reader, tokens) is None)
        if possible is None:
            raise ModelError(f"does not compute: {error}") from error
        if asked is not None:
            raise ModelError(f"max_tokens = {asked} is more than the model takes; say max_tokens = {possible} or less")
        reader.limit_tokens(possible)

    def _refusal(self, reader: TokenReader, tokens: int) -> Exception | None:
        """What the model says to a text of so many tokens, which is the limit from now on; None: it computes."""
        reader.limit_tokens(tokens)
        ((window, *_),) = reader.windows([LONG_TEXT * (tokens // 8 + 1)])
        try:
            self._run([window], self.output.name)
        except Exception as error:  # noqa: BLE001 -- ONNX Runtime's own classes
            return error
        return None

    def is_quick(self, texts: Sequence[str]) -> bool:
        """A thread's hop is little against a call."""
        return False

    def stop(self) -> None:
        """A call ends at its next node, within loops too; only a single node that never ends goes on."""
        self._run_options.terminate = True


def reader_for(session: Any, folder: Path, file: Path, settings: OnnxOptions) -> Reader:
    """What the model's inputs ask for. Raises ModelError when they cannot be filled."""
    nodes = session.get_inputs()
    tokenizer = tokenizer_file(folder, file, settings)
    if settings.tokenizer is None and [node.type for node in nodes] == [STRINGS]:
        return StringReader(nodes[0])
    if tokenizer is not None:
        return TokenReader(nodes, tokenizer, settings.max_tokens or USUAL_TOKENS, settings.long_texts)
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
    """The largest number below `high` that is possible, if those above a limit are not; None if even `low` is not."""
    if not possible(low):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if possible(middle) else (low, middle)
    return low


def combined(scores: Sequence[Array], windows: Sequence[Any], *, logits: bool) -> Array:
    """The scores of one text from those of its windows, each of which counts by its number of tokens.

    Probabilities are averaged. Logits are averaged and multiplied by the root of the number of windows, up to SUREST:
    several windows that say the same are surer than one, though not as sure as if they knew nothing of each other. On
    reviews this, and not the plain average, makes the confidence the share of right answers.
    """
    if len(windows) == 1:
        return scores[0]
    rows = np.array(scores)
    if not logits and not (np.abs(rows.sum(axis=1) - 1.0) <= SUM_TOLERANCE).all():
        return np.full(rows.shape[1], np.nan)  # a window that makes no sense must not hide in the average
    shares = np.array([len(window) for window in windows]) / max(map(len, windows))
    mean = shares @ rows / shares.sum()
    return np.asarray(mean * min(np.sqrt(shares.sum()), SUREST) if logits else mean)


def softmax(scores: Array) -> Array:
    """Logits to probabilities; to NaN where one of them is none or infinite."""
    with np.errstate(invalid="ignore"):
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))
