"""Tests of the product in containers. They need Docker with Compose; `make test-containers` runs them."""

import itertools
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from container_tests.stack import ComposeStack, run

_addresses = (f"198.51.{third}.{fourth}" for third, fourth in itertools.product(range(256), range(1, 255)))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost, with its key beside it."""
    folder = tmp_path_factory.mktemp("tls")
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    subprocess.run(
        [*command.split(), "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True
    )
    (folder / "key.pem").chmod(0o444)  # in a folder that is closed
    return folder / "cert.pem"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[ComposeStack]:
    """One stack for all tests; each leaves it with one replica of everything, healthy."""
    stack = ComposeStack(
        "modelserver-test",
        tmp_path_factory.mktemp("stack"),
        TLS_CERTIFICATE=str(certificate),
        TLS_KEY=str(certificate.with_name("key.pem")),
    )
    stack.remove()  # what a run that was broken off has left keeps its old passwords
    try:
        stack.compose("build")
        stack.up()
        stack.wait_until_healthy()
        yield stack
    finally:
        stack.remove()
    assert left_of(stack.project) == []


def left_of(project: str) -> list[str]:
    """Containers, networks and volumes that a project has left behind."""
    label = f"label=com.docker.compose.project={project}"
    return [
        thing
        for kind in (["ps", "--all"], ["network", "ls"], ["volume", "ls"])
        for thing in run("docker", *kind, "--quiet", "--filter", label).split()
    ]


@pytest.fixture
def client(stack: ComposeStack, new_address: str) -> Iterator[httpx.Client]:
    """A client with an address of its own, so that no test uses up another one's quota."""
    with httpx.Client(base_url=stack.url, headers={"X-Forwarded-For": new_address}, timeout=30) as client:
        yield client


@pytest.fixture
def new_address() -> str:
    """An address from which nobody has called yet."""
    return next(_addresses)


def pytest_configure() -> None:
    """Ends at once, with a reason, where there is no Docker."""
    try:
        subprocess.run(["docker", "compose", "version"], check=True, capture_output=True)
        subprocess.run(["docker", "version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise pytest.UsageError("the tests in containers need a running Docker with Compose") from error
