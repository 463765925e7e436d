"""What must come out of a model stands beside it; a version that says something else is not served."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from prediction_service.batching.runtime import ModelError
from prediction_service.models.trials.trial import try_model
from prediction_tests.service import QUICK_MODELS, StartService

TABLES = Path(__file__).parent / "exports" / "tables"


def copy_of(export: Path, folder: Path, *lines: dict[str, Any] | str) -> Path:
    shutil.copytree(export, folder)
    rows = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (folder / "golden.jsonl").write_text("\n".join(rows))
    return folder


def churn(tmp_path: Path, *expect: dict[str, Any]) -> Path:
    rows = json.loads((TABLES / "skl2onnx-churn" / "expect.json").read_text())["rows"]
    lines = [{"inputs": row, "expect": one} for row, one in zip(rows, expect, strict=False)]
    return copy_of(TABLES / "skl2onnx-churn", tmp_path / "model", *lines)


def probabilities() -> list[list[float]]:
    found: list[list[float]] = json.loads((TABLES / "skl2onnx-churn" / "expect.json").read_text())["probabilities"]
    return found


def label_of(row: list[float]) -> str:
    return "leaves" if row[0] >= row[1] else "stays"


def test_a_model_that_says_what_it_must_is_taken(tmp_path: Path) -> None:
    first, second = probabilities()[:2]
    try_model(churn(tmp_path, {"label": label_of(first)}, {"scores": {"leaves": second[0]}, "tolerance": 1e-4}))


def test_a_model_that_says_something_else_is_refused_by_row(tmp_path: Path) -> None:
    first, second = probabilities()[:2]
    wrong = "stays" if label_of(second) == "leaves" else "leaves"
    with pytest.raises(ModelError, match=f"golden.jsonl: row 2 gives label '{label_of(second)}' and not '{wrong}'"):
        try_model(churn(tmp_path, {"label": label_of(first)}, {"label": wrong}))


def test_a_score_beyond_its_tolerance_is_refused(tmp_path: Path) -> None:
    score = probabilities()[0][0]
    try_model(churn(tmp_path / "near", {"scores": {"leaves": score + 0.009}, "tolerance": 0.01}))
    with pytest.raises(ModelError, match=r"row 1 gives score of 'leaves' .* and not .* \(within 0\.01\)"):
        try_model(churn(tmp_path / "far", {"scores": {"leaves": score + 0.011}, "tolerance": 0.01}))


def test_values_and_texts(tmp_path: Path) -> None:
    price = json.loads((TABLES / "lightgbm-regression" / "expect.json").read_text())
    row, value = price["rows"][0], price["values"][0]
    good = {"inputs": row, "expect": {"value": value, "tolerance": abs(value) * 1e-5}}
    try_model(copy_of(TABLES / "lightgbm-regression", tmp_path / "good", good))
    with pytest.raises(ModelError, match="row 1 gives value"):
        try_model(copy_of(TABLES / "lightgbm-regression", tmp_path / "bad", good | {"expect": {"value": value + 1}}))
    lexicon = QUICK_MODELS / "sentiment-lexicon" / "1.0.0"
    try_model(copy_of(lexicon, tmp_path / "text", {"text": "I love it.", "expect": {"label": "positive"}}))
    with pytest.raises(ModelError, match="row 3 gives label"):
        try_model(copy_of(lexicon, tmp_path / "wrong", "", "", {"text": "I love it.", "expect": {"label": "negative"}}))


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{", "row 1 is not JSON"),
        ("[" * 100_000, "row 1 is not JSON"),
        ('{"text": "a"}', "row 1: expect: Field required"),
        ('{"text": "a", "expect": {"label": "positive"}, "weight": 1}', "row 1: weight: Extra inputs"),
        ('{"expect": {"label": "positive"}}', "row 1: text is missing"),
        ('{"text": " ", "expect": {"label": "positive"}}', "row 1: text must not be blank"),
        ('{"text": "a", "expect": {"lable": "positive"}}', "row 1: expect.lable: Extra inputs"),
        ('{"inputs": {"words": "a"}, "expect": {"label": "positive"}}', "row 1: words is no input of this model"),
        ('{"text": "a", "expect": {}}', "row 1: expect: .*says nothing that must come out"),
        ('{"text": "a", "expect": {"tolerance": 0.5}}', "row 1: expect: .*says nothing that must come out"),
        ('{"text": "a", "expect": {"value": null}}', "row 1: expect: .*says nothing that must come out"),
        ('{"text": "a", "expect": {"scores": {}}}', "row 1: expect: .*names no score"),
        (
            '{"text": "a", "expect": {"scores": {"positive": 9}, "tolerance": Infinity}}',
            "row 1: expect.tolerance: .*finite",
        ),
        (
            '{"text": "a", "inputs": {"text": "b"}, "expect": {"label": "positive"}}',
            "row 1: .*text stands beside inputs",
        ),
        ('{"text": "a", "expect": {"value": 1.0}}', "row 1 gives value None"),
        ('{"text": "a", "expect": {"scores": {"happy": 1.0}}}', "row 1 gives score of 'happy' None"),
    ],
)
def test_a_golden_row_that_makes_no_sense_is_told(tmp_path: Path, line: str, fault: str) -> None:
    with pytest.raises(ModelError, match=fault):
        try_model(copy_of(QUICK_MODELS / "sentiment-lexicon" / "1.0.0", tmp_path / "model", line))


def test_a_file_without_bounds_is_not_read(tmp_path: Path) -> None:
    lexicon = QUICK_MODELS / "sentiment-lexicon" / "1.0.0"
    with pytest.raises(ModelError, match="more than 1,000 rows"):
        try_model(copy_of(lexicon, tmp_path / "rows", *['{"text": "a", "expect": {}}'] * 1001))
    with pytest.raises(ModelError, match="more than 4,194,304 bytes"):
        try_model(copy_of(lexicon, tmp_path / "bytes", " " * (4 << 20) + "{}"))


async def test_the_service_skips_it_and_says_which_row(start_service: StartService, tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(QUICK_MODELS, models)
    line = {"text": "I love it.", "expect": {"label": "negative"}}
    copy_of(QUICK_MODELS / "sentiment-lexicon" / "1.0.0", models / "second" / "1.0.0", line)
    client = await start_service(models_dir=models)
    (skipped,) = (await client.get("/models")).json()["skipped"]
    assert skipped == {
        "folder": "second/1.0.0",
        "reason": "golden.jsonl: row 1 gives label 'positive' and not 'negative'",
    }
