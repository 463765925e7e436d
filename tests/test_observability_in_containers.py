"""Prometheus, Grafana, a collector in docker-compose.yml: off unless asked for, as strict as the rest."""

from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parent.parent
COMPOSE = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PROFILE = "observability"
OURS = {name for name, service in SERVICES.items() if PROFILE in service.get("profiles", ())}
FOUR = {"gateway", "prediction-service", "metrics-service", "analytics-service"}


def reached_by(name: str) -> set[str]:
    """Who shares a network with it, the one from which ports are published left out."""
    networks = set(SERVICES[name]["networks"]) - {"published"}
    return {other for other in SERVICES if other != name and networks & set(SERVICES[other]["networks"])}


def test_the_profile_has_prometheus_grafana_and_a_collector() -> None:
    assert sorted(OURS) == ["collector", "grafana", "prometheus"]


def test_prometheus_reaches_the_four_services_and_grafana_prometheus() -> None:
    assert reached_by("prometheus") == FOUR | {"grafana", "collector"}
    assert reached_by("collector") == FOUR | {"prometheus"}
    assert reached_by("grafana") == {"prometheus"}


def test_a_service_gains_nobody_but_these_by_its_network_for_metrics_and_traces() -> None:
    for network in (name for name in COMPOSE["networks"] if name.endswith("-telemetry")):
        members = {name for name, service in SERVICES.items() if network in service["networks"]}
        assert len(members & FOUR) == 1
        assert members - FOUR == {"prometheus", "collector"}


def test_only_the_collector_has_a_way_out_and_it_alone_is_there() -> None:
    networks = {network for name in OURS for network in SERVICES[name]["networks"]} - {"published"}
    assert [network for network in networks if not COMPOSE["networks"][network].get("internal")] == ["traces"]
    assert [name for name, service in SERVICES.items() if "traces" in service["networks"]] == ["collector"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_they_run_without_rights_on_a_file_system_that_they_cannot_write(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"].split(":")[0] not in {"0", "root"}
    assert {"cpus", "memory", "pids"} == set(service["deploy"]["resources"]["limits"])
    assert ("healthcheck" in service) == (name != "collector")  # whose image holds nothing that could ask


def test_only_grafana_is_published_and_only_on_this_machine() -> None:
    assert "ports" not in SERVICES["prometheus"] | SERVICES["collector"]
    assert SERVICES["grafana"]["ports"] == ["${PUBLISH_ADDRESS:-127.0.0.1}:${GRAFANA_PORT:-3000}:3000"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_is_mounted_is_there(name: str) -> None:
    files = [COMPOSE["configs"][mount["source"]]["file"] for mount in SERVICES[name]["configs"]]
    assert [file for file in files if not (REPOSITORY / file).is_file()] == []


def test_prometheus_asks_each_service_where_its_image_has_its_metrics() -> None:
    (job,) = yaml.safe_load((REPOSITORY / "deploy/prometheus/containers.yml").read_text())["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert set(found["names"]) == FOUR
    assert f"TELEMETRY_PORT={found['port']} " in (REPOSITORY / "deploy/Dockerfile").read_text()


def test_the_collector_takes_traces_where_services_are_told_to_send_them() -> None:
    config = yaml.safe_load((REPOSITORY / "deploy/collector/collector.yml").read_text())
    pipeline = config["service"]["pipelines"]["traces"]
    endpoint = config["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    for kind in ("receivers", "processors"):
        assert set(pipeline[kind]) == set(config[kind])
    told = SERVICES["collector"]["environment"]
    assert set(config["exporters"]) == {"debug", "otlphttp"}
    assert told["TRACES_EXPORTER"] == "${TRACES_EXPORTER:-debug}"
    assert pipeline["exporters"] == ["${env:TRACES_EXPORTER}"]
    assert f"http://collector:{endpoint.rpartition(':')[2]}" in (REPOSITORY / "docs/observability.md").read_text()
    for name in FOUR:
        assert SERVICES[name]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"] == "${OTEL_EXPORTER_OTLP_ENDPOINT:-}"
