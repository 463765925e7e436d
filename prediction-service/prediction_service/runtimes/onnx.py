"""Any ONNX file that turns texts, or their token ids, into one number per label.

Loaded only when a model asks for it: ONNX Runtime alone takes some 40 MiB.
"""

from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # the package carries no types

from prediction_service.manifest import Manifest, OnnxRuntime
from prediction_service.runtimes.base import ModelError
from prediction_service.runtimes.readers import Reader, StringReader, TokenReader

SUREST = 3.0
"""From nine windows on, more of them make a verdict no surer: nothing longer was there to learn that from."""


class OnnxTextRuntime:
    """One session, one thread per call: the calls of several workers share the processors."""

    def __init__(self, folder: Path, manifest: Manifest, settings: OnnxRuntime) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                folder / settings.file, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime has a class of its own for each thing that can be wrong
            raise ModelError(f"{settings.file} cannot be loaded: {error}") from error
        self._output = output_of(self._session, settings.output)
        self._softmax, self._lowercase = settings.softmax, settings.lowercase
        self._max_rows = manifest.batching.max_rows
        self._reader = reader_for(self._session, folder, settings)

    def probabilities(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """For each text the probability of each label; see `combined` for texts in several windows."""
        windows = [self._reader.windows(text.lower() if self._lowercase else text) for text in texts]
        scores = iter(self._scores(list(chain.from_iterable(windows))))
        rows = np.array([combined(list(islice(scores, len(own))), own, logits=self._softmax) for own in windows])
        return (softmax(rows) if self._softmax else rows).tolist()  # type: ignore[no-any-return]

    def _scores(self, windows: Sequence[Any]) -> list[np.ndarray[Any, Any]]:
        """One row per window; the session is never given more at once than the manifest allows."""
        rows: list[np.ndarray[Any, Any]] = []
        for start in range(0, len(windows), self._max_rows):
            feed = self._reader.feed(windows[start : start + self._max_rows])
            (scores,) = self._session.run([self._output], feed)
            if scores.ndim != 2:
                raise ModelError(f"output {self._output} has {scores.ndim} dimensions; texts and labels make two")
            rows.extend(np.asarray(scores, dtype=np.float64))
        return rows

    def is_quick(self, texts: Sequence[str]) -> bool:
        """A thread's hop is little against a call."""
        return False


def output_of(session: Any, name: str | None) -> str:
    """The output with the scores: the one named in the manifest, else the only one that has numbers."""
    outputs = {output.name: output.type for output in session.get_outputs()}
    candidates = [name] if name else [output for output, kind in outputs.items() if kind == "tensor(float)"]
    if len(candidates) != 1 or candidates[0] not in outputs:
        raise ModelError(f"name one of its outputs in runtime.output: {', '.join(outputs)}")
    return candidates[0]


def reader_for(session: Any, folder: Path, settings: OnnxRuntime) -> Reader:
    """What the model's inputs ask for. Raises ModelError when they cannot be filled."""
    shapes = {node.name: (node.type, len(node.shape)) for node in session.get_inputs()}
    if settings.tokenizer is None:
        return StringReader(shapes)
    return TokenReader(shapes, folder / settings.tokenizer, settings.max_tokens, settings.long_texts)


def combined(scores: Sequence[np.ndarray[Any, Any]], windows: Sequence[Any], *, logits: bool) -> np.ndarray[Any, Any]:
    """The scores of one text from those of its windows, each of which counts by its number of tokens.

    Probabilities are averaged. Logits are averaged and multiplied by the root of the number of windows, up to SUREST:
    several windows that say the same are surer than one, though not as sure as if they knew nothing of each other. On
    reviews this, and not the plain average, makes the confidence the share of right answers.
    """
    if len(windows) == 1:
        return scores[0]
    shares = np.array([len(window) for window in windows]) / max(map(len, windows))
    mean = shares @ np.array(scores) / shares.sum()
    return np.asarray(mean * min(np.sqrt(shares.sum()), SUREST) if logits else mean)


def softmax(scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Logits to probabilities; to NaN where one of them is none or infinite."""
    with np.errstate(invalid="ignore"):
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))
