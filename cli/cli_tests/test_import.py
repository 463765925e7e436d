"""`modelserver import` makes a folder of a model of somebody's library, or says why not.

It runs in an environment that has those libraries and no service's code; what it writes is checked by the service's.
"""

import csv
import itertools
import json
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cli_tests.terminal import EXAMPLES, Ended, modelserver

pytestmark = pytest.mark.timeout(600)  # the first test waits until the libraries are installed

TABLE = ("--only", "age", "--only", "monthly fee", "--only", "calls", "--only", "plan", "--only", "city")
NUMBERS = ("--only", "age", "--only", "monthly fee", "--only", "calls", "--only", "late")
MIXED = ("--only", "age", "--only", "monthly fee", "--only", "late", "--only", "plan")

IMPORTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "churn": ("sklearn", "churn.joblib", ()),
    "price": ("sklearn", "price.joblib", ("--unit", "EUR")),
    "ridge": ("sklearn", "ridge.joblib", ()),
    "many": ("sklearn", "many.joblib", ("--labels", "late,calls")),
    "calibrated": ("sklearn", "calibrated.joblib", ()),
    "note": ("sklearn", "note.joblib", ("--only", "note")),
    "lightgbm": ("lightgbm", "lightgbm.joblib", MIXED),
    "lightgbm-file": ("lightgbm", "lightgbm.txt", (*MIXED, "--labels", "Ankara,Bursa,Izmir")),
    "xgboost": ("xgboost", "xgboost.joblib", (*NUMBERS, "--labels", "leaves,stays")),
    "xgboost-file": ("xgboost", "xgboost.json", NUMBERS),
}
"""Name → library, file, and what else is said."""


def imported(trained: Path, folder: Path, library: str, model: str | Path, *words: str) -> Ended:
    sample = trained / "sample.csv"
    return modelserver(
        "import", library, trained / model, "--sample", sample, "--into", folder, *words, programs=EXAMPLES
    )


def manifest_of(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "1.0.0" / "model.toml").read_text())


def golden_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "1.0.0" / "golden.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", IMPORTS)
def test_what_is_imported_is_served_and_says_what_its_library_said(name: str, trained: Path, tmp_path: Path) -> None:
    library, model, words = IMPORTS[name]
    ended = imported(trained, tmp_path / name, library, model, *words)
    assert ended.code == 0, ended.err
    assert "400 rows compared" in ended.out
    assert "not checked as the service would" in ended.out
    checked = modelserver("check", tmp_path / name)
    assert checked.code == 0, checked.out
    assert checked.out.startswith("ok "), "no note either"
    assert len(checked.out.splitlines()) == 1
    assert len(golden_of(tmp_path / name)) >= 20


def test_inputs_are_what_the_columns_are(trained: Path, tmp_path: Path) -> None:
    assert imported(trained, tmp_path / "churn", "sklearn", "churn.joblib").code == 0
    manifest = manifest_of(tmp_path / "churn")
    assert manifest["labels"] == ["leaves", "stays"]
    assert manifest["inputs"] == [
        {"name": "age", "type": "number", "required": False},
        {"name": "monthly fee", "type": "number"},
        {"name": "calls", "type": "integer"},
        {"name": "plan", "type": "category", "values": ["basic", "family", "premium"], "other": True},
        {"name": "city", "type": "category", "values": ["Ankara", "Bursa", "Izmir"], "other": True},
    ]


def test_a_model_that_refuses_unknown_words_takes_no_others(trained: Path, tmp_path: Path) -> None:
    assert imported(trained, tmp_path / "strict", "sklearn", "strict.joblib").code == 0
    assert all("other" not in declared for declared in manifest_of(tmp_path / "strict")["inputs"])


def test_a_classifier_of_one_text_declares_no_inputs(trained: Path, tmp_path: Path) -> None:
    assert imported(trained, tmp_path / "note", "sklearn", "note.joblib", "--only", "note").code == 0
    assert "inputs" not in manifest_of(tmp_path / "note")
    assert {"text", "expect"} == golden_of(tmp_path / "note")[0].keys()


def test_the_baseline_counts_the_sample(trained: Path, tmp_path: Path) -> None:
    assert imported(trained, tmp_path / "churn", "sklearn", "churn.joblib").code == 0
    baseline = json.loads((tmp_path / "churn" / "1.0.0" / "baseline.json").read_text())
    with (trained / "sample.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert sum(baseline["label"].values()) == sum(baseline["confidence"].values()) == len(rows)
    age, plan = baseline["inputs"]["age"], baseline["inputs"]["plan"]
    known = [float(row["age"]) for row in rows if row["age"]]
    bounds = [float("-inf"), *age["edges"], float("inf")]
    expected = [sum(low <= each < high for each in known) for low, high in itertools.pairwise(bounds)]
    assert age["counts"] == expected
    assert age["missing"] == len(rows) - len(known)
    counted = {value: sum(row["plan"] == value for row in rows) for value in plan["values"]}
    assert dict(zip(plan["values"], plan["counts"], strict=True)) == counted


def test_the_baseline_of_several_labels_counts_each(trained: Path, tmp_path: Path) -> None:
    assert imported(trained, tmp_path / "many", "sklearn", "many.joblib", "--labels", "late,calls").code == 0
    counted = json.loads((tmp_path / "many" / "1.0.0" / "baseline.json").read_text())
    program = (
        "import sys, joblib, pandas; model = joblib.load(sys.argv[1]); frame = pandas.read_csv(sys.argv[2])\n"
        "print(model.predict(frame[list(model.feature_names_in_)]).sum(axis=0).tolist())"
    )
    said = subprocess.run(
        [EXAMPLES / "python", "-c", program, trained / "many.joblib", trained / "sample.csv"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    late, calls = json.loads(said.stdout)
    assert counted["labels"] == {"predictions": 400, "counts": {"late": late, "calls": calls}}
    with_any = sum(counted["label"].values())
    assert max(late, calls) <= with_any <= late + calls
    assert sum(counted["confidence"].values()) == with_any


def test_a_conversion_that_says_something_else_is_refused(trained: Path, tmp_path: Path) -> None:
    ended = imported(trained, tmp_path / "forest", "sklearn", "forest.joblib", "--only", "age", "--only", "calls")
    assert ended.code == 1
    assert "the converted model differs from its original" in ended.err
    assert " instead of " in ended.err
    assert "{'calls': " in ended.err, "the row that differs is shown"
    assert list(tmp_path.iterdir()) == []


def test_an_onnx_file_is_described_as_it_is(trained: Path, tmp_path: Path) -> None:
    assert imported(trained, tmp_path / "churn", "sklearn", "churn.joblib").code == 0
    model = tmp_path / "churn" / "1.0.0" / "model.onnx"
    ended = imported(trained, tmp_path / "again", "onnx", model, *TABLE, "--labels", "leaves,stays")
    assert ended.code == 0, ended.err
    assert modelserver("check", tmp_path / "again").code == 0
    few = imported(trained, tmp_path / "few", "onnx", model, *TABLE, "--labels", "leaves")
    assert (few.code, "gives 2 numbers for a row" in few.err) == (2, True)


@pytest.mark.parametrize(
    ("library", "model", "words", "code", "told"),
    [
        ("sklearn", "margins.joblib", (), 1, "CalibratedClassifierCV"),
        ("sklearn", "many.joblib", (), 2, "say --labels"),
        ("sklearn", "churn.joblib", ("--only", "age"), 2, "the sample has no column monthly fee"),
        ("sklearn", "churn.joblib", ("--labels", "stays,leaves"), 2, "another order than in the model: leaves,stays"),
        ("sklearn", "churn.joblib", ("--without", "agee"), 2, "there is no column agee"),
        ("sklearn", "note.joblib", ("--without", "note"), 2, "say with --only which of the columns"),
        ("sklearn", "sample.csv", (), 2, "sample.csv cannot be read"),
        ("sklearn", "nowhere.joblib", (), 2, "nowhere.joblib cannot be read"),
        ("lightgbm", "sample.csv", (), 2, "sample.csv cannot be read"),
        (
            "lightgbm",
            "lightgbm.joblib",
            NUMBERS,
            2,
            "takes 4 columns (age, monthly_fee, late, plan), and the sample has age",
        ),
        ("xgboost", "xgboost.json", MIXED, 2, "the sample has"),
        ("xgboost", "sample.csv", (), 2, "sample.csv cannot be read"),
        ("onnx", "sample.csv", (), 2, "sample.csv cannot be read"),
        ("huggingface", ".", ("--only", "note"), 2, "transformers is not installed here: pip install transformers"),
    ],
)
def test_what_cannot_be_imported_is_said_in_one_line(
    library: str, model: str, words: tuple[str, ...], code: int, told: str, trained: Path, tmp_path: Path
) -> None:
    ended = imported(trained, tmp_path / "models" / "mine", library, model, *words)
    assert told in ended.err
    assert ended.code == code
    assert len(ended.err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_missing_library_is_named(trained: Path, tmp_path: Path) -> None:
    words = ("--sample", trained / "sample.csv", "--into", tmp_path / "mine")
    ended = modelserver("import", "sklearn", trained / "churn.joblib", *words)
    assert (ended.code, ended.err) == (2, "modelserver import: pandas is not installed here: pip install pandas\n")


def test_check_names_the_extra_that_it_needs(trained: Path) -> None:
    ended = modelserver("check", trained, programs=EXAMPLES)
    told = (
        "modelserver check: prediction_service is not installed here: "
        "pip install ./shared ./prediction-service './cli[check]', in the repository of the server\n"
    )
    assert (ended.code, ended.err) == (2, told)
