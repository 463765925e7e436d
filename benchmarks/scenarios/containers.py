"""What do containers cost? The same stack in containers and as bare processes, 64 connections of one client.

First `make up INGRESS_LIMITS=1000000/1s`, then `python -m benchmarks containers --containers http://127.0.0.1:8000`.
"""

import json
import subprocess

import httpx

from benchmarks.harness.load import wrk
from benchmarks.harness.report import Result, Table
from benchmarks.harness.turns import Sample, alternate
from benchmarks.options import Options
from benchmarks.targets import OUR_BODY, PREDICT, stack_server

TITLE = "Containers beside bare processes"
LIMITS = "1000000/1s"
CONNECTIONS, SECONDS = 64, 5


def run(options: Options) -> Result:
    """Throughput and latency of both, in turns."""
    if why := reason_to_skip(options.containers):
        return Result(TITLE, skipped=[f"containers: {why}"])
    stack = stack_server(options.folder / "bare", INGRESS_LIMITS=LIMITS, LOG_LEVEL="INFO", LOG_FORMAT="json")
    with stack.running(PREDICT):
        urls = {
            "containers": f"{options.containers}/predict",
            "bare processes": f"http://127.0.0.1:{stack.port}/predict",
        }
        targets = {
            name: lambda url=url: wrk(url, CONNECTIONS, options.of(SECONDS), OUR_BODY, one_client=True)
            for name, url in urls.items()
        }
        loads = alternate(targets, options.turns)
    figures = ("rate", "p50_ms", "p99_ms", "failed")
    rows: list[list[str | Sample]] = [
        [name, *(Sample([getattr(load, figure) for load in found]) for figure in figures)]
        for name, found in loads.items()
    ]
    return Result(TITLE, tables=[Table("", ["", "predictions/s", "p50, ms", "p99, ms", "failed"], rows)])


def reason_to_skip(url: str | None) -> str | None:
    """None when there is a stack in containers that answers everybody."""
    if not docker_answers():
        return "docker does not answer"
    if url is None:
        return "no stack was named (--containers URL, see scenarios/containers.py)"
    try:
        policy = httpx.post(f"{url}/predict", json=json.loads(OUR_BODY), timeout=10).headers.get("ratelimit-policy", "")
    except httpx.TransportError as error:
        return f"{url}: {error}"
    return None if "q=1000000" in policy else f"{url} has another limit than {LIMITS}"


def docker_answers() -> bool:
    """Whether it is installed and runs."""
    try:
        return subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
