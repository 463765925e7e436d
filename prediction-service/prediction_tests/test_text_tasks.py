"""Text models for every task, as Optimum exports them, say what transformers said before."""

import asyncio
import json
import re
import shutil
import tempfile
from array import array
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from prediction_service.api.schemas import BatchResponse
from prediction_service.batching.runtime import ModelError
from prediction_service.models.folders.manifest_file import ManifestError, read_manifest
from prediction_service.models.runtimes.entities import marked
from prediction_service.models.runtimes.load import load_runtime
from prediction_service.models.runtimes.windows import PlacedWindow
from prediction_service.models.trials.trial import try_model
from prediction_tests.service import QUICK_MODELS, StartService

TASKS = Path(__file__).parent / "exports" / "tasks"
EXPECTED: dict[str, Any] = {path.parent.name: json.loads(path.read_text()) for path in TASKS.glob("*/expect.json")}
SAID = ("probabilities", "values", "vectors", "outputs")


def said(name: str) -> list[Any]:
    return next(EXPECTED[name][key] for key in SAID if key in EXPECTED[name])


def outputs_of(folder: Path, texts: list[Any]) -> list[Any]:
    manifest = try_model(folder)
    instances = [text if isinstance(text, str) else tuple(text) for text in texts]
    return list(load_runtime(folder, manifest, 64 * 1024 * 1024).compute(instances))


def close(expected: Any) -> Any:
    if isinstance(expected, dict):
        return {name: close(value) for name, value in expected.items()}
    if isinstance(expected, list) and expected and isinstance(expected[0], dict):
        return [close(each) for each in expected]
    if isinstance(expected, list) and expected and isinstance(expected[0], list):
        return [close(each) for each in expected]
    return expected if isinstance(expected, str) else pytest.approx(expected, rel=1e-5, abs=1e-5)


Copy = Callable[[str, str, str], Path]


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    def copied(name: str, old: str, new: str) -> Path:
        folder = Path(tempfile.mkdtemp(dir=tmp_path)) / name
        shutil.copytree(TASKS / name, folder)
        text = (folder / "model.toml").read_text(encoding="utf-8")
        assert old in text
        (folder / "model.toml").write_text(text.replace(old, new), encoding="utf-8")
        return folder

    return copied


def reason(folder: Path) -> str:
    with pytest.raises((ModelError, ManifestError)) as error:
        try_model(folder)
    return str(error.value)


def test_of_a_pair_of_long_texts_the_beginnings_count_whatever_comes_behind_them() -> None:
    """A tokenizer pairs every window of one with every window of the other: of these, some 10^10."""
    runtime = load_runtime(TASKS / "cross-encoder", read_manifest(TASKS / "cross-encoder"), 64 * 1024 * 1024)
    query, passage = "A good day. " * 40_000, "Not so good. " * 40_000
    beginnings = (query[:1_200], passage[:1_200])
    memory = psutil.Process().memory_info().rss
    assert list(runtime.compute([(query, passage)])) == list(runtime.compute([beginnings]))
    assert list(runtime.compute([("A good day.", passage)])) == list(runtime.compute([("A good day.", beginnings[1])]))
    assert psutil.Process().memory_info().rss - memory < 512 << 20


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_text_model_says_what_transformers_says(name: str) -> None:
    outputs = outputs_of(TASKS / name, EXPECTED[name]["texts"])
    if isinstance(outputs[0], dict):
        assert outputs == close(said(name))
    else:
        assert np.array(outputs) == pytest.approx(np.array(said(name)), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("name", sorted(set(EXPECTED) - {"cross-encoder"}))
def test_a_declared_text_is_the_same_as_none(copy: Copy, name: str) -> None:
    folder = copy(name, "[runtime]", '[[inputs]]\nname = "comment"\ntype = "text"\n[runtime]')
    texts = EXPECTED[name]["texts"]
    assert outputs_of(folder, [[text] for text in texts]) == outputs_of(TASKS / name, texts)


def test_a_vector_may_be_that_of_the_first_token(copy: Copy) -> None:
    folder = copy("embedding", 'pooling = "mean"\nnormalize = true', 'pooling = "cls"')
    expected = EXPECTED["embedding"]
    assert np.array(outputs_of(folder, expected["texts"])) == pytest.approx(np.array(expected["cls"]), abs=1e-5)


def test_vectors_of_long_texts_are_the_mean_of_their_windows(copy: Copy) -> None:
    folder = copy("embedding", "normalize = true", 'max_tokens = 8\nlong_texts = "windows"')
    short = copy("embedding", "normalize = true", "max_tokens = 8")
    words = ["bread", "and", "cheese", "with", "wind", "rain"]  # with its marks, as long as a window
    windows = [" ".join(words), " ".join([*words[-2:], "soup", "salad", "sun", "snow"])]
    (whole,) = outputs_of(folder, [" ".join([*words, "soup", "salad", "sun", "snow"])])
    assert np.array(whole) == pytest.approx(np.mean(outputs_of(short, windows), axis=0), abs=1e-5)


def test_a_label_that_applies_to_a_part_of_a_long_text_applies_to_the_text(copy: Copy) -> None:
    folder = copy("multilabel", "[runtime]\n", '[runtime]\nmax_tokens = 8\nlong_texts = "windows"\n')
    cut = copy("multilabel", "[runtime]\n", "[runtime]\nmax_tokens = 8\n")
    words = ["rain", "and", "wind", "the", "storm", "was"]
    windows = [" ".join(words), " ".join([*words[-2:], "we", "ate", "soup", "bread"])]
    (whole,) = outputs_of(folder, [" ".join([*words, "we", "ate", "soup", "bread"])])
    assert np.array(whole) == pytest.approx(np.max(outputs_of(cut, windows), axis=0), abs=1e-5)


LONG = " ".join(["bread and cheese", "the storm was loud", "RAIN, wind", "we ate soup"] * 12)


@pytest.mark.parametrize("options", ["", 'long_texts = "windows"\n', 'max_tokens = 9\nlong_texts = "windows"\n'])
def test_entities_are_parts_of_the_text_in_its_order(copy: Copy, options: str) -> None:
    (found,) = outputs_of(copy("entities", "entities = true\n", f"entities = true\n{options}"), [LONG])
    entities = found["entities"]
    assert entities
    assert all(LONG[one["start"] : one["end"]] == one["text"] for one in entities)
    assert all(one["end"] <= other["start"] for one, other in pairwise(entities))
    assert all(0 < one["score"] <= 1 for one in entities)
    assert (entities[-1]["start"] > len(LONG) - 60) == bool(options)


def test_where_windows_overlap_the_one_that_sees_more_around_a_token_has_its_label() -> None:
    def window(first: int, tokens: int) -> PlacedWindow:
        places = array("i", range(first, first + tokens))
        ends = array("i", [place + 1 for place in places])
        return PlacedWindow(
            array("i", [1] * tokens), array("i", [0] * tokens), "abcdef", first, places, ends, array("i", [0] * tokens)
        )

    yes, no = [0.1, 0.9], [0.8, 0.2]
    found = marked([np.array([yes] * 4), np.array([no] * 4)], [window(0, 4), window(2, 4)], ["O", "I-X"])
    assert [(token.start, token.label) for token in found] == [
        (0, "X"),
        (1, "X"),
        (2, "X"),
        (3, "O"),
        (4, "O"),
        (5, "O"),
    ]


def test_places_stay_those_of_the_text_that_came_where_it_is_lowered(copy: Copy) -> None:
    text = "İ bread İİ"
    (found,) = outputs_of(copy("entities", "softmax = true", "softmax = true\nlowercase = true"), [text])
    assert [one["start"] for one in found["entities"]] == [text.index("bread")]


SERVED = {
    "multilabel": {"scores", "labels"},
    "regression": {"value", "unit"},
    "embedding": {"vector"},
    "entities": {"outputs"},
}


async def test_they_answer_through_the_service(start_service: StartService, tmp_path: Path) -> None:
    root = tmp_path / "models"
    shutil.copytree(QUICK_MODELS, root)
    for name in [*SERVED, "cross-encoder"]:
        shutil.copytree(TASKS / name, root / name / "1.0.0")
    client = await start_service(models_dir=root)
    while (listed := (await client.get("/models")).json())["waiting"]:
        await asyncio.sleep(0.1)
    assert not listed["skipped"]
    for name, raw in SERVED.items():
        texts = [*EXPECTED[name]["texts"], LONG]
        answer = await client.post("/predict/batch", json={"texts": texts, "model_name": name})
        assert answer.status_code == 200, answer.text
        assert BatchResponse.model_validate_json(answer.content).model_dump_json().encode() == answer.content
        predictions = answer.json()["predictions"]
        assert {frozenset(each["raw_output"]) for each in predictions} == {frozenset(raw)}
        (value,) = raw & {"value", "vector", "outputs"} or {"scores"}
        found = [each["raw_output"][value] for each in predictions[:-1]]
        found = [list(each.values()) for each in found] if value == "scores" else found
        assert found == close(said(name)), name
    rows = [{"query": query, "passage": passage} for query, passage in EXPECTED["cross-encoder"]["texts"]]
    answer = await client.post("/predict/batch", json={"rows": rows, "model_name": "cross-encoder"})
    assert [each["prediction_value"] for each in answer.json()["predictions"]] == close(said("cross-encoder"))


MISTAKES = [
    (
        "embedding",
        'pooling = "mean"\n',
        "",
        r'last_hidden_state has a vector for each token; say pooling = "mean" or "cls"',
    ),
    ("embedding", "dimension = 8", "dimension = 9", "say dimension = 8"),
    ("embedding", 'pooling = "mean"', 'pooling = "none"', "has a vector for each token"),
    ("regression", 'kind = "onnx"\n', 'kind = "onnx"\npooling = "mean"\n', "pooling belongs to the task embedding"),
    ("sentence-transformers", 'kind = "onnx"\n', 'kind = "onnx"\noutput = "token_embeddings"\n', "say pooling"),
    ("multilabel", "sigmoid = true\n", "", "no probabilities.*sigmoid = true"),
    ("multilabel", '["food", "warm", "work"]', '["food", "work", "warm"]', "id2label of config.json.*write labels ="),
    ("multilabel", '["food", "warm", "work"]', '["food", "warm"]', "3 probabilities for 2 labels"),
    ("regression", 'task_type = "regression"', 'labels = ["a", "b"]', "that is a regression"),
    ("entities", "softmax = true\n", "", "do not add up to 1; if these are logits, say softmax = true"),
    ("entities", "entities = true\n", "", "in company"),
    ("entities", "entities = true\n", 'long_texts = "windows"\n', 'say "cut", or entities = true'),
    (
        "cross-encoder",
        'kind = "onnx"\n',
        'kind = "onnx"\nlong_texts = "windows"\n',
        "of a pair the beginnings are read",
    ),
    ("entities", '"generic"', '"regression"', "entities belongs to the task generic"),
]


@pytest.mark.parametrize(("name", "old", "new", "told"), MISTAKES)
def test_a_mistake_says_what_to_do(copy: Copy, name: str, old: str, new: str, told: str) -> None:
    assert re.search(told, reason(copy(name, old, new)))


def test_what_sentence_transformers_says_of_pooling_is_told(copy: Copy) -> None:
    folder = copy("embedding", 'pooling = "mean"\n', "")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        '{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}'
    )
    assert 'say pooling = "cls" (as 1_Pooling/config.json has it)' in reason(folder)


@pytest.mark.parametrize(
    ("labels", "told"), [(None, "needs a config.json"), (["O", "B-DISH"], "and id2label .* has 2")]
)
def test_labels_of_tokens_come_from_the_configuration(copy: Copy, labels: list[str] | None, told: str) -> None:
    folder = copy("entities", "softmax", "softmax")
    configuration = {"id2label": dict(enumerate(labels))} if labels else {}
    (folder / "config.json").write_text(json.dumps(configuration), encoding="utf-8")
    assert re.search(told, reason(folder))
