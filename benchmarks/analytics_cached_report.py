"""A cached report through the gateway: how long callers wait for it.

    python benchmarks/analytics_cached_report.py [--seconds 10]

Starts the whole stack (`python -m local`) in a temporary folder, with ingress limits that do not matter here and no
key, makes one report and asks for it again: at a steady 300 requests/s, flat out over 64 connections, and over 1,000
connections. Exit code 1 when a bound is missed. The client runs on the same machine and takes its part of it.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from http_load import Load, flat_out, judged, post, steady

from shared.embedded.ports import free_ports
from shared.testing.server_process import wait_until

REPOSITORY = Path(__file__).parent.parent
START_SECONDS, STOP_SECONDS = 60, 15


@contextmanager
def stack() -> Iterator[int]:
    """The port of a stack of its own."""
    with tempfile.TemporaryDirectory() as folder:
        port = next(free_ports())
        environment = os.environ | {
            "PYTHONPATH": str(REPOSITORY / "deploy"),
            "PORT": str(port),
            "LOCAL_DIR": folder,
            "INGRESS_LIMITS": "1000000/1s",
            "RULES_CACHE_TTL": "3600",
            "LOG_LEVEL": "WARNING",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "local"], cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL
        )
        try:
            wait_until(lambda: is_healthy(port), "the stack to be healthy", deadline_seconds=START_SECONDS)
            yield port
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def is_healthy(port: int) -> bool:
    """Whether every service is."""
    try:
        return bool(httpx.get(f"http://127.0.0.1:{port}/health", timeout=2).json()["status"] == "ok")
    except (httpx.HTTPError, ValueError, KeyError):
        return False


def make_report(port: int) -> None:
    """A few predictions and the report on them; asked twice, so that it is cached."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        for text in ("I love it.", "I hate it.", "It is there."):
            client.post("/predict", json={"text": text}).raise_for_status()
        for _ in range(2):
            answer = client.post("/analyze/performance", json={})
        assert answer.headers["x-cache"] == "HIT", answer.headers


async def measure(port: int, seconds: float) -> bool:
    """Everything, in order; whether all bounds are kept."""
    request = post("/analyze/performance", port, json.dumps({}).encode())
    await flat_out(port, request, connections=8, seconds=2)  # warm
    print("steady 300 requests/s")
    good = judged(await steady(port, request, rate=300, seconds=seconds), p50=5, p99=20)
    print("flat out, 64 connections")
    good &= judged(await flat_out(port, request, connections=64, seconds=seconds), p50=35, p99=80)
    print("flat out, 1,000 connections")
    thousand: Load = await flat_out(port, request, connections=1000, seconds=seconds)
    return good & judged(thousand)


def main() -> int:
    """Runs it."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=10, help="of each measurement")
    seconds = arguments.parse_args().seconds
    with stack() as port:
        make_report(port)
        begun = time.perf_counter()
        good = asyncio.run(measure(port, seconds))
        print(f"{time.perf_counter() - begun:.0f} s of load on {os.cpu_count()} cores")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
