"""What is in an image and in a container's description, and what is not."""

import json
import os
import subprocess

import pytest

from container_tests.stack import REPOSITORY, SERVICES, ComposeStack, inspect, run

MEGABYTE = 1_000_000
BASE = "python:3.13-slim-bookworm"


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_adds_at_most_350_megabytes_to_its_base(stack: ComposeStack, service: str) -> None:
    size = inspect(f"modelserver/{service}:test")["Size"] - inspect(BASE)["Size"]
    print(f"{service}: {size / MEGABYTE:.0f} MB without the base")

    assert size <= 350 * MEGABYTE


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_runs_as_nobody_special_with_nothing_to_build_or_install(stack: ComposeStack, service: str) -> None:
    assert stack.execute(service, "id", "-u").stdout.strip() == "10001"
    for tool in ("pip", "gcc", "cc", "curl", "wget"):
        assert stack.execute(service, "which", tool).returncode != 0, tool
    assert stack.execute(service, "python", "-c", "import pip").returncode != 0
    assert stack.execute(service, "touch", "/app/x").returncode != 0
    assert "CapEff:\t0000000000000000" in stack.execute(service, "cat", "/proc/1/status").stdout


def test_every_container_is_hardened_and_bounded(stack: ComposeStack) -> None:
    for service in (*SERVICES, "edge", "inside", "postgres", "redis", "docker-api"):
        host = inspect(stack.container(service))["HostConfig"]

        assert host["ReadonlyRootfs"], service
        assert host["CapDrop"] == ["ALL"], service
        assert host["SecurityOpt"] == ["no-new-privileges:true"], service
        assert host["Memory"] > 0, service
        assert host["NanoCpus"] > 0, service
        assert host["RestartPolicy"]["Name"] == "unless-stopped", service


def test_no_secret_stands_in_a_containers_description_or_in_an_image(stack: ComposeStack) -> None:
    secrets = [path.read_text().strip() for path in stack.secrets.iterdir()]
    described = run("docker", "inspect", *stack.compose("ps", "--all", "--quiet").split())
    built = "".join(
        run("docker", "history", "--no-trunc", f"modelserver/{service}:test")
        + run("docker", "inspect", f"modelserver/{service}:test")
        for service in SERVICES
    )

    for secret in filter(None, secrets):
        assert secret not in described
        assert secret not in built


def test_a_stop_is_graceful_and_takes_less_than_ten_seconds(stack: ComposeStack) -> None:
    stack.compose("stop", "analytics-service")
    try:
        state = inspect(stack.compose("ps", "--all", "--quiet", "analytics-service").strip())["State"]
        assert (state["ExitCode"], state["OOMKilled"]) == (0, False)
    finally:
        stack.up("--no-recreate")
        stack.wait_until_healthy()


def test_without_secrets_compose_refuses_with_a_line_that_says_what_to_run() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "SECRETS_DIR"}

    result = subprocess.run(
        ["docker", "compose", "--env-file", os.devnull, "up"],
        cwd=REPOSITORY, env=environment, text=True, capture_output=True, timeout=60, check=False,
    )  # fmt: skip

    (line,) = result.stderr.strip().splitlines()
    assert line.endswith('required variable SECRETS_DIR is missing a value: run "make up": it makes the secrets')


def test_the_profile_with_pgadmin_is_valid_and_connected(stack: ComposeStack) -> None:
    """Its image is not at hand everywhere; what Compose would run is."""
    services = json.loads(stack.compose("--profile", "tools", "config", "--format", "json"))["services"]

    assert services["pgadmin"]["ports"] == [
        {"mode": "ingress", "host_ip": "127.0.0.1", "target": 8080, "published": "8080", "protocol": "tcp"}
    ]
    assert "pgadmin" not in json.loads(stack.compose("config", "--format", "json"))["services"]
    servers = json.loads((REPOSITORY / "deploy" / "pgadmin" / "servers.json").read_text())["Servers"]
    assert set(services["pgadmin"]["networks"]) & set(services["postgres"]["networks"])
    assert servers["1"]["Host"] == "postgres"
