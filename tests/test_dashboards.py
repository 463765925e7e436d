"""The dashboards for Grafana: what is shipped is what was meant, in Grafana's own types, and every query brings data.

A real Prometheus on the shipped configuration scrapes a running stack with traffic, refusals and reports of Gemini.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from analytics_service.testing.gemini_emulator import GeminiEmulator
from observability.catalogue import read_catalogue
from observability.dashboards import FOLDER, dashboards
from shared.processes.waiting import wait_until
from tests.prometheus_server import PrometheusServer
from tests.stack import LocalStack

NAMES = ("overview", "serving", "limits", "analytics", "stores")
PROVISIONING = FOLDER.parent / "provisioning"
COMPOSE = FOLDER.parent.parent.parent / "docker-compose.yml"
METRIC = re.compile(r"\b([a-z]+_[a-z_]+?)(?:_bucket|_count|_sum)?(?=[{\[)])")
UNITS = {value for value in vars(units).values() if isinstance(value, str)}


def panels() -> Iterator[dict[str, Any]]:
    for name in NAMES:
        yield from json.loads((FOLDER / f"{name}.json").read_text())["panels"]


QUERIES = [target["expr"] for panel in panels() for target in panel["targets"]]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """Of a stack that has answered, refused and reported since it is scraped."""
    with GeminiEmulator() as gemini:
        folder: Path = tmp_path_factory.mktemp("dashboards")
        stack = LocalStack(
            folder / "local", INGRESS_LIMITS="40/60s", GEMINI_API_KEY="a-key", GEMINI_API_ENDPOINT=gemini.url,
            GEMINI_CACHE_TTL="1", GEMINI_STALE_GRACE="0", ALERT_INTERVAL="0.5", ALERT_MIN_PREDICTIONS="1",
        ).start()  # fmt: skip
        try:
            with PrometheusServer(folder, stack.port + 10) as prometheus:
                for client in range(3):
                    before = prometheus.ask("sum(timestamp(up))")
                    call(stack.url, client)
                    wait_until(lambda b=before: prometheus.ask("sum(timestamp(up))") != b, "a scrape")
                yield prometheus
        finally:
            stack.end()


def call(url: str, number: int) -> None:
    """What one caller asks, beyond what it may; with reports that nobody asked for before: Gemini writes each."""
    windows = (5 + number, 60 + number)
    with httpx.Client(base_url=url, headers={"X-Forwarded-For": f"203.0.113.{number + 1}"}, timeout=30) as client:
        statuses = [client.post("/predict", json={"text": f"I love it, {n} times."}).status_code for n in range(30)]
        statuses += [client.post("/predict/batch", json={"texts": ["It is good.", "It is bad."]}).status_code]
        statuses += [client.post("/predict", json={"text": ""}).status_code]
        statuses += [client.post("/analyze/performance", json={"time_window_minutes": n}).status_code for n in windows]
        statuses += [client.post("/predict", json={"text": "Too many."}).status_code for _ in range(10)]
    assert set(statuses) == {200, 422, 429}


def test_what_is_shipped_is_what_was_meant() -> None:
    shipped = {file.stem: file.read_text() for file in FOLDER.glob("*.json")}
    assert shipped == dashboards(), "make dashboards"
    assert set(shipped) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_grafanas_own_types_read_a_dashboard_whole(name: str) -> None:
    content = json.loads((FOLDER / f"{name}.json").read_text())
    assert json.loads(JSONEncoder().encode(Dashboard.from_json(content))) == content
    assert re.fullmatch(r"[a-z-]{1,40}", content["uid"])  # Grafana's bound
    assert [panel["id"] for panel in content["panels"]] == list(range(1, len(content["panels"]) + 1))
    assert {panel["fieldConfig"]["defaults"]["unit"] for panel in content["panels"]} <= UNITS
    assert [variable["name"] for variable in content["templating"]["list"]] == ["datasource"]


@pytest.mark.parametrize("name", NAMES)
def test_panels_do_not_overlap_and_stay_within_the_page(name: str) -> None:
    taken = set()
    for panel in json.loads((FOLDER / f"{name}.json").read_text())["panels"]:
        place = panel["gridPos"]
        columns, rows = (range(place[at], place[at] + place[size]) for at, size in ("xw", "yh"))
        cells = {(x, y) for x in columns for y in rows}
        assert max(x for x, _ in cells) < 24  # columns of a Grafana dashboard
        assert not cells & taken
        taken |= cells


def test_panels_of_histograms_show_exemplars_and_no_others() -> None:
    targets = [target for panel in panels() for target in panel["targets"]]
    assert {target["expr"] for target in targets if target.get("exemplar")} == {q for q in QUERIES if "_bucket" in q}


def test_queries_are_about_metrics_that_there_are() -> None:
    known = set(read_catalogue())
    named = {name for query in QUERIES for name in METRIC.findall(re.sub(r"by \([^)]*\)", "", query))}
    assert len(named) > 40
    assert {name for name in named if name not in known and name.removesuffix("_total") not in known} == set()


def test_every_query_brings_data_from_a_running_stack(prometheus: PrometheusServer) -> None:
    missing = set(QUERIES)

    def are_all_there() -> bool:
        missing.difference_update([q for q in missing if prometheus.ask(q.replace("$__rate_interval", "1m"))])
        return not missing

    try:
        wait_until(are_all_there, "data")
    except TimeoutError:
        pytest.fail("no data: " + "\n".join(sorted(missing)))


@pytest.mark.parametrize(
    "what",
    [
        'rate(http_requests_total{service="gateway",status="429"}[30m]) > 0',
        'rate(ingress_decisions_total{outcome="refused"}[30m]) > 0',
        'rate(analysis_gemini_calls_total{outcome="ok"}[30m]) > 0',
        "rate(analysis_gemini_tokens_total[30m]) > 0",
        "rate(prediction_commit_rows_sum[30m]) > 0",
    ],
)
def test_numbers_are_those_of_what_happened(prometheus: PrometheusServer, what: str) -> None:
    wait_until(lambda: bool(prometheus.ask(what)), what)


def test_no_rule_is_broken_and_nothing_fires_in_a_stack_that_is_well(prometheus: PrometheusServer) -> None:
    wait_until(lambda: all(rule["health"] == "ok" for rule in prometheus.rules()), "every rule to be evaluated")
    firing = {rule["name"] for rule in prometheus.rules() if rule["state"] == "firing"}
    assert firing - {"ModelIsCritical"} == set()  # which a slow machine makes of models' times


def test_every_query_of_the_page_of_metrics_can_be_asked(prometheus: PrometheusServer) -> None:
    for entry in read_catalogue().values():
        prometheus.ask(entry.query)


def test_grafana_finds_what_is_provisioned() -> None:
    (source,) = yaml.safe_load((PROVISIONING / "datasources" / "modelserver.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "modelserver.yml").read_text())["providers"]
    grafana = yaml.safe_load(COMPOSE.read_text())["services"]["grafana"]
    told = {mount["target"]: mount["source"] for mount in grafana["configs"]}
    folder = grafana["environment"]["DASHBOARDS_FOLDER"]
    assert (source["type"], source["url"], provider["options"]["path"]) == (
        "prometheus", "$PROMETHEUS_URL", "$DASHBOARDS_FOLDER",
    )  # fmt: skip
    (link,) = source["jsonData"]["exemplarTraceIdDestinations"]
    assert (link["name"], link["url"]) == ("trace_id", "$TRACES_LINK")
    assert "TRACES_LINK" in grafana["environment"]
    assert {told[f"{folder}/{name}.json"] for name in NAMES} == {f"grafana-{name}" for name in NAMES}
    assert grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] in told
