"""The README tells the truth about paths, variables and targets."""

import importlib
import re
from pathlib import Path

import httpx
import pytest

from local.settings import LocalSettings
from shared.settings.settings import ServiceSettings

REPOSITORY = Path(__file__).parent.parent
README = (REPOSITORY / "README.md").read_text()
SERVICES = ["gateway", "prediction_service", "metrics_service", "analytics_service"]


@pytest.mark.parametrize("service", SERVICES)
def test_every_variable_of_every_service_is_in_the_table(service: str) -> None:
    settings: type[ServiceSettings] = importlib.import_module(f"{service}.settings").Settings
    missing = [name.upper() for name in settings.model_fields if f"`{name.upper()}`" not in README]
    assert missing == []


def test_every_variable_of_make_run_is_named() -> None:
    missing = [name.upper() for name in LocalSettings.model_fields if f"`{name.upper()}`" not in README]
    assert missing == []


def test_every_variable_in_the_table_exists() -> None:
    known = {
        name.upper()
        for service in SERVICES
        for name in importlib.import_module(f"{service}.settings").Settings.model_fields
    }
    known |= {name.upper() for name in LocalSettings.model_fields}
    named = re.findall(r"^\| `([A-Z_]+)` \|", README, re.MULTILINE)
    assert named
    assert set(named) <= known


def test_every_path_of_the_api_is_in_the_table(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    table = README.split("## API")[1].split("## Configuration")[0]
    assert [path for path in paths if f"{path}`" not in table and not path.startswith("/v2")] == []


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = set(re.findall(r"`?\bmake ([a-z][a-z-]+)\b", README)) - {"sure"}
    assert {"run", "test", "lint"} <= targets
    assert all(f".PHONY: {target}\n" in makefile for target in targets)
