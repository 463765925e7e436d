"""Streams through the gateway: of any length, both ways at a time, with clients that others have written."""

import asyncio
import csv
import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import httpx
import psutil
import pytest

from shared.testing.postgres import Database
from shared.testing.stream_client import BrokenOffError, send_all, streaming
from tests.services import MODEL, Services
from tests.stack import REPOSITORY

CSV, NDJSON = "text/csv", "application/x-ndjson"
ROW = b"%d,I love this fine day at the sea.\n"


@pytest.fixture
def services(database: Database, tmp_path: Path) -> Iterator[Services]:
    """With bounds on bodies that no stream here would keep, and the model that is loaded in no time."""
    bounds = {"MAX_BODY_BYTES": "20000", "MAX_BATCH_BODY_BYTES": "20000"}
    services = Services(tmp_path, lambda role: database.url(role).get_secret_value(), **bounds)
    shutil.copytree(REPOSITORY / "models" / MODEL, tmp_path / "models" / MODEL)
    for process in services.processes.values():
        process.environment = {**process.environment, "MODELS_DIR": str(tmp_path / "models")}
    with services:
        yield services


def body(count: int, first: int = 1) -> Iterator[bytes]:
    """CSV in pieces, far beyond MAX_BODY_BYTES."""
    yield b"_id,text\n"
    for start in range(first, first + count, 500):
        yield b"".join(ROW % number for number in range(start, min(start + 500, first + count)))


def table_of(response: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(response.decode(), newline="")))


async def check(database: Database, table: list[dict[str, str]], count: int) -> None:
    """Each row once, in order, and all of them on record."""
    assert [(line["_id"], line["row"], line["error"]) for line in table] == [
        (str(number), str(number), "") for number in range(1, count + 1)
    ]
    recorded = await database.fetch("SELECT prediction_id FROM predictions.prediction")
    assert sorted(line["prediction_id"] for line in table) == sorted(str(row[0]) for row in recorded)


async def test_lines_come_back_while_rows_are_sent(services: Services) -> None:
    async with streaming(services.ports["gateway"], NDJSON) as client:
        for number in range(1, 4):
            await client.send(b'{"_id": %d, "text": "A fine day."}\n' % number)
            line = json.loads(await client.line())
            assert (line["_id"], line["row"]) == (number, number)
        assert client.headers["ratelimit-policy"]
        await client.end()
        assert json.loads(await client.body())["rows"] == 3


async def test_curl_sends_a_file_and_standard_input(services: Services, database: Database, tmp_path: Path) -> None:
    rows, count = tmp_path / "rows.csv", 5000
    rows.write_bytes(b"".join(body(count)))
    url = f"{services.url}/predict/batch?model_name=sentiment-lexicon"
    command = [
        "curl",
        "--silent",
        "--show-error",
        "--fail",
        "--no-buffer",
        "-X",
        "POST",
        "-H",
        "Content-Type: text/csv",
    ]
    for upload in (["-T", str(rows)], ["-T", "-"], ["--data-binary", f"@{rows}"]):
        with rows.open("rb") as stdin:
            done = await asyncio.to_thread(
                subprocess.run, [*command, *upload, url], stdin=stdin, capture_output=True, timeout=120
            )
        assert done.returncode == 0, done.stderr
        await check(database, table_of(done.stdout), count)
        await database.fetch("TRUNCATE predictions.prediction")


async def test_httpx_with_a_generator_that_sends_all_before_it_reads(services: Services, database: Database) -> None:
    count = 20_000
    async with httpx.AsyncClient(timeout=120) as client:

        async def pieces():
            for piece in body(count):
                yield piece

        answer = await client.post(f"{services.url}/predict/batch", content=pieces(), headers={"Content-Type": CSV})
    assert answer.status_code == 200
    await check(database, table_of(answer.content), count)


async def test_aiohttp_with_a_generator_reads_while_it_sends(services: Services, database: Database) -> None:
    count, answered = 10_000, asyncio.Event()

    async def pieces():
        first, *others = body(count)
        yield first + others[0]
        await answered.wait()  # no further piece before there is a line
        for piece in others[1:]:
            yield piece

    content = b""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{services.url}/predict/batch", data=pieces(), headers={"Content-Type": CSV}) as answer,
    ):
        assert answer.status == 200
        async for chunk in answer.content.iter_any():
            content += chunk
            answered.set()
    await check(database, table_of(content), count)


async def test_behind_a_trusted_proxy_the_response_waits_for_the_end_of_the_body(
    services: Services, database: Database
) -> None:
    async with streaming(services.ports["gateway"], CSV, headers={"X-Forwarded-For": "203.0.113.9"}) as client:
        for piece in body(2000):
            await client.send(piece)
        while len(await database.fetch("SELECT 1 FROM predictions.prediction")) < 2000:
            await asyncio.sleep(0.05)
        beginning = asyncio.create_task(client.begin())
        await asyncio.sleep(0.3)
        assert not beginning.done()
        await client.end()
        await beginning
        await check(database, table_of(await client.body()), 2000)


async def test_a_wrong_header_is_a_422_at_once(services: Services) -> None:
    async with streaming(services.ports["gateway"], CSV) as client:
        await client.send(b"words\nfine\n")
        problem = await client.problem()
        assert client.status == 422
        assert {fault["location"] for fault in problem["errors"]} == {"body.header.words", "body.header.text"}


async def test_other_bodies_keep_their_bound(services: Services) -> None:
    async with httpx.AsyncClient(base_url=services.url) as client:
        answer = await client.post("/predict/batch", json={"texts": ["x" * 9000] * 3})
        assert answer.status_code == 413
        answer = await client.post("/predict", content=b"".join(body(1000)), headers={"Content-Type": CSV})
        assert answer.status_code == 413


@pytest.mark.parametrize("killed", ["gateway", "prediction-service"])
async def test_a_stream_that_breaks_off_says_how_far_it_came(
    services: Services, database: Database, killed: str
) -> None:
    lines = list[bytes]()
    async with streaming(services.ports["gateway"], CSV) as client:
        sending = asyncio.create_task(send_all(client, body(100_000)))

        async def read() -> None:
            async for line in client.lines():
                lines.append(line)
                if len(lines) == 2000:
                    await asyncio.to_thread(services.processes[killed].kill)

        with pytest.raises(BrokenOffError):
            await read()
        sending.cancel()
    table = [line for line in table_of(b"".join(lines)) if line["error"] is not None]
    assert [line["row"] for line in table] == [str(number) for number in range(1, len(table) + 1)]
    recorded = [str(row[0]) for row in await database.fetch("SELECT prediction_id FROM predictions.prediction")]
    assert len(set(recorded)) == len(recorded)
    assert {line["prediction_id"] for line in table} <= set(recorded)
    await asyncio.to_thread(services.processes[killed].start)
    while not services.are_well():
        await asyncio.sleep(0.1)
    async with streaming(services.ports["gateway"], CSV) as client:
        rest = asyncio.create_task(send_all(client, body(3000, first=len(table) + 1)))
        answered = table_of(await client.body())
        await rest
    assert [line["_id"] for line in answered] == [str(len(table) + number) for number in range(1, 3001)]


@pytest.mark.faults
@pytest.mark.timeout(900)
async def test_the_gateway_takes_no_more_memory_for_longer_streams(services: Services) -> None:
    gateway = psutil.Process(services.processes["gateway"].pid).memory_info

    async def stream(count: int) -> int:
        most = lines = 0
        async with streaming(services.ports["gateway"], CSV) as client:
            sending = asyncio.create_task(send_all(client, body(count)))
            async for _ in client.lines():
                lines += 1
                if lines % 1000 == 0:
                    most = max(most, gateway().rss)
            await sending
        assert lines == count + 1
        return most

    few = await stream(10_000)
    assert await stream(100_000) < few + 16 * 1024 * 1024
