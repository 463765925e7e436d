"""How long do callers wait for a report that is cached, through the gateway?

At a steady 300 requests a second, and flat out over 64 and over 1,000 connections. The client runs on the same machine
and takes its part of it.
"""

import asyncio

import httpx

from benchmarks.harness.connections import post, steady
from benchmarks.harness.load import Load, wrk
from benchmarks.harness.report import Bar, Result, Table, bar
from benchmarks.harness.turns import Sample, alternate
from benchmarks.options import Options
from benchmarks.targets import PREDICT, stack_server

TITLE = "Cached report"
PATH, BODY = "/analyze/performance", "{}"
STEADY, BUSY, MANY = "steady 300 requests/s", "64 connections, flat out", "1,000 connections, flat out"
WANTED = {STEADY: {"p50_ms": 5, "p99_ms": 20}, BUSY: {"p50_ms": 35, "p99_ms": 80}}


def run(options: Options) -> Result:
    """One report, asked for again and again."""
    stack = stack_server(options.folder / "reports", INGRESS_LIMITS="1000000/1s", RULES_CACHE_TTL="3600")
    with stack.running(PREDICT):
        make_report(stack.port)
        url, request = f"http://127.0.0.1:{stack.port}{PATH}", post(PATH, stack.port, BODY.encode())
        wrk(url, 64, options.of(2), BODY)
        loads = alternate(
            {
                STEADY: lambda: asyncio.run(steady(stack.port, request, 300, options.of(4))),
                BUSY: lambda: wrk(url, 64, options.of(3), BODY),
                MANY: lambda: wrk(url, 1000, options.of(2), BODY),
            },
            options.short_turns,
        )
    rows: list[list[str | Sample]] = [
        [name, *(figure(found, what) for what in ("rate", "p50_ms", "p99_ms", "failed"))]
        for name, found in loads.items()
    ]
    return Result(TITLE, bars(loads), [Table("", ["", "answers/s", "p50, ms", "p99, ms", "failed"], rows)])


def bars(loads: dict[str, list[Load]]) -> list[Bar]:
    """Of the analytics."""
    times = [
        bar("analytics", f"cached report, {name}: {what[:3]}", "at most", most, "ms", figure(loads[name], what))
        for name, bounds in WANTED.items()
        for what, most in bounds.items()
    ]
    failed = sum(load.failed for load in loads[MANY])
    return [*times, bar("analytics", f"cached report, {MANY}: errors", "at most", 0, "", failed)]


def figure(loads: list[Load], what: str) -> Sample:
    """One figure of each turn."""
    return Sample([getattr(load, what) for load in loads])


def make_report(port: int) -> None:
    """A few predictions and the report on them; asked until it comes from the cache."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        for text in ("I love it.", "I hate it.", "It is there."):
            client.post("/predict", json={"text": text}).raise_for_status()
        for _ in range(100):
            answer = client.post(PATH, json={})
            if answer.headers.get("x-cache") == "HIT":
                return
        raise RuntimeError(f"not cached: {answer.status_code} {answer.headers}")
