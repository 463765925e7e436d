"""Any ONNX file that turns texts, or their token ids, into one number per label.

Loaded only when a model asks for it: ONNX Runtime alone takes some 40 MiB.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # the package carries no types
from tokenizers import Tokenizer

from prediction_service.manifest import Manifest, OnnxRuntime
from prediction_service.runtimes.base import ModelError

Feed = dict[str, np.ndarray[Any, Any]]

TOKEN_INPUTS: dict[str, Callable[[Any], list[int]]] = {
    "input_ids": lambda encoding: encoding.ids,
    "attention_mask": lambda encoding: encoding.attention_mask,
    "token_type_ids": lambda encoding: encoding.type_ids,
}
"""What exported Hugging Face models call their inputs."""


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
        self._feed = (
            tokens_feed(self._session, folder / settings.tokenizer, settings.max_tokens)
            if settings.tokenizer
            else strings_feed(self._session)
        )

    def probabilities(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """For each text the probability of each label."""
        prepared = [text.lower() for text in texts] if self._lowercase else texts
        (rows,) = self._session.run([self._output], self._feed(prepared))
        scores = np.asarray(rows, dtype=np.float64)
        if scores.ndim != 2:
            raise ModelError(f"output {self._output} has {scores.ndim} dimensions; texts and labels make two")
        return (softmax(scores) if self._softmax else np.clip(scores, 0.0, 1.0)).tolist()  # type: ignore[no-any-return]

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


def strings_feed(session: Any) -> Callable[[Sequence[str]], Feed]:
    """For models that take texts as they are, in shape [n] or [n, 1]."""
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(string)":
        raise ModelError("without runtime.tokenizer the model must take one input, of strings")
    name, columns = inputs[0].name, len(inputs[0].shape)

    def feed(texts: Sequence[str]) -> Feed:
        array = np.array(texts, dtype=np.object_)
        return {name: array if columns == 1 else array.reshape(-1, 1)}

    return feed


def tokens_feed(session: Any, file: Path, max_tokens: int) -> Callable[[Sequence[str]], Feed]:
    """For models that take token ids, padded to the longest text of the call."""
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises bare Exceptions
        raise ModelError(f"{file.name} is not a tokenizer: {error}") from error
    tokenizer.enable_truncation(max_tokens)
    if tokenizer.padding is None:
        tokenizer.enable_padding()
    names = [node.name for node in session.get_inputs()]
    if unknown := set(names) - set(TOKEN_INPUTS):
        raise ModelError(f"has inputs that tokens cannot fill: {', '.join(sorted(unknown))}")

    def feed(texts: Sequence[str]) -> Feed:
        encodings = tokenizer.encode_batch(list(texts))
        return {
            name: np.array([TOKEN_INPUTS[name](encoding) for encoding in encodings], dtype=np.int64) for name in names
        }

    return feed


def softmax(scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Logits to probabilities."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
