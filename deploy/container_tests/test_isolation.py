"""Who can reach whom, seen from inside the containers' networks, and what each database role may do."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from container_tests.stack import ComposeStack, inspect, run

PORTS = {
    "postgres": 5432,
    "redis": 6379,
    "docker-api": 2375,
    "edge": 8000,
    "inside": 8000,
    "gateway": 8000,
    "prediction-service": 8000,
    "metrics-service": 8000,
    "analytics-service": 8000,
}
"""Where each one listens."""

JOINED = {
    "edge": {"gateway", "docker-api"},
    "gateway": {"edge", "inside", "postgres"},
    "inside": {"gateway", "docker-api", "prediction-service", "metrics-service", "analytics-service"},
    "prediction-service": {"inside", "postgres"},
    "metrics-service": {"inside", "postgres"},
    "analytics-service": {"inside", "redis"},
    "postgres": {"gateway", "prediction-service", "metrics-service"},
    "redis": {"analytics-service"},
    "docker-api": {"edge", "inside"},
}
"""Who shares a network with whom. All others must be out of reach."""

CONNECT = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def is_reached(target):
    with socket.socket() as probe:
        probe.settimeout(3)
        return probe.connect_ex(tuple(target)) == 0
targets = json.loads(sys.argv[1])
with ThreadPoolExecutor(len(targets)) as pool:
    print(json.dumps([target for target, yes in zip(targets, pool.map(is_reached, targets)) if yes]))
"""


def reached_from(stack: ComposeStack, service: str, targets: list[tuple[str, int]]) -> set[tuple[str, int]]:
    """Those of the targets that take a connection from inside the service's network namespace."""
    output = run(
        "docker", "run", "--rm", "--network", f"container:{stack.container(service)}", "modelserver/gateway:test",
        "python", "-c", CONNECT, json.dumps(targets),
    )  # fmt: skip
    return {(host, port) for host, port in json.loads(output)}


@pytest.mark.parametrize("service", JOINED)
def test_a_container_reaches_those_it_works_with_and_no_other(stack: ComposeStack, service: str) -> None:
    targets = {
        (address, PORTS[other]): other for other in PORTS if other != service for address in stack.addresses(other)
    }

    reached = {targets[target] for target in reached_from(stack, service, list(targets))}

    assert reached == JOINED[service]


@pytest.fixture(scope="module")
def outside() -> Iterator[tuple[str, int]]:
    """A server in a network of its own behind this machine: it knows no way to a container, as on the internet.

    Only what is sent under this machine's own address is answered there.
    """
    if os.geteuid() != 0:
        pytest.skip("a network namespace that plays the internet needs root")
    name, ours, theirs, port = "ms-outside", "198.18.77.1", "198.18.77.2", 8765
    subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
    for command in (
        f"ip netns add {name}",
        f"ip link add ms-out0 type veth peer name ms-out1 netns {name}",
        f"ip address add {ours}/30 dev ms-out0",
        "ip link set ms-out0 up",
        f"ip -n {name} address add {theirs}/30 dev ms-out1",
        f"ip -n {name} link set ms-out1 up",
    ):
        run(*command.split())
    server = subprocess.Popen(
        ["ip", "netns", "exec", name, sys.executable, "-m", "http.server", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield theirs, port
    finally:
        server.kill()
        server.wait()
        run("ip", "netns", "delete", name)


@pytest.mark.parametrize("service", JOINED)
def test_only_the_analytics_service_has_a_way_out(stack: ComposeStack, outside: tuple[str, int], service: str) -> None:
    assert bool(reached_from(stack, service, [outside])) == (service == "analytics-service")


def test_only_the_edge_publishes_ports_and_only_on_this_machine(stack: ComposeStack) -> None:
    published = {}
    for service in PORTS:
        bindings = inspect(stack.container(service))["HostConfig"]["PortBindings"] or {}
        for port, hosts in bindings.items():
            published[service, port] = {host["HostIp"] for host in hosts}

    assert published == {("edge", "8000/tcp"): {"127.0.0.1"}, ("edge", "8443/tcp"): {"127.0.0.1"}}


ALLOWED = ["GET /version", "GET /_ping", "HEAD /_ping", "GET /v1.41/containers/json", "GET /containers/{id}/json",
           "GET /networks"]  # fmt: skip
DENIED = [
    "POST /containers/create", "GET /secrets", "GET /images/json", "GET /info",
    "GET /containers/{id}/archive?path=/run",
    "GET /containers/{id}/export", "GET /containers/{id}/logs?stdout=1", "GET /containers/{id}/top", "GET /volumes",
    "GET /containers/{id}/stats", "GET /containers/{id}/changes", "HEAD /containers/{id}/archive?path=/run",
    "GET /v1.41/containers/{id}/attach/ws", "GET /containers/x%2F../{id}/logs", "GET //containers/{id}/export",
    "GET /containers/json/../{id}/logs", "DELETE /networks/x", "PUT /containers/{id}/archive",
    "OPTIONS /containers/json",
]  # fmt: skip


def test_the_docker_api_tells_what_runs_and_nothing_of_what_is_in_it(stack: ComposeStack) -> None:
    code = """
import http.client, sys
for request in sys.argv[1:]:
    method, _, path = request.partition(" ")
    connection = http.client.HTTPConnection("docker-api", 2375, timeout=5)
    connection.request(method, path)
    print(connection.getresponse().status)
"""
    one = stack.container("gateway")
    requests = [request.format(id=one) for request in (*ALLOWED, *DENIED)]
    output = run(
        "docker", "run", "--rm", "--network", f"container:{stack.container('inside')}", "modelserver/gateway:test",
        "python", "-c", code, *requests,
    )  # fmt: skip

    assert output.split() == ["200"] * len(ALLOWED) + ["403"] * len(DENIED)


ASK = """
import asyncio, asyncpg, os, sys
async def main():
    connection = await asyncpg.connect(open(os.environ["DATABASE_URL_FILE"]).read().strip())
    try:
        await connection.execute(sys.argv[1])
        print("allowed")
    except asyncpg.InsufficientPrivilegeError:
        print("refused")
asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("service", "statement", "outcome"),
    [
        ("gateway", "SELECT count(*) FROM predictions.prediction", "refused"),
        ("gateway", "SELECT count(*) FROM metrics.threshold_profile", "refused"),
        ("gateway", "SELECT count(*) FROM metrics.key_rollup", "refused"),
        ("gateway", "CREATE TABLE public.mine (id int)", "refused"),
        ("prediction-service", "SELECT confidence FROM predictions.prediction LIMIT 1", "refused"),
        ("prediction-service", "DELETE FROM predictions.prediction", "refused"),
        ("prediction-service", "UPDATE predictions.prediction SET confidence = 1", "refused"),
        ("metrics-service", "SELECT count(*) FROM predictions.prediction", "allowed"),
        ("metrics-service", "DELETE FROM predictions.prediction", "refused"),
        ("metrics-service", "CREATE ROLE mine", "refused"),
    ],
)
def test_a_database_role_may_do_what_its_service_does_and_no_more(
    stack: ComposeStack, service: str, statement: str, outcome: str
) -> None:
    result = stack.execute(service, "python", "-c", ASK, statement)

    assert result.stdout.strip() == outcome, result.stderr
