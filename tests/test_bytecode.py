"""What a start imports was compiled when it was installed: half of a start's processor time, where nothing is kept."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack import REPOSITORY

NOT_COMPILED = """
import importlib, sys
from importlib.util import cache_from_source
from pathlib import Path

importlib.import_module(sys.argv[1])
for name, module in sys.modules.items():
    file = getattr(module, "__file__", None) or ""
    if "site-packages" in file and file.endswith(".py") and not Path(cache_from_source(file)).exists():
        print(name)
"""


@pytest.mark.parametrize(
    "started",
    ["gateway.app", "prediction_service.app", "metrics_service.app", "analytics_service.app", "supervisor.supervisord"],
)
def test_a_package_that_is_imported_at_a_start_has_its_bytecode(started: str) -> None:
    """Python is told to write none (-B), as in many a developer's environment: what is missing stays missing."""
    said = subprocess.run(
        [sys.executable, "-B", "-c", NOT_COMPILED, started], capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == []


def test_a_module_that_cannot_be_imported_is_told_and_takes_nothing_from_what_is_installed(tmp_path: Path) -> None:
    """Such as one that somebody is about to write: all else that `make` does needs the environment alone."""
    for file in ("Makefile", "deploy/import_all.py"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / file, tmp_path / file)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "deploy" / "begun.py").write_text("x = (\n")
    command = ["make", "install", "INSTALL=true", "DISTRIBUTIONS=", "STARTED=begun", "--old-file=requirements.txt"]
    command += ["--old-file=deploy/requirements/uv.txt"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (told.returncode, (tmp_path / ".venv" / "installed").exists()) == (0, True)
    assert "SyntaxError" in told.stderr
    assert told.stderr.splitlines()[-1].startswith("Installed, but a module cannot be imported")
