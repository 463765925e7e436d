"""The scripts of the examples still make what is shipped: the same manifest, a model that passes."""

import shutil
import subprocess
from pathlib import Path

import pytest

from cli_tests.terminal import ENVIRONMENT, EXAMPLES, REPOSITORY, modelserver

SHIPPED = REPOSITORY / "examples"

MADE = ("churn", "house-prices", "topics")
"""Those whose libraries are in the examples' environment. One needs PyTorch; those that train nothing are made by the
prediction-service's tests."""


@pytest.mark.timeout(600)  # the first waits until the libraries are installed
@pytest.mark.parametrize("name", MADE)
def test_an_example_is_made_again(name: str, tmp_path: Path) -> None:
    subprocess.run(["make", "--silent", "examples-install"], cwd=REPOSITORY, check=True)
    script = shutil.copy(SHIPPED / name / "make.py", tmp_path)
    subprocess.run([EXAMPLES / "python", script], check=True, env=ENVIRONMENT)
    made = tmp_path / "models" / name / "1.0.0"
    shipped = SHIPPED / name / "models" / name / "1.0.0"
    assert (made / "model.toml").read_text() == (shipped / "model.toml").read_text()
    assert {path.name for path in made.iterdir()} == {path.name for path in shipped.iterdir()}
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 1001
    checked = modelserver("check", made)
    assert checked.code == 0, checked.out
