"""Makes the folders beside itself: models as people export them, with the tools' own defaults, a few kilobytes each.

Needs an environment of its own, from requirements.txt. A model learns from sixteen sentences about food and weather
which of the two they are about. `expect.json` says what the tool itself, before the export, answers to a few texts
({"texts", "labels", "probabilities"}) or, for what is no model of one label for a text, what its reason says.
"""

import json
import shutil
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnx
import onnxmltools
import torch
from make_words import FOOD, LABELS, SENTENCES, TEXTS, WEATHER, WORDS, tokenizer, write_answers
from onnxmltools.convert.common.data_types import FloatTensorType
from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
from skl2onnx import to_onnx, update_registered_converter
from skl2onnx.common.data_types import StringTensorType
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import Pipeline
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

FOLDER = Path(__file__).parent
HIDDEN, POSITIONS = 8, 32


def fresh(name: str) -> Path:
    """An empty folder."""
    shutil.rmtree(FOLDER / name, ignore_errors=True)
    (FOLDER / name).mkdir()
    return FOLDER / name


def sklearn_model(
    name: str,
    steps: Sequence[Any],
    classes: Sequence[Any],
    *,
    labels: Sequence[str] | None = None,
    convert: Callable[[Pipeline], onnx.ModelProto] | None = None,
    manifest: str = "",
) -> None:
    """A pipeline, exported as the documentation of skl2onnx does it unless said otherwise."""
    folder = fresh(name)
    pipeline = Pipeline([(type(step).__name__, step) for step in steps])
    pipeline.fit(SENTENCES, [classes[0]] * len(FOOD) + [classes[1]] * len(WEATHER))
    default = lambda model: to_onnx(model, initial_types=[("text", StringTensorType([None, 1]))])  # noqa: E731
    (folder / "model.onnx").write_bytes((convert or default)(pipeline).SerializeToString())
    write_answers(folder, labels or [str(each) for each in pipeline.classes_], pipeline.predict_proba(TEXTS), manifest)


def sklearn_models() -> None:
    """skl2onnx and onnxmltools."""
    sklearn_model("skl2onnx-default", [TfidfVectorizer(), LogisticRegression()], LABELS)
    sklearn_model("skl2onnx-numbers", [TfidfVectorizer(), LogisticRegression()], [0, 1], labels=LABELS)
    sklearn_model("skl2onnx-minus-one", [CountVectorizer(), MultinomialNB()], [-1, 1])
    sklearn_model("skl2onnx-odd-labels", [TfidfVectorizer(), LogisticRegression()], ["5 stars (best)", "😀 C#"])
    sklearn_model(
        "skl2onnx-without-zipmap",
        [TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression()],
        LABELS,
        convert=lambda model: to_onnx(
            model, initial_types=[("text", StringTensorType([None, 1]))], options={id(model): {"zipmap": False}}
        ),
    )
    sklearn_model(
        "skl2onnx-one-row",
        [TfidfVectorizer(), LogisticRegression()],
        LABELS,
        convert=lambda model: to_onnx(model, initial_types=[("text", StringTensorType([1, 1]))]),
    )
    sklearn_model(
        "onnxmltools-sklearn",
        [TfidfVectorizer(), LogisticRegression()],
        LABELS,
        convert=lambda model: onnxmltools.convert_sklearn(model, initial_types=[("text", StringTensorType([None, 1]))]),
    )
    update_registered_converter(
        lightgbm.LGBMClassifier,
        "LightGbmLGBMClassifier",
        calculate_linear_classifier_output_shapes,
        convert_lightgbm,
        options={"nocl": [True, False], "zipmap": [True, False, "columns"]},
    )
    booster = lightgbm.LGBMClassifier(
        n_estimators=4, min_child_samples=1, min_data_in_bin=1, verbose=-1, random_state=0
    )
    sklearn_model(
        "onnxmltools-lightgbm",
        [TfidfVectorizer(), booster],
        LABELS,
        convert=lambda model: to_onnx(
            model, initial_types=[("text", StringTensorType([None, 1]))], target_opset={"": 15, "ai.onnx.ml": 3}
        ),
    )


def refused(name: str, model: onnx.ModelProto, reason: str) -> None:
    """What cannot be served, and what its reason says."""
    folder = fresh(name)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    (folder / "model.toml").write_text('labels = ["food", "weather"]\n[runtime]\nkind = "onnx"\n', encoding="utf-8")
    (folder / "expect.json").write_text(json.dumps({"reason": reason}) + "\n", encoding="utf-8")


def refused_models() -> None:
    """Usual exports of something else."""
    classes = [0] * len(FOOD) + [1] * len(WEATHER)
    text = [("text", StringTensorType([None, 1]))]
    pipeline = Pipeline([("words", TfidfVectorizer()), ("model", LogisticRegression())]).fit(SENTENCES, classes)
    columns = to_onnx(pipeline, initial_types=text, options={id(pipeline): {"zipmap": "columns"}})
    refused("skl2onnx-columns", columns, "zipmap=False")
    refused(
        "skl2onnx-regression",
        to_onnx(
            Pipeline([("words", TfidfVectorizer()), ("model", Ridge())]).fit(SENTENCES, classes), initial_types=text
        ),
        "regression",
    )
    lengths = np.array([[len(sentence), sentence.count(" ")] for sentence in SENTENCES], np.float32)
    booster = lightgbm.LGBMClassifier(n_estimators=2, min_child_samples=1, verbose=-1).fit(lengths, classes)
    table = onnxmltools.convert_lightgbm(booster, initial_types=[("X", FloatTensorType([None, 2]))], target_opset=15)
    refused("onnxmltools-table", table, "StringTensorType")


class Words(torch.nn.Module):
    """A mean of words' vectors and a layer. `ending` is what it gives."""

    def __init__(self, ending: Callable[[torch.Tensor], torch.Tensor] = lambda logits: logits) -> None:
        super().__init__()
        self.words, self.layer = torch.nn.Embedding(len(WORDS), HIDDEN), torch.nn.Linear(HIDDEN, len(LABELS))
        self.ending = ending

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        mask = attention_mask.unsqueeze(-1).to(self.words.weight.dtype)
        mean = (self.words(input_ids) * mask).sum(1) / mask.sum(1)
        return self.ending(self.layer(mean))


class Positions(torch.nn.Module):
    """The same, of one input, with a vector for each of POSITIONS places; a longer text is an error."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = torch.nn.Embedding(len(WORDS), HIDDEN), torch.nn.Embedding(POSITIONS, HIDDEN)
        self.layer = torch.nn.Linear(HIDDEN, len(LABELS))

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        places = torch.arange(input_ids.shape[1])
        known = (input_ids != 0).unsqueeze(-1)
        vectors = (self.words(input_ids) + 0.1 * self.places(places)) * known
        return self.layer(vectors.sum(1) / known.sum(1))


def encoded(texts: Sequence[str], dtype: torch.dtype, length: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask."""
    padder = tokenizer()
    padder.enable_padding(length=length)
    encodings = padder.encode_batch(list(texts))
    return (
        torch.tensor([encoding.ids for encoding in encodings], dtype=dtype),
        torch.tensor([encoding.attention_mask for encoding in encodings], dtype=dtype),
    )


def taught(model: Any, inputs: int = 2) -> Any:
    """Learns the sentences."""
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    ids = encoded(SENTENCES, torch.int64)[:inputs]
    wanted = torch.tensor([0] * len(FOOD) + [1] * len(WEATHER))
    ending, model.ending = getattr(model, "ending", None), lambda logits: logits
    for _ in range(60):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(*ids), wanted)
        loss.backward()
        optimizer.step()
    model.ending = ending
    return model.eval()


def torch_model(
    name: str,
    model: Any,
    *,
    manifest: str,
    dtype: torch.dtype = torch.int64,
    inputs: int = 2,
    length: int | None = None,
    softmax: bool = True,
    file: str = "model.onnx",
    **options: Any,
) -> None:
    """A module, exported by torch.onnx.export with `options`."""
    folder = fresh(name)
    example = encoded(TEXTS[:1] if length else TEXTS[:2], dtype, length)[:inputs]
    path = folder / file
    path.parent.mkdir(exist_ok=True)
    torch.onnx.export(model, example, str(path), **options)
    tokenizer().save(str(folder / "tokenizer.json"))
    with torch.no_grad():
        given = torch.cat([model(*encoded([text], dtype, length)[:inputs]) for text in TEXTS]).to(torch.float64)
    write_answers(folder, LABELS, (given.softmax(1) if softmax else given).numpy(), manifest)


def torch_models() -> None:
    """PyTorch's exporters: the old one by TorchScript, the new one by torch.export."""
    names = {"input_names": ["input_ids", "attention_mask"], "output_names": ["logits"]}
    axes = {"dynamic_axes": {name: {0: "rows", 1: "tokens"} for name in names["input_names"]} | {"logits": {0: "rows"}}}
    open_shape = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    shapes = {"dynamic_shapes": (open_shape, open_shape)}
    logits = "softmax = true\n"
    torch_model("torch-old", taught(Words()), manifest=logits, dynamo=False, **names, **axes)
    torch_model("torch-new", taught(Words()), manifest=logits, dynamo=True, **shapes)
    torch_model("torch-old-int32", taught(Words()), manifest=logits, dtype=torch.int32, dynamo=False, **names, **axes)
    torch_model("torch-old-fixed", taught(Words()), manifest=logits, length=16, dynamo=False, **names)
    torch_model("torch-new-fixed", taught(Words()), manifest=logits, length=16, dynamo=True)
    torch_model("torch-new-double", taught(Words()).double(), manifest=logits, dynamo=True, **shapes)
    probabilities = taught(Words(lambda given: given.softmax(1))).half()
    torch_model("torch-old-float16", probabilities, manifest="", softmax=False, dynamo=False, **names, **axes)
    one = {"dynamic_axes": {"tokens": {0: "rows", 1: "length"}}, "input_names": ["tokens"]}
    torch_model("torch-old-positions", taught(Positions(), 1), manifest=logits, inputs=1, dynamo=False, **one)


def hugging_face_model() -> None:
    """The layout that Optimum writes and Hugging Face's hub has, `onnx/model.onnx` beside the configuration."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=HIDDEN,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=POSITIONS,
        id2label=dict(enumerate(LABELS)),
        label2id={label: n for n, label in enumerate(LABELS)},
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    bert = BertForSequenceClassification(config)

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bert = bert

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            return self.bert(input_ids=input_ids, attention_mask=attention_mask).logits

    names = {"input_names": ["input_ids", "attention_mask"], "output_names": ["logits"]}
    axes = {
        "dynamic_axes": {name: {0: "batch_size", 1: "sequence_length"} for name in names["input_names"]}
        | {"logits": {0: "batch_size"}}
    }
    torch_model(
        "hub-layout",
        taught(Logits()),
        manifest="softmax = true\n",
        file="onnx/model.onnx",
        dynamo=False,
        **names,
        **axes,
    )
    config.save_pretrained(FOLDER / "hub-layout")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer(), pad_token="[PAD]", unk_token="[UNK]").save_pretrained(
        FOLDER / "hub-layout"
    )


def main() -> None:
    """Writes all of them."""
    warnings.simplefilter("ignore")
    sklearn_models()
    refused_models()
    torch_models()
    hugging_face_model()
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    sys.stdout.write(f"{size:,} bytes\n")


if __name__ == "__main__":
    main()
