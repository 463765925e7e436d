"""`modelserver new` begins a folder that the service serves as soon as the model lies in it."""

import shutil
import tomllib
from pathlib import Path

import pytest

from cli_tests.terminal import REPOSITORY, modelserver
from modelserver.errors import RefusedError
from modelserver.folder import version_folder

TABLES = REPOSITORY / "prediction-service" / "prediction_tests" / "exports" / "tables"
"""Models that scikit-learn, LightGBM and XGBoost export; see make_tables.py there."""

AGE, FEE, CALLS, LATE = (
    ("--input", "age:number?"),
    ("--input", "monthly fee:number"),
    ("--input", "calls:integer"),
    ("--input", "late:boolean"),
)
PLAN, CITY = ("--input", "plan:category:basic,family,premium"), ("--input", "city:category:Ankara,Bursa,Izmir,*")
NUMBERS = (*AGE, *FEE, *CALLS, *LATE)

WANTED = {
    "skl2onnx-churn": ("--labels", "leaves,stays", *AGE, *FEE, *CALLS, *PLAN, *CITY),
    "skl2onnx-multilabel-forest": ("--task", "multilabel", "--labels", "late,calls,young", *NUMBERS),
    "lightgbm-regression": ("--task", "regression", "--unit", "EUR", *NUMBERS),
    "skl2onnx-pca": ("--task", "embedding", "--dimension", "3", *NUMBERS),
    "skl2onnx-kmeans": ("--task", "generic", *NUMBERS),
}
"""Export → what is said to begin its folder."""


@pytest.mark.parametrize("name", WANTED)
def test_with_the_model_in_it_the_folder_passes(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "mine" / "1.0.0"
    begun = modelserver("new", folder, *WANTED[name])
    assert begun.code == 0, begun.err
    lacking = modelserver("check", folder)
    assert lacking.code == 1
    assert "model.onnx cannot be loaded: there is no such file" in lacking.out
    shutil.copy(TABLES / name / "model.onnx", folder)
    complete = modelserver("check", folder)
    assert complete.code == 0, complete.out
    assert "no golden rows" in complete.out


def test_a_model_of_one_text_declares_no_inputs(tmp_path: Path) -> None:
    assert modelserver("new", tmp_path / "spam").code == 0
    folder = tmp_path / "spam" / "1.0.0"
    manifest = tomllib.loads((folder / "model.toml").read_text())
    assert "inputs" not in manifest
    assert '{"text": "Hello", "expect": {"label": "…"}}' in (folder / "README.md").read_text()
    shutil.copy(REPOSITORY / "models" / "spam-words" / "1.0.0" / "model.onnx", folder)
    assert modelserver("check", folder).code == 0


def test_the_readme_names_what_is_to_be_done(tmp_path: Path) -> None:
    modelserver("new", tmp_path / "prices", "--task", "regression", "--input", "rooms:number")
    readme = (tmp_path / "prices" / "1.0.0" / "README.md").read_text()
    assert readme.startswith("# prices\n")
    for words in ("`model.onnx`", "`golden.jsonl`", '"value"', f"modelserver check {tmp_path / 'prices' / '1.0.0'}"):
        assert words in readme


@pytest.mark.parametrize("version", ["1.0", "v1", "1.0.0.0", "01.0.0"])
def test_a_folder_of_another_kind_of_version_is_not_begun(version: str, tmp_path: Path) -> None:
    begun = modelserver("new", tmp_path / "mine" / version)
    assert begun.code == 2
    assert f"{version} is no version; versions are of the form X.Y.Z, such as 1.0.0" in begun.err
    assert list(tmp_path.iterdir()) == []


MEANT_AS_VERSIONS = [
    "1", "20270131", "2027-01-31", "1.0", "1_0_0", "01.0.0", "1.0.0.0", "v1.0.0", "V1.0.0", "v.1", "v-1.0", "ver1",
    "Version_2", "1.0.0.x", "1.0.0-rc1", "1.0.0rc1", "1.0.0-RC.1", "1.0.0+linux", "1.0.0-x.7.z", "1.0beta",
    "v2-beta", "1.0.dev3", "1.0-SNAPSHOT",
]  # fmt: skip

NAMES = [
    "bert-2", "llama3.1", "gpt-4.1-2027-01-31", "3.5-turbo", "7b", "3d-unet", "2-stage", "v2-large", "v8n", "vgg16",
    "v", "1st", "version", "verb2", "rc1", "beta", "churn.1.0.0", "resnet50-v1.5", "2.5-preview",
]  # fmt: skip


@pytest.mark.parametrize("name", MEANT_AS_VERSIONS)
def test_what_is_meant_as_a_version_is_refused_whoever_asks(name: str) -> None:
    with pytest.raises(RefusedError, match=r"is no version; .* of that name: mine/.*/1\.0\.0\)"):
        version_folder(Path("mine") / name)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_may_have_a_number_in_its_name(name: str) -> None:
    assert version_folder(Path("models") / name) == Path("models") / name / "1.0.0"


def test_a_model_whose_name_is_like_a_version_has_its_version_behind_it() -> None:
    assert version_folder(Path("models/v2/1.0.0")) == Path("models/v2/1.0.0")


def test_nothing_that_is_there_is_written_over(tmp_path: Path) -> None:
    modelserver("new", tmp_path / "mine" / "1.0.0")
    before = (tmp_path / "mine" / "1.0.0" / "model.toml").read_text()
    again = modelserver("new", tmp_path / "mine" / "1.0.0", "--labels", "other,words")
    assert again.code == 1
    assert again.err.startswith("modelserver new: ")
    assert "is there already" in again.err
    assert (tmp_path / "mine" / "1.0.0" / "model.toml").read_text() == before
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["1.0.0"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--task", "embedding"], "needs --dimension"),
        (["--unit", "EUR"], "--unit belongs to the task regression"),
        (["--task", "regression", "--labels", "a,b"], "the task regression has no labels"),
        (["--input", "rooms:numeric"], "types are text, number"),
        (["--input", ":number"], "write name:type"),
        (["--input", "city:category"], "a category needs its values"),
        (["--input", "x:tensor:FP32"], "a tensor needs datatype and shape"),
        (["--input", "rooms:number:3"], "takes nothing behind it"),
        (["--task", "poetry"], "invalid choice"),
        (["--input", "a:number", "--input", "a:text"], "two inputs are called a"),
        (["--labels", "a,b,a"], "the label a stands there twice"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_line(words: list[str], told: str, tmp_path: Path) -> None:
    ended = modelserver("new", tmp_path / "mine", *words)
    assert ended.code == 2
    assert told in ended.err
    assert "Traceback" not in ended.err
    assert list(tmp_path.iterdir()) == []


PYTHON = {
    "text": (),
    "classification": ("--labels", 'no,yes,"perhaps"', *NUMBERS, *CITY),
    "multilabel": ("--task", "multilabel", "--labels", "late,calls", *PLAN),
    "regression": ("--task", "regression", "--unit", "EUR", *NUMBERS, "--input", "when:timestamp"),
    "embedding": ("--task", "embedding", "--dimension", "3", "--input", "image:tensor:FP32:2x2"),
    "generic": ("--task", "generic", "--input", '"""odd\\:number'),
}
"""Kind of model → what is said to begin its folder."""


@pytest.mark.timeout(300)  # twelve processes, and Python models in them
def test_a_python_model_works_as_it_was_begun(tmp_path: Path) -> None:
    for name, words in PYTHON.items():
        begun = modelserver("new", tmp_path / "models" / name / "1.0.0", "--kind", "python", *words)
        assert begun.code == 0, begun.err
        assert "write your model into model.py, then: modelserver check" in begun.out
        readme = (tmp_path / "models" / name / "1.0.0" / "README.md").read_text()
        assert "1. Write the model into `model.py`" in readme
    checked = modelserver("check", tmp_path / "models", "--seconds", "120")
    assert checked.code == 0, checked.out
    assert checked.out.count("python, no golden rows") == len(PYTHON)
