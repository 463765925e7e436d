"""`modelserver check` says what the service would say, folder by folder, in a way that scripts can act on."""

import json
import shutil
from pathlib import Path

import pytest

from cli_tests.terminal import REPOSITORY, modelserver

MODELS = REPOSITORY / "models"
EXPORTS = REPOSITORY / "prediction-service" / "prediction_tests" / "exports"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one model that is served."""
    shutil.copytree(MODELS / "spam-words", tmp_path / "models" / "spam-words")
    return tmp_path / "models"


def test_what_is_shipped_passes() -> None:
    ended = modelserver("check", MODELS)
    assert ended.code == 0, ended.out
    assert sorted(line.split()[0] for line in ended.out.splitlines()) == ["ok"] * len(list(MODELS.glob("*/*")))


@pytest.mark.parametrize("path", [".", "spam-words", "spam-words/1.0.0"])
def test_a_repository_a_model_and_a_version_are_checked_alike(path: str, repository: Path) -> None:
    ended = modelserver("check", path, cwd=repository)
    assert ended.code == 0, ended.out
    assert ended.out == "ok       spam-words/1.0.0: spam-detection of one text, onnx, no golden rows\n"


def test_one_that_is_refused_hides_no_other(repository: Path) -> None:
    shutil.copytree(repository / "spam-words" / "1.0.0", repository / "spam-words" / "1.0.1")
    (repository / "spam-words" / "1.0.1" / "model.onnx").write_bytes(b"no model")
    (repository / "spam-words" / "newest").mkdir()
    (repository / "-nobody" / "1.0.0").mkdir(parents=True)
    ended = modelserver("check", repository)
    assert ended.code == 1
    said = {line.split(":")[0]: line for line in ended.out.splitlines()}
    assert len(said) == 4
    assert "ok       " + str(repository / "spam-words/1.0.0") in said
    assert "no ONNX file" in said[f"refused  {repository}/spam-words/1.0.1"]
    assert "the form X.Y.Z" in said[f"refused  {repository}/spam-words/newest"]
    assert "a model's name has" in said[f"refused  {repository}/-nobody"]


def test_an_unknown_setting_is_named(repository: Path) -> None:
    manifest = repository / "spam-words" / "1.0.0" / "model.toml"
    manifest.write_text(f"lables = []\n{manifest.read_text()}")
    ended = modelserver("check", repository)
    assert ended.code == 1
    assert "lables: Extra inputs are not permitted" in ended.out


def test_labels_in_another_order_are_told_the_right_one(tmp_path: Path) -> None:
    folder = tmp_path / "churn" / "1.0.0"
    shutil.copytree(EXPORTS / "tables" / "skl2onnx-churn-without-zipmap", folder)
    assert modelserver("check", folder).code == 0
    manifest = (folder / "model.toml").read_text()
    (folder / "model.toml").write_text(manifest.replace('"leaves", "stays"', '"stays", "leaves"'))
    turned = modelserver("check", folder)
    assert turned.code == 1, turned.out
    assert 'write labels = ["leaves", "stays"]' in turned.out


def test_a_golden_row_that_fails_is_named(repository: Path) -> None:
    folder = repository / "spam-words" / "1.0.0"
    rows = [{"text": "Hi, are you at home?", "expect": {"label": "ham"}}] * 2
    (folder / "golden.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert "2 golden rows" in modelserver("check", folder).out
    rows[1] = {**rows[1], "expect": {"label": "spam"}}
    (folder / "golden.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ended = modelserver("check", folder)
    assert ended.code == 1
    assert "row 2 gives label 'ham' and not 'spam'" in ended.out


def test_a_baseline_that_is_left_out_is_a_note(repository: Path) -> None:
    folder = repository / "spam-words" / "1.0.0"
    (folder / "baseline.json").write_text('{"label": {"spam": "many"}}')
    ended = modelserver("check", folder)
    assert ended.code == 0
    assert "note     " in ended.out
    assert "baseline.json is left out: label.spam: " in ended.out


def test_names_that_no_repository_has_are_a_note(repository: Path, tmp_path: Path) -> None:
    shutil.copytree(repository / "spam-words" / "1.0.0", tmp_path / "build")
    ended = modelserver("check", tmp_path / "build")
    assert ended.code == 0
    assert "must be called models/<name>/<X.Y.Z>" in ended.out


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path, told in (("nowhere", "No such file"), ("empty", "has no model.toml")):
        ended = modelserver("check", tmp_path / path)
        assert ended.code == 1
        assert told in ended.out
    assert modelserver("check").code == 2
