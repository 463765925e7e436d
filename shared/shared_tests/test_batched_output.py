"""Log lines are batched within an event loop and never lost by an orderly end."""

import asyncio
import json
import os
import subprocess
import sys

from shared.telemetry.batched_output import FLUSH_BYTES, BatchedOutput

LOGS = """
import asyncio, structlog
from shared.telemetry.logs import configure_logging
configure_logging("test", "INFO", "json")
log = structlog.get_logger()
async def main():
    for number in range(1000):
        log.info("line", number=number)
asyncio.run(main())
"""


def read_all(descriptor: int) -> bytes:
    os.set_blocking(descriptor, False)
    try:
        return os.read(descriptor, 1_000_000)
    except BlockingIOError:
        return b""


def test_outside_of_a_loop_a_line_is_written_at_once() -> None:
    reader, writer = os.pipe()
    BatchedOutput(writer).write(b"now\n")
    assert read_all(reader) == b"now\n"


async def test_within_a_loop_lines_are_written_together_and_in_order() -> None:
    reader, writer = os.pipe()
    output = BatchedOutput(writer)
    output.write(b"one\n")
    output.write(b"two\n")
    assert read_all(reader) == b""
    written = b""
    while not written:
        await asyncio.sleep(0.005)
        written = read_all(reader)
    assert written == b"one\ntwo\n"


async def test_a_full_batch_does_not_wait() -> None:
    reader, writer = os.pipe()
    output = BatchedOutput(writer)
    output.write(b"x" * FLUSH_BYTES)
    assert len(read_all(reader)) == FLUSH_BYTES


def test_every_line_is_there_after_the_end_of_the_process() -> None:
    output = subprocess.run([sys.executable, "-c", LOGS], capture_output=True, check=True, text=True).stdout
    assert output.count("\n") == 1000
    assert '"number":999' in output.splitlines()[-1]


SHARED_PIPE = """
import asyncio, sys, structlog
from shared.telemetry.logs import configure_logging
configure_logging("test", "INFO", "json")
log = structlog.get_logger()
async def main():
    for number in range(400):
        log.info("line", number=number, long=sys.argv[1] * (number * 37 % 9000))
        if number % 50 == 0:
            await asyncio.sleep(0)
asyncio.run(main())
"""


def test_lines_of_several_processes_over_one_pipe_stay_whole() -> None:
    reader, writer = os.pipe()
    processes = [
        subprocess.Popen([sys.executable, "-c", SHARED_PIPE, letter], stdout=writer) for letter in ("a", '"', "\u00e9")
    ]
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        lines = pipe.read().splitlines()
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert max(map(len, lines)) < 4096
    told = [json.loads(line) for line in lines]
    assert sorted(line["number"] for line in told) == sorted([*range(400)] * 3)
    assert sum(line.get("shortened", False) for line in told) > 100
