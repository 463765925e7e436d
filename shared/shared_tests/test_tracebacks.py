"""A traceback in the log says where, never what: no variable, and no more than a line may have."""

import json
import subprocess
import sys

import pytest

FAILING = """
import asyncio, logging, sys, structlog
from shared.telemetry.logs import configure_logging
configure_logging("test", "INFO", sys.argv[1])

def deep(secret, depth):
    text = "the " + "client's " + secret
    if depth:
        return deep(secret, depth - 1)
    raise LookupError("why")

def chained(secret, depth):
    try:
        deep(secret, depth)
    except LookupError as error:
        raise RuntimeError("and so") from error

async def grouped(secret, depth):
    async with asyncio.TaskGroup() as group:
        for _ in range(30):
            group.create_task(asyncio.to_thread(deep, secret, depth))

for log in (structlog.get_logger(), logging.getLogger("library")):
    for fail in (deep, chained, lambda *a: asyncio.run(grouped(*a))):
        for depth in (0, 200):
            try:
                fail("te" + "xt", depth)
            except BaseException:
                log.exception("failed")
"""


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_tracebacks_hold_no_values_and_are_bounded(log_format: str) -> None:
    run = subprocess.run([sys.executable, "-c", FAILING, log_format], capture_output=True, check=True)
    said = run.stdout.decode()
    assert "client's text" not in said + run.stderr.decode()
    assert said.count("LookupError") >= 12
    if log_format == "json":
        lines = [json.loads(line) for line in said.splitlines()]
        assert len(lines) == 12
        assert max(map(len, run.stdout.splitlines())) < 4096
        short = lines[0]["exception"]
        assert (short[0]["exc_type"], short[0]["exc_value"]) == ("LookupError", "why")
        assert short[0]["frames"][-1]["name"] == "deep"
    else:
        assert len(said) < 12 * 4096
