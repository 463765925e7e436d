"""What a start imports was compiled when it was installed: half of a start's processor time, where nothing is kept."""

import subprocess
import sys

import pytest

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
