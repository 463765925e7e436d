"""Classifiers of texts as Hugging Face's transformers has them: a folder with weights, configuration and tokenizer."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from modelserver.errors import RefusedError, UsageError
from modelserver.importing.attempts import first_of
from modelserver.importing.graph import session_of
from modelserver.importing.original import Converted, Numbers
from modelserver.importing.sample import Frame, Row, Sample
from modelserver.libraries import library

MOST_TOKENS = 512

ROWS = 32
"""Texts of one call."""


class HuggingFaceModel:
    """`AutoModelForSequenceClassification` of a local folder; nothing is downloaded."""

    def __init__(self, folder: Path, sample: Sample, labels: Sequence[str] = ()) -> None:
        if len(sample.frame.columns) != 1:
            raise UsageError("a sample for a model of texts has one column, of texts (leave the others out: --without)")
        transformers = library("transformers")
        library("torch")
        name = sample.frame.columns[0]
        self.sample = Sample(sample.frame.astype(str), {name: "text"})
        try:
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
            kind = transformers.AutoModelForSequenceClassification
            self._model = kind.from_pretrained(str(folder), local_files_only=True, attn_implementation="eager").eval()
        except (OSError, ValueError) as error:
            raise UsageError(f"{folder}: {' '.join(str(error).split())[:300]}") from error
        if not self._tokenizer.is_fast:
            raise RefusedError("its tokenizer has no tokenizer.json: save it with use_fast=True")
        config = self._model.config
        if config.num_labels == 1:
            raise RefusedError(
                "it has one output, which is a regression; export it to ONNX, then modelserver import onnx"
            )
        self.task = "multilabel" if config.problem_type == "multi_label_classification" else "classification"
        self.labels = list(labels) or [str(config.id2label[place]) for place in range(config.num_labels)]
        if len(self.labels) != config.num_labels:
            raise UsageError(f"the model has {config.num_labels} labels, and {len(self.labels)} are given")
        self._tokens = min(MOST_TOKENS, getattr(config, "max_position_embeddings", MOST_TOKENS) - reserved(config))

    def says(self, frame: Frame) -> Numbers:
        """Probabilities, text by text: none is padded."""
        torch = library("torch")
        logits = []
        with torch.no_grad():
            for text in frame.iloc[:, 0].astype(str):
                encoded = self._tokenizer(text, truncation=True, max_length=self._tokens, return_tensors="pt")
                logits.append(self._model(**encoded).logits.to(torch.float64))
        return self._probabilities(torch.cat(logits).numpy())

    def _probabilities(self, logits: Numbers) -> Numbers:
        numpy = library("numpy")
        if self.task == "multilabel":
            return 1 / (1 + numpy.exp(-logits))
        powers = numpy.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def conversions(self) -> Iterator[Converted]:
        """PyTorch's exporter, with rows and tokens open."""
        yield from first_of([("torch.onnx.export", self._exported)])

    def _exported(self) -> Converted:
        torch = library("torch")
        example = self._encoded(["one text", "another text, which is longer"])
        names = list(example)
        axes = {name: {0: "rows", 1: "tokens"} for name in names} | {"logits": {0: "rows"}}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            torch.onnx.export(
                logits_of(self._model, names), tuple(torch.tensor(example[name]) for name in names), str(path),
                input_names=names, output_names=["logits"], dynamic_axes=axes, dynamo=False,
            )  # fmt: skip
            content = path.read_bytes()
            self._tokenizer.save_pretrained(folder)
            tokenizer = (Path(folder) / "tokenizer.json").read_bytes()
        activation = "sigmoid" if self.task == "multilabel" else "softmax"
        labels = {str(place): label for place, label in enumerate(self.labels)}
        session = session_of(content)
        return Converted(
            "torch.onnx.export", content, (), {activation: True, "max_tokens": self._tokens},
            files={"tokenizer.json": tokenizer, "config.json": json.dumps({"id2label": labels}).encode()},
            says=lambda rows: self._said_by(session, names, rows),
        )  # fmt: skip

    def _said_by(self, session: Any, names: Sequence[str], rows: Sequence[Row]) -> Numbers:
        """What the exported graph says about texts, padded among others."""
        numpy = library("numpy")
        parts = []
        for start in range(0, len(rows), ROWS):
            encoded = self._encoded([next(iter(row.values())) for row in rows[start : start + ROWS]])
            (logits,) = session.run(["logits"], {name: numpy.array(encoded[name], numpy.int64) for name in names})
            parts.append(logits.astype(numpy.float64))
        return self._probabilities(numpy.concatenate(parts))

    def _encoded(self, texts: Sequence[str]) -> dict[str, Any]:
        """Token ids and what goes with them, as the model takes them."""
        encoded = self._tokenizer(list(texts), truncation=True, max_length=self._tokens, padding=True)
        return {name: encoded[name] for name in self._tokenizer.model_input_names if name in encoded}


def reserved(config: Any) -> int:
    """Places that models of RoBERTa's kind keep for padding."""
    padding = getattr(config, "pad_token_id", None)
    return (padding or 0) + 1 if "roberta" in str(config.model_type) else 0


def logits_of(model: Any, names: Sequence[str]) -> Any:
    """The model as a module that takes its inputs in order and gives logits."""
    torch = library("torch")

    class Logits(torch.nn.Module):  # type: ignore[misc, name-defined]  # the library is imported only now
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *given: Any) -> Any:
            return self.model(**dict(zip(names, given, strict=True))).logits

    return Logits().eval()
