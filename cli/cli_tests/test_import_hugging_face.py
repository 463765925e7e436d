"""A folder of transformers becomes one that the service serves: converted, compared, checked, without any network.

PyTorch's small build is not on every index; where pip is told of none that has it, there is nothing to convert with.
"""

import json
import subprocess
import tomllib
from pathlib import Path

import pytest

from cli_tests.terminal import ENVIRONMENT, REPOSITORY, modelserver

pytestmark = pytest.mark.timeout(900)  # the first test waits until the libraries are installed

PROGRAMS = REPOSITORY / ".venv-hugging-face" / "bin"

OFFLINE = ENVIRONMENT | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what save_hugging_face.py makes."""
    install = ["make", "--silent", "hugging-face-install", "TORCH=torch-cpu"]
    installed = subprocess.run(install, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if installed.returncode and "torch==" in installed.stderr:
        pytest.skip("PyTorch's build for CPUs is in no place that pip was told of")
    assert installed.returncode == 0, installed.stderr
    folder = tmp_path_factory.mktemp("saved")
    script = Path(__file__).parent / "save_hugging_face.py"
    subprocess.run([PROGRAMS / "python", script, folder], check=True, env=OFFLINE)
    return folder


@pytest.mark.parametrize(("name", "task"), [("single", "classification"), ("several", "multilabel")])
def test_what_is_imported_is_served_and_says_what_transformers_says(
    name: str, task: str, saved: Path, tmp_path: Path
) -> None:
    words = ("import", "huggingface", saved / name, "--sample", saved / "sample.csv", "--into", tmp_path / name)
    ended = modelserver(*words, programs=PROGRAMS)
    assert ended.code == 0, ended.err
    assert "60 rows compared" in ended.out
    folder = tmp_path / name / "1.0.0"
    manifest = tomllib.loads((folder / "model.toml").read_text())
    assert (manifest["task_type"], manifest["labels"]) == (task, ["urgent", "later", "never"])
    golden = [json.loads(line) for line in (folder / "golden.jsonl").read_text().splitlines()]
    assert all("text" in row.get("inputs", row) for row in golden)
    checked = modelserver("check", tmp_path / name, "--seconds", "120")
    assert checked.code == 0, checked.out
    assert f"{len(golden)} golden rows" in checked.out


def test_golden_rows_refuse_a_model_that_says_something_else(saved: Path, tmp_path: Path) -> None:
    """They hold what transformers said."""
    words = ("--sample", saved / "sample.csv", "--into", tmp_path / "mine")
    assert modelserver("import", "huggingface", saved / "single", *words, programs=PROGRAMS).code == 0
    folder = tmp_path / "mine" / "1.0.0"
    golden = (folder / "golden.jsonl").read_text().replace('"urgent"', '"?"').replace('"never"', '"urgent"')
    (folder / "golden.jsonl").write_text(golden.replace('"?"', '"never"'))
    checked = modelserver("check", folder, "--seconds", "120")
    assert checked.code == 1
    assert "golden.jsonl: row" in checked.out
