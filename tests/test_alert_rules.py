"""The alert rules for Prometheus: each fires when it should and not before, and none in a stack that is well."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from observability.catalogue import read_catalogue
from shared.testing.debian import debian_program
from tests.prometheus_server import SHIPPED

DOCUMENT = SHIPPED.parent.parent / "docs" / "observability.md"
METRIC = re.compile(r"\b(?:http|process|ingress|admin|upstream|prediction|metrics|analysis)_[a-z_]+\b(?=[{\[) ])")
RULES = [rule for group in yaml.safe_load((SHIPPED / "alerts.yml").read_text())["groups"] for rule in group["rules"]]


def promtool(*arguments: object) -> str:
    result = subprocess.run(
        [debian_program("promtool", "prometheus"), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_every_alert_fires_when_it_should_and_not_before() -> None:
    assert "SUCCESS" in promtool("test", "rules", SHIPPED / "alerts_test.yml")


def test_the_tests_leave_no_alert_out() -> None:
    cases = [
        case
        for test in yaml.safe_load((SHIPPED / "alerts_test.yml").read_text())["tests"]
        for case in test["alert_rule_test"]
    ]
    names = {rule["alert"] for rule in RULES}
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == names
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == names


@pytest.mark.parametrize("file", ["prometheus.yml", "containers.yml"])
def test_prometheus_takes_the_configuration(file: str) -> None:
    assert f"SUCCESS: {len(RULES)} rules found" in promtool("check", "config", SHIPPED / file)


def test_alerts_are_about_metrics_that_there_are() -> None:
    known = {name for known in read_catalogue() for name in (known, f"{known}_bucket")}
    named = {name for rule in RULES for name in METRIC.findall(rule["expr"] + " ")}
    assert len(named) > 20
    assert named - known == set()


def test_the_document_lists_every_alert_as_severe_as_it_is() -> None:
    listed = re.findall(r"^\| `(\w+)` \| (\w+) \|", DOCUMENT.read_text(), re.MULTILINE)
    assert listed == [(rule["alert"], rule["labels"]["severity"]) for rule in RULES]


def test_a_rule_that_is_wrong_is_found(tmp_path: Path) -> None:
    for name in ("alerts.yml", "alerts_test.yml"):
        (tmp_path / name).write_text((SHIPPED / name).read_text().replace("128 * 1024 * 1024", "1024 * 1024 * 1024"))
    with pytest.raises(AssertionError, match="JournalFillsUp"):
        promtool("test", "rules", tmp_path / "alerts_test.yml")
