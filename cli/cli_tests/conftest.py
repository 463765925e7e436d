"""Models of the libraries that people use, trained here, in an environment that has them."""

import subprocess
from pathlib import Path

import pytest

from cli_tests.terminal import ENVIRONMENT, EXAMPLES, REPOSITORY


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with sample.csv and models that learned from it; see train_models.py."""
    subprocess.run(["make", "--silent", "examples-install"], cwd=REPOSITORY, check=True)
    folder = tmp_path_factory.mktemp("trained")
    script = Path(__file__).parent / "train_models.py"
    subprocess.run([EXAMPLES / "python", script, folder], check=True, env=ENVIRONMENT)
    return folder
