"""A stack in containers under a project name, ports, secrets and images of its own, as `docker compose` runs it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx

from shared.embedded.ports import free_ports
from shared.processes.waiting import wait_until

REPOSITORY = Path(__file__).parent.parent.parent
SERVICES = ("gateway", "prediction-service", "metrics-service", "analytics-service")
PRIVATE_NETWORKS = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"


class ComposeStack:
    """One project. The edge believes X-Forwarded-For from this machine, so that a test can be many clients."""

    def __init__(self, project: str, folder: Path, **variables: str) -> None:
        self.project, self.secrets = project, folder / "secrets"
        ports = free_ports()
        self.http_port, self.https_port = next(ports), next(ports)
        run(str(REPOSITORY / "deploy" / "make-secrets"), str(self.secrets))
        self.variables = {
            "COMPOSE_PROJECT_NAME": project,
            "SECRETS_DIR": str(self.secrets),
            "HTTP_PORT": str(self.http_port),
            "HTTPS_PORT": str(self.https_port),
            "FRONT_SUBNET": "10.201.18.0/24",
            "EDGE_TRUSTED_PROXIES": PRIVATE_NETWORKS,
            "VERSION": "test",
        } | variables

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    def compose(self, *arguments: str, files: tuple[str, ...] = (), timeout: float = 600) -> str:
        """Runs `docker compose …` and returns its output; `.env` of a user plays no part."""
        options = ["--env-file", os.devnull, *(part for file in files for part in ("--file", file))]
        return run("docker", "compose", *options, *arguments, environment=self.variables, timeout=timeout)

    def up(self, *arguments: str) -> None:
        """Starts what is missing and returns once all of it is healthy."""
        self.compose("up", "--detach", "--wait", "--wait-timeout", "240", *arguments)

    def remove(self) -> None:
        """Containers, networks and volumes."""
        self.compose("down", "--volumes", "--remove-orphans")

    def container(self, service: str) -> str:
        """The id of a service's first container."""
        return self.containers(service)[0]

    def containers(self, service: str) -> list[str]:
        return self.compose("ps", "--quiet", service).split()

    def execute(self, service: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Runs a command in a service's container; does not judge how it ends."""
        return subprocess.run(
            ["docker", "exec", self.container(service), *command], text=True, capture_output=True, timeout=60,
            check=False,
        )  # fmt: skip

    def health(self) -> dict[str, Any]:
        try:
            return dict(httpx.get(f"{self.url}/health", timeout=5).json())
        except (httpx.HTTPError, ValueError):
            return {}

    def wait_until_healthy(self) -> None:
        """Raises RuntimeError with the state of every container when something does not become healthy."""
        try:
            wait_until(lambda: self.health().get("status") == "ok", "everything to be healthy", deadline_seconds=60)
        except TimeoutError as error:
            raise RuntimeError(f"{error}: {self.health()}\n{self.compose('ps', '--all')}") from error

    def addresses(self, service: str) -> list[str]:
        """The addresses of a service's first container, in every network that it is in."""
        networks = inspect(self.container(service))["NetworkSettings"]["Networks"]
        return [network["IPAddress"] for network in networks.values()]


def inspect(thing: str) -> dict[str, Any]:
    """What Docker knows of a container or an image."""
    return dict(json.loads(run("docker", "inspect", thing))[0])


def run(*command: str, environment: dict[str, str] | None = None, timeout: float = 600) -> str:
    """Output of a command. Raises RuntimeError with what it wrote when it fails."""
    result = subprocess.run(
        command, cwd=REPOSITORY, env=os.environ | (environment or {}), text=True, capture_output=True, timeout=timeout,
        check=False,
    )  # fmt: skip
    if result.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {result.returncode}:\n{result.stdout}{result.stderr}")
    return result.stdout
