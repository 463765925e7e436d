"""ONNX models come from a folder and no code; what a model says about a text does not depend on its company."""

import shutil
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import pytest

from prediction_service.batching.runtime import ModelError
from prediction_service.models.folders.listing import ModelFolder, list_folders
from prediction_service.models.folders.manifest import Manifest
from prediction_service.models.loader import QueueBounds, load_model, warm_up
from prediction_service.models.model import Model
from prediction_tests.service import MODELS
from shared.testing.postgres import Database

BOUNDS = QueueBounds(1024, 5.0)
TEXTS = [
    "Congratulations, you have won a free prize. Act now!",
    "Hi, can you send me the report before lunch.",
    "x",
    "Ümlaute, 😀 and nothing known",
    "I love it, but the support is terrible. " * 50,
    "so GREAT!!!",
]


def load(folder: Path) -> Model:
    return load_model(ModelFolder("tried", "1.0.0", folder), BOUNDS)


@pytest.mark.parametrize("folder", list_folders(MODELS).models, ids=str)
def test_every_shipped_model_says_the_same_alone_and_in_any_company(folder: ModelFolder) -> None:
    runtime = load_model(folder, BOUNDS).batcher.runtime
    together = runtime.compute(TEXTS * 5)
    backwards = runtime.compute(TEXTS[::-1])[::-1]
    for index, text in enumerate(TEXTS):
        (alone,) = runtime.compute([text])
        for row in (together[index], together[index + 4 * len(TEXTS)], backwards[index]):
            assert row == pytest.approx(alone, abs=1e-5)
            assert list(row).index(max(row)) == list(alone).index(max(alone))


async def test_a_model_that_is_not_about_sentiment(client: httpx.AsyncClient, database: Database) -> None:
    spam, ham = TEXTS[:2]
    by_name = await client.post("/predict", json={"text": spam, "model_name": "spam-words"})
    by_task = await client.post("/predict", json={"text": ham, "task_type": "spam-detection"})
    default = await client.post("/predict", json={"text": ham})
    assert by_name.json()["prediction_label"] == "spam"
    assert by_task.json()["prediction_label"] == "ham"
    assert by_task.json()["task_type"] == "spam-detection"
    assert default.json()["model_name"] == "sentiment-lexicon"
    assert len(await database.fetch("SELECT 1 FROM predictions.prediction")) == 3


MANIFEST = 'labels = ["ham", "spam"]\n[runtime]\nkind = "onnx"\n'


@pytest.mark.parametrize(
    ("more", "content", "complaint"),
    [
        ("", None, "cannot be loaded"),
        ("", b"not an ONNX file", "cannot be loaded"),
        ('output = "oracle"', "shipped", "runtime.output"),
        ('tokenizer = "tokenizer.json"', "shipped", "not a tokenizer"),
    ],
)
def test_a_folder_that_does_not_fit_says_what_is_wrong(
    tmp_path: Path, more: str, content: bytes | str | None, complaint: str
) -> None:
    (tmp_path / "model.toml").write_text(MANIFEST + more)
    if content is not None:
        shipped = (MODELS / "spam-words" / "1.0.0" / "model.onnx").read_bytes()
        (tmp_path / "model.onnx").write_bytes(shipped if isinstance(content, str) else content)
    with pytest.raises(ModelError, match=complaint):
        load(tmp_path)


def test_a_manifest_with_other_labels_than_the_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.toml").write_text(MANIFEST.replace('"spam"', '"spam", "eggs"') + 'output = "probabilities"')
    (tmp_path / "model.onnx").write_bytes((MODELS / "spam-words" / "1.0.0" / "model.onnx").read_bytes())
    with pytest.raises(ModelError, match="2 probabilities for 3 labels"):
        load(tmp_path)


class Said:
    """A model that says what the test wants, given the texts of the call."""

    def __init__(self, say: Callable[[Sequence[str]], list[list[float]]]) -> None:
        self.compute = say

    def is_quick(self, texts: Sequence[str]) -> bool:
        return False


@pytest.mark.parametrize(
    ("say", "complaint"),
    [
        (lambda texts: [[2.5, -1.0] for _ in texts], "no probabilities.*softmax"),
        (lambda texts: [[0.9, 0.9] for _ in texts], "softmax"),
        (lambda texts: [[float("nan")] * 2 for _ in texts], "no probabilities"),
        (lambda texts: [[0.5, 0.5]] * 3, "3 results"),
        (lambda texts: [[0.5 + len(texts) / 100, 0.5 - len(texts) / 100] for _ in texts], "in company"),
    ],
)
def test_a_model_that_breaks_a_promise_is_not_served(
    say: Callable[[Sequence[str]], list[list[float]]], complaint: str
) -> None:
    manifest = Manifest.model_validate(tomllib.loads(MANIFEST))
    with pytest.raises(ModelError, match=complaint):
        warm_up(Said(say), manifest)


def test_a_model_that_depends_on_its_company_is_served_one_text_at_a_time() -> None:
    manifest = Manifest.model_validate(tomllib.loads(MANIFEST + "[batching]\nmax_rows = 1"))
    warm_up(Said(lambda texts: [[0.5 + len(texts) / 100, 0.5 - len(texts) / 100] for _ in texts]), manifest)


def test_a_model_over_token_ids_is_padded_cut_and_normalized() -> None:
    runtime = load(Path(__file__).parent / "token_model").batcher.runtime
    texts = ["good", "bad", "very good very very", "good bad", "good " * 8 + "bad " * 500]
    rows = runtime.compute(texts)
    assert [sum(row) for row in rows] == pytest.approx([1.0] * 5)
    assert [row[0] > row[1] for row in rows] == [True, False, True, False, True]
    assert rows[3] == pytest.approx([0.5, 0.5])
    assert rows[4] == pytest.approx(rows[0])
    for text, row in zip(texts, rows, strict=True):
        (alone,) = runtime.compute([text])
        assert alone == pytest.approx(row, abs=1e-5)


def test_a_long_text_is_judged_whole_where_the_manifest_says_so(tmp_path: Path) -> None:
    shutil.copytree(Path(__file__).parent / "token_model", tmp_path, dirs_exist_ok=True)
    manifest = (tmp_path / "model.toml").read_text()
    (tmp_path / "model.toml").write_text(manifest + 'long_texts = "windows"\n')
    cut, whole = (load(folder).batcher.runtime for folder in (Path(__file__).parent / "token_model", tmp_path))
    texts = ["good " * 8 + "bad " * 500, "bad " * 12, "good", "good bad " * 6]
    rows = whole.compute(texts)
    assert [row[0] > row[1] for row in rows[:3]] == [False, False, True]
    assert rows[3] == pytest.approx([0.5, 0.5])
    assert cut.compute(texts[:1])[0][0] > 0.5
    for text, row in zip(texts, rows, strict=True):
        assert whole.compute([text])[0] == pytest.approx(row, abs=1e-9)
        assert whole.compute(["very", text])[1] == pytest.approx(row, abs=1e-9)
