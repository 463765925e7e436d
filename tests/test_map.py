"""docs/architecture.md is the map of the house: it names what is there, and all of it.

No document's link leads nowhere.
"""

import ast
import os
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
MAP = REPOSITORY / "docs" / "architecture.md"
SERVICES = [
    "gateway/gateway",
    "prediction-service/prediction_service",
    "metrics-service/metrics_service",
    "analytics-service/analytics_service",
]
HOUSES = [
    *SERVICES,
    "shared/shared",
    "cli/modelserver",
    "training",
    "benchmarks",
    "deploy/local",
    "deploy/observability",
]
"""What the map covers, package by package."""

LINK = re.compile(r"\]\(([^)\s]+)\)")
MODULE = re.compile(r"`([a-z_][a-z0-9_]*(?:/[a-z_][a-z0-9_]*)+)`")
"""A module or package in running text, as seen from the package at the section's head: `limit/window`."""

NAME = re.compile(r"`([a-z_][a-z0-9_]*(?:/[a-z_][a-z0-9_]*)*)`")
"""The same in the docstring of an app.py, where a single word is a module too."""


def documents() -> list[Path]:
    """Every document of the repository; what was made or installed here lies in hidden folders and in build/."""
    found = []
    for folder, folders, names in os.walk(REPOSITORY):
        folders[:] = [name for name in folders if not name.startswith((".", "build"))]
        found += [Path(folder, name) for name in names if name.endswith(".md")]
    return sorted(found)


def links(text: str) -> list[str]:
    return [link for link in LINK.findall(text) if not re.match(r"[a-z]+:", link)]


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_nowhere(document: Path, text: str) -> list[str]:
    """The links of a document whose file or heading is not there."""
    dead = []
    for link in links(text):
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        content = text if not path else target.read_text() if target.suffix == ".md" and target.exists() else ""
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(content)):
            dead.append(link)
    return dead


def packages(house: str) -> set[str]:
    """The folders of a distribution that Python imports, without those of tests and what was installed there."""
    root = REPOSITORY / house
    found = {init.parent.relative_to(REPOSITORY) for init in root.rglob("__init__.py")}
    own = {path for path in found if not any(part.startswith(".") for part in path.parts)}
    return {str(path) for path in own if not path.name.endswith("_tests")}


def left_out(text: str) -> list[str]:
    """The packages to which no link of the map leads."""
    linked = {str((MAP.parent / link.partition("#")[0]).resolve()) for link in links(text)}
    everything = sorted(package for house in HOUSES for package in packages(house))
    return [package for package in everything if str(REPOSITORY / package) not in linked]


def is_there(root: Path, name: str) -> bool:
    return (root / name).is_dir() or (root / name).with_suffix(".py").is_file()


def sections(text: str) -> dict[str, str]:
    """The text below each heading that is a link to a package, by that package."""
    parts = re.split(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {
        str((MAP.parent / target).resolve().relative_to(REPOSITORY)): body
        for heading, body in zip(parts[1::2], parts[2::2], strict=True)
        for target in links(heading)
    }


def misnamed(house: str, text: str, pattern: re.Pattern[str]) -> list[str]:
    """What a text about a package names, and is neither in it, nor beside it, nor in shared."""
    roots = [REPOSITORY / house, (REPOSITORY / house).parent, REPOSITORY / "shared", REPOSITORY / "shared/shared"]
    return [name for name in pattern.findall(text) if not any(is_there(root, name) for root in roots)]


def docstring_of(house: str) -> str:
    return ast.get_docstring(ast.parse((REPOSITORY / house / "app.py").read_text())) or ""


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_link_within_the_repository_leads_somewhere(document: Path) -> None:
    assert leads_nowhere(document, document.read_text()) == []


def test_the_map_leaves_no_package_out() -> None:
    assert left_out(MAP.read_text()) == []


def test_the_map_has_a_section_for_every_house() -> None:
    assert sorted(sections(MAP.read_text())) == sorted(HOUSES)


@pytest.mark.parametrize("house", HOUSES)
def test_what_the_map_names_is_there(house: str) -> None:
    assert misnamed(house, sections(MAP.read_text())[house], MODULE) == []


@pytest.mark.parametrize("house", SERVICES)
def test_the_map_tells_the_way_of_a_request(house: str) -> None:
    named = MODULE.findall(sections(MAP.read_text())[house])
    assert len(named) >= 5


@pytest.mark.parametrize("house", SERVICES)
def test_what_a_services_docstring_names_is_there(house: str) -> None:
    docstring = docstring_of(house)
    assert len(NAME.findall(docstring)) >= 5
    assert misnamed(house, docstring, NAME) == []


def test_the_checks_find_what_is_wrong() -> None:
    text = MAP.read_text()
    assert left_out(text.replace("(../gateway/gateway/limit)", "(../gateway/gateway/app.py)")) == [
        "gateway/gateway/limit"
    ]
    assert misnamed("gateway/gateway", "`limit/window`, `limit/nobody`, `nobody`, `shared/http`", NAME) == [
        "limit/nobody",
        "nobody",
    ]
    wrong = "[1](nowhere.md) [2](#nothing) [3](drift.md#nothing) [4](drift.md) [5](https://example.com) [6](#a-heading)"
    assert leads_nowhere(MAP, f"## A heading\n{wrong}") == ["nowhere.md", "#nothing", "drift.md#nothing"]
