"""docs/metrics-reference.md is what the running services expose, all of it, with the labels that the code gives."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from local.services import SERVICES
from observability.catalogue import Catalogue, Entry, read_catalogue
from observability.exposition import Exposed, exposed, scrape
from observability.reference import PageError, page
from shared.testing.debian import debian_program
from tests.stack import LocalStack

REPOSITORY = Path(__file__).parent.parent
PAGE = REPOSITORY / "docs" / "metrics-reference.md"

LABELS_IN_CODE = """
import importlib, json, sys
from prometheus_client import REGISTRY
importlib.import_module(sys.argv[1] + ".app")
print(json.dumps({
    names[0]: list(getattr(collector, "label_names", None) or getattr(collector, "_labelnames", ()))
    for collector, names in REGISTRY._collector_to_names.items()
}))
"""
"""The labels of each metric, also of those that have no samples; the default collectors declare none."""


@pytest.fixture(scope="module")
def metrics(stack: LocalStack) -> list[Exposed]:
    stack.client.post("/predict", json={"text": "I love it."}).raise_for_status()
    stack.client.post("/analyze/performance", json={}).raise_for_status()
    first = stack.port + 10
    return exposed({name: scrape(f"http://127.0.0.1:{first + n}/metrics") for n, name in enumerate(SERVICES)})


def test_the_page_is_what_the_running_services_expose(metrics: list[Exposed]) -> None:
    assert PAGE.read_text() == page(metrics, read_catalogue()), "make run, then make metrics-reference"


@pytest.mark.parametrize("service", SERVICES)
def test_the_labels_are_those_of_the_code(service: str) -> None:
    output = subprocess.check_output([sys.executable, "-c", LABELS_IN_CODE, SERVICES[service]], text=True)
    catalogue = {name.removesuffix("_total"): list(entry.labels) for name, entry in read_catalogue().items()}
    own = {name: labels for name, labels in json.loads(output).items() if not name.startswith(("python_", "process_"))}
    assert len(own) > 8
    assert {name: catalogue[name] for name in own} == own


def test_prometheus_can_read_every_query(tmp_path: Path) -> None:
    rules = [{"record": f"query:{name}", "expr": entry.query} for name, entry in read_catalogue().items()]
    file = tmp_path / "rules.json"  # which YAML is as well
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    promtool = debian_program("promtool", "prometheus")
    result = subprocess.run([promtool, "check", "rules", file], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert f"{len(rules)} rules found" in result.stdout


def test_every_query_is_about_its_metric() -> None:
    assert [name for name, entry in read_catalogue().items() if name not in entry.query] == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda known: known.pop("waits_total"), "waits_total: gateway exposes it; catalogue.toml does not know it"),
        (lambda known: known.update(gone=Entry("1", "?", "gone")), "gone: catalogue.toml knows it; no service exposes"),
        (lambda known: known["waits_total"].labels.clear(), "waits_total: catalogue.toml does not know its labels"),
    ],
)
def test_a_page_that_would_be_wrong_is_not_made(change, line: str) -> None:
    text = '# HELP waits Times.\n# TYPE waits counter\nwaits_total{upstream="a"} 1.0\n# EOF\n'
    known: Catalogue = {"waits_total": Entry("times", "How often?", "waits_total", {"upstream": "the service"})}
    assert "Times. A counter; unit: times." in page(exposed({"gateway": text}), known)
    change(known)
    with pytest.raises(PageError, match=line):
        page(exposed({"gateway": text}), known)


def test_services_that_mean_different_things_by_a_name_are_told_apart() -> None:
    one, other = (f"# HELP waits {meaning}\n# TYPE waits gauge\nwaits 1.0\n# EOF\n" for meaning in ("Times", "Seconds"))
    with pytest.raises(ValueError, match="waits: metrics-service says 'Seconds', gateway 'Times'"):
        exposed({"gateway": one, "metrics-service": other})


def test_who_runs_nothing_is_told_what_to_do() -> None:
    environment = {"PYTHONPATH": str(REPOSITORY / "deploy")}
    before = PAGE.read_text()
    result = subprocess.run(
        [sys.executable, "-m", "observability", "--port", "1"],
        cwd=REPOSITORY, env=environment, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr.startswith("make metrics-reference: no metrics on ports 1 to 4 (")
    assert PAGE.read_text() == before
