"""Models as people export them, with the defaults of their tools, work as they are and say what they said before."""

import asyncio
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from prediction_service.batching.runtime import ModelError
from prediction_service.models.folders.manifest_file import ManifestError
from prediction_service.models.runtimes.load import load_runtime
from prediction_service.models.trials.trial import try_model
from prediction_tests.service import StartService

EXPORTS = Path(__file__).parent / "exports"
EXPECTED = {path.parent.name: json.loads(path.read_text()) for path in sorted(EXPORTS.glob("*/expect.json"))}
SERVED = [name for name, expected in EXPECTED.items() if "labels" in expected]
REFUSED = [name for name, expected in EXPECTED.items() if "reason" in expected]
TOLERANCE = {"torch-old-float16": 2e-3, "optimum": 1e-4}
"""Numbers of 16 bits; what Optimum itself finds between a model and its export."""


def manifest_of(folder: Path) -> str:
    return (folder / "model.toml").read_text(encoding="utf-8")


@pytest.fixture
def copy(tmp_path: Path):
    def copied(name: str, old: str = "", new: str = "") -> Path:
        folder = tmp_path / name
        shutil.copytree(EXPORTS / name, folder)
        text = manifest_of(folder)
        assert old in text
        (folder / "model.toml").write_text(text.replace(old, new) if old else text + new, encoding="utf-8")
        return folder

    return copied


@pytest.mark.parametrize("name", SERVED)
def test_an_export_says_what_the_model_said(name: str) -> None:
    expected = EXPECTED[name]
    manifest = try_model(EXPORTS / name)
    runtime = load_runtime(EXPORTS / name, manifest, 64 * 1024 * 1024)
    rows = np.array(runtime.compute(expected["texts"]))
    assert rows == pytest.approx(np.array(expected["probabilities"]), abs=TOLERANCE.get(name, 1e-5))
    assert [manifest.labels[index] for index in rows.argmax(axis=1)] == expected["labels"]


async def test_all_of_them_at_once_through_the_service(start_service: StartService, tmp_path: Path) -> None:
    root = tmp_path / "models"
    for name in EXPECTED:
        shutil.copytree(EXPORTS / name, root / name / "1.0.0")
    client = await start_service(models_dir=root, default_model=SERVED[0])
    while (listed := (await client.get("/models")).json())["waiting"]:
        await asyncio.sleep(0.1)
    assert {skipped["folder"] for skipped in listed["skipped"]} == {f"{name}/1.0.0" for name in REFUSED}
    assert {model["name"] for model in listed["models"]} == set(SERVED)
    for name in SERVED:
        body = {"texts": [*EXPECTED[name]["texts"], "soup and storm " * 600], "model_name": name}
        answer = await client.post("/predict/batch", json=body)
        assert answer.status_code == 200, (name, answer.text)
        labels = [item.get("prediction_label") for item in answer.json()["predictions"]]
        assert labels[:-1] == EXPECTED[name]["labels"], name
        assert labels[-1] is not None, (name, answer.text)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_model_of_this_kind_says_what_to_do(name: str) -> None:
    with pytest.raises(ModelError, match=EXPECTED[name]["reason"]):
        try_model(EXPORTS / name)


LABELS = 'labels = ["food", "weather"]'
SWAPPED = 'labels = ["weather", "food"]'


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("skl2onnx-without-zipmap", "the classifier of model.onnx"),
        ("hub-layout", "id2label of config.json"),
        ("optimum", "id2label of config.json"),
    ],
)
def test_labels_in_another_order_than_the_model_has_them_are_refused(copy, name: str, source: str) -> None:
    with pytest.raises(ModelError, match=source) as error:
        try_model(copy(name, LABELS, SWAPPED))
    assert LABELS in str(error.value)


@pytest.mark.parametrize("labels", ['["Weather", "Food"]', '["storm", "food"]', '["weather", "eating"]'])
def test_one_label_at_anothers_place_is_enough(copy, labels: str) -> None:
    with pytest.raises(ModelError, match="order"):
        try_model(copy("hub-layout", LABELS, f"labels = {labels}"))


@pytest.mark.parametrize("labels", ['["FOOD", "Weather"]', '["eating", "sky"]'])
def test_other_names_in_the_same_order_are_a_persons_choice(copy, labels: str) -> None:
    try_model(copy("hub-layout", LABELS, f"labels = {labels}"))


def test_zipmaps_labels_are_taken_by_their_names_in_whatever_order(copy) -> None:
    folder = copy("skl2onnx-default", LABELS, SWAPPED)
    manifest = try_model(folder)
    rows = load_runtime(folder, manifest).compute(EXPECTED["skl2onnx-default"]["texts"])
    expected = np.array(EXPECTED["skl2onnx-default"]["probabilities"])[:, ::-1]
    assert np.array(rows) == pytest.approx(expected, abs=1e-5)


def test_zipmaps_labels_under_other_names_must_stand_in_its_order(copy) -> None:
    with pytest.raises(ModelError, match=r'write labels = \["-1", "1"\]'):
        try_model(copy("skl2onnx-minus-one", 'labels = ["-1", "1"]', 'labels = ["positive", "-1"]'))


@pytest.mark.parametrize("name", ["torch-old", "torch-new", "hub-layout", "optimum", "torch-new-double"])
def test_logits_that_are_not_called_so_are_refused(copy, name: str) -> None:
    with pytest.raises(ModelError, match="softmax = true"):
        try_model(copy(name, "softmax = true\n"))


@pytest.mark.parametrize(
    "name", ["skl2onnx-default", "skl2onnx-without-zipmap", "torch-old-float16", "onnxmltools-lightgbm"]
)
def test_softmax_over_probabilities_is_refused(copy, name: str) -> None:
    with pytest.raises(ModelError, match="leave softmax out"):
        try_model(copy(name, "", "softmax = true\n"))


@pytest.mark.parametrize(
    ("name", "asked", "possible"),
    [
        ("hub-layout", 64, "32"),
        ("torch-old-positions", 33, "32"),
        ("torch-old-fixed", 17, "16"),
        ("torch-new-fixed", 8192, "16"),
    ],
)
def test_more_tokens_than_the_model_takes_are_refused_with_how_many_it_takes(
    copy, name: str, asked: int, possible: str
) -> None:
    with pytest.raises(ModelError, match=rf"max_tokens = {asked}.*max_tokens = {possible}\b"):
        try_model(copy(name, "", f"max_tokens = {asked}\n"))


@pytest.mark.parametrize("name", ["hub-layout", "torch-old-positions", "torch-old-fixed"])
def test_as_many_tokens_as_the_model_takes_are_no_trouble(copy, name: str) -> None:
    most = 16 if name.endswith("fixed") else 32
    for text in ("cut", "windows"):
        folder = copy(name, "", f'max_tokens = {most}\nlong_texts = "{text}"\n')
        try_model(folder)
        shutil.rmtree(folder)


def test_token_ids_without_a_tokenizer_say_who_writes_one(copy) -> None:
    folder = copy("torch-old")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="AutoTokenizer"):
        try_model(folder)


def test_of_several_files_one_must_be_named(copy) -> None:
    folder = copy("torch-old")
    (folder / "model.onnx").rename(folder / "model_fp32.onnx")
    try_model(folder)
    shutil.copy(folder / "model_fp32.onnx", folder / "model_int8.onnx")
    with pytest.raises(ModelError, match=r"model_fp32\.onnx, model_int8\.onnx"):
        try_model(folder)
    (folder / "model.toml").write_text(manifest_of(folder) + 'file = "model_int8.onnx"\n')
    try_model(folder)


def test_a_table_model_is_not_taken_for_a_text_model_by_its_labels(copy) -> None:
    with pytest.raises((ModelError, ManifestError), match="takes X"):
        try_model(copy("onnxmltools-table", LABELS, SWAPPED))
