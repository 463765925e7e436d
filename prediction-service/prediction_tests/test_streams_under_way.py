"""Streams as they run: over real sockets, both ways at a time, whatever their clients and the service do."""

import asyncio
import contextlib
import csv
import io
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from prediction_service.records.journal import Journal
from prediction_tests.process import service_process
from prediction_tests.service import QUICK_DEFAULT, QUICK_MODELS
from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.testing.postgres import Database, PostgresServer
from shared.testing.stream_client import BrokenOffError, StreamClient, send_all, streaming

CSV, NDJSON = "text/csv", "application/x-ndjson"
ROW = b"%d,I love this fine day at the sea.\n"
PROXIED = {"Via": "1.1 somebody"}


@pytest.fixture
def telemetry_port() -> str:
    return str(next(free_ports()))


@asynccontextmanager
async def service(database: Database, folder: Path, **variables: str) -> AsyncIterator[ServerProcess]:
    if not (models := folder / "models").exists():  # one that is loaded in no time
        shutil.copytree(QUICK_MODELS / QUICK_DEFAULT, models / QUICK_DEFAULT)
    process = service_process(database, folder, MODELS_DIR=str(models), **variables)
    await asyncio.to_thread(process.start)
    try:
        yield process
    finally:
        await asyncio.to_thread(process.stop)


def rows(count: int, first: int = 1, at_once: int = 500) -> Iterator[bytes]:
    """CSV without its header, in pieces."""
    for start in range(first, first + count, at_once):
        yield b"".join(ROW % number for number in range(start, min(start + at_once, first + count)))


def body(count: int) -> Iterator[bytes]:
    yield b"_id,text\n"
    yield from rows(count)


def table_of(response: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(response.decode(), newline="")))


async def recorded(database: Database) -> list[str]:
    return [str(row[0]) for row in await database.fetch("SELECT prediction_id FROM predictions.prediction")]


async def until_it_stands_still(database: Database) -> int:
    """How many predictions are on record once there are no more for a second."""
    before = -1
    while (now := len(await recorded(database))) != before:
        before = now
        await asyncio.sleep(1)
    return now


async def gauge(telemetry_port: str, name: str) -> float:
    """What the service says in its metrics."""
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"http://127.0.0.1:{telemetry_port}/metrics")).text
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))


async def until_no_streams(process: ServerProcess, telemetry_port: str) -> None:
    """Returns once the service says that no stream is under way."""
    while await gauge(telemetry_port, "prediction_streams"):
        process.still_runs()
        await asyncio.sleep(0.05)


async def test_lines_come_while_rows_are_still_sent(database: Database, tmp_path: Path) -> None:
    async with service(database, tmp_path) as process, streaming(process.port, CSV) as client:
        await client.send(b"_id,text\n" + ROW % 7)
        header, line = await client.line(), await client.line()
        assert header == b"_id,row,prediction_id,prediction_label,confidence,prediction_value,error\r\n"
        assert line.startswith(b"7,1,")
        assert len(await recorded(database)) == 1
        await client.send(ROW % 8)
        assert (await client.line()).startswith(b"8,2,")
        await client.end()
        assert await client.body() == b""
        assert client.headers["x-model-name"] == "sentiment-lexicon"
        assert len(await recorded(database)) == 2


async def test_behind_a_proxy_no_line_comes_before_the_body_has_ended(database: Database, tmp_path: Path) -> None:
    async with service(database, tmp_path) as process, streaming(process.port, CSV, headers=PROXIED) as client:
        await client.send(b"_id,text\n" + b"".join(rows(3000)))
        while len(await recorded(database)) < 3000:
            await asyncio.sleep(0.05)
        beginning = asyncio.create_task(client.begin())
        await asyncio.sleep(0.3)
        assert not beginning.done()
        await client.end()
        await beginning
        table = table_of(await client.body())
        assert [line["row"] for line in table] == [str(number) for number in range(1, 3001)]
        assert sorted(line["prediction_id"] for line in table) == sorted(await recorded(database))


@pytest.mark.parametrize("headers", [{}, PROXIED])
async def test_a_client_that_reads_only_when_it_has_sent_everything(
    database: Database, tmp_path: Path, telemetry_port: str, headers: dict[str, str]
) -> None:
    count, wide = 8_000, "x" * 2000
    async with (
        service(database, tmp_path, PROGRESS_SECONDS="2", TELEMETRY_PORT=telemetry_port) as process,
        streaming(process.port, CSV, headers=headers) as client,
    ):
        await send_all(client, [b"_id,text\n", *(b"%b%d,A fine day.\n" % (wide.encode(), n) for n in range(count))])
        assert await gauge(telemetry_port, "prediction_stream_disk_bytes") > 0
        table = table_of(await client.body())
        assert [(line["_id"], line["row"]) for line in table] == [(f"{wide}{n}", str(n + 1)) for n in range(count)]
        assert {line["error"] for line in table} == {""}
        assert sorted(line["prediction_id"] for line in table) == sorted(await recorded(database))
        assert await gauge(telemetry_port, "prediction_stream_disk_bytes") == 0


async def test_a_client_that_neither_sends_nor_reads_is_cut_and_its_work_ends(
    database: Database, tmp_path: Path
) -> None:
    variables = {"PROGRESS_SECONDS": "1", "STREAM_DISK_BYTES": "100000"}
    async with service(database, tmp_path, **variables) as process, streaming(process.port, CSV) as client:
        sending = asyncio.create_task(send_all(client, body(2_000_000)))
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(sending, 60)
        done = await until_it_stands_still(database)
        assert 0 < done < 500_000


async def test_a_client_that_leaves_ends_the_work(database: Database, tmp_path: Path, telemetry_port: str) -> None:
    async with (
        service(database, tmp_path, TELEMETRY_PORT=telemetry_port) as process,
        streaming(process.port, CSV) as client,
    ):
        await client.send(b"_id,text\n" + b"".join(rows(20_000)))
        await client.line()
        client.leave()
        await until_no_streams(process, telemetry_port)
        before = len(await recorded(database))
        assert 0 < before < 20_000
        await asyncio.sleep(0.5)
        assert len(await recorded(database)) <= before + 4 * 256


@pytest.mark.parametrize("content_type", [CSV, NDJSON])
async def test_a_row_that_is_too_long_ends_the_stream_and_says_so(
    database: Database, tmp_path: Path, content_type: str
) -> None:
    first, quote = (b"text\nfine\n", b'"') if content_type == CSV else (b'{"text": "fine"}\n', b'{"text": "')
    async with service(database, tmp_path) as process, streaming(process.port, content_type) as client:
        await client.send(first + quote)
        lines = list[bytes]()
        reading = asyncio.create_task(collect(client, lines))
        for _ in range(40):
            await client.send(b"x" * 32_768)
        with pytest.raises(BrokenOffError):
            await reading
        assert b"Row 2 is longer than 1048576 bytes" in lines[-1]
        assert len(await recorded(database)) == 1
        if content_type == NDJSON:
            last = json.loads(lines[-1])
            assert (last["done"], last["rows"], last["failed"]) == (False, 1, 0)


async def collect(
    client: StreamClient, lines: list[bytes], enough: int = -1, then: ServerProcess | None = None
) -> None:
    """All lines; once there are `enough`, the service is killed."""
    async for line in client.lines():
        lines.append(line)
        if len(lines) == enough and then is not None:
            await asyncio.to_thread(then.kill)


async def test_where_lines_find_no_room_the_stream_ends_and_says_so(database: Database, tmp_path: Path) -> None:
    async with (
        service(database, tmp_path, STREAM_DISK_BYTES="100000") as process,
        streaming(process.port, CSV, headers=PROXIED) as client,
    ):
        lines = list[bytes]()
        reading = asyncio.create_task(collect(client, lines))
        with pytest.raises(ConnectionError):
            await send_all(client, body(2_000_000))
        with pytest.raises(BrokenOffError):
            await reading
        assert b"The lines that wait on disk take all the room that they may have." in lines[-1]
        table = table_of(b"".join(lines))
        assert [line["row"] for line in table] == [str(number) for number in range(1, len(table) + 1)]
        assert {line["prediction_id"] for line in table[:-1]} <= set(await recorded(database))


async def test_so_many_streams_at_a_time_and_half_of_them_of_one_client(
    database: Database, tmp_path: Path, telemetry_port: str
) -> None:
    async with service(database, tmp_path, MAX_STREAMS="3", TELEMETRY_PORT=telemetry_port) as process:
        async with (
            streaming(process.port, CSV, headers={"X-Caller": "a"}) as first,
            streaming(process.port, CSV, headers={"X-Caller": "a"}) as second,
            streaming(process.port, CSV, headers={"X-Caller": "b"}) as third,
        ):
            await first.send(b"text\nfine\n")
            assert (await first.line()).startswith(b"row,")
            await second.send(b"text\nfine\n")
            problem = await second.problem()
            assert (second.status, second.headers["retry-after"]) == (503, "10")
            assert "This client" in problem["detail"]
            await third.send(b"text\nfine\n")
            assert (await third.line()).startswith(b"row,")
            await third.end()
            await third.body()
        await until_no_streams(process, telemetry_port)
        async with streaming(process.port, CSV, headers={"X-Caller": "a"}) as again:
            await send_all(again, [b"text\nfine\n"])
            assert len(table_of(await again.body())) == 1


async def test_small_requests_do_not_wait_for_streams(database: Database, tmp_path: Path) -> None:
    async with service(database, tmp_path) as process:
        url = f"http://127.0.0.1:{process.port}/predict"

        async def stream(caller: str) -> int:
            async with streaming(process.port, CSV, headers={"X-Caller": caller}) as client:
                sending = asyncio.create_task(send_all(client, body(10_000)))
                table = table_of(await client.body())
                await sending
                return len(table)

        streams = asyncio.gather(*(stream(caller) for caller in "abcd"))
        asked = 0
        async with httpx.AsyncClient(timeout=30) as client:
            while not streams.done():
                answer = await client.post(url, json={"text": "A fine day."})
                assert answer.status_code == 200
                batch = await client.post(f"{url}/batch", json={"texts": ["A fine day."] * 256})
                assert batch.status_code == 200, batch.text
                asked += 1
        assert await streams == [10_000] * 4
        assert asked > 5


async def test_after_kill_minus_nine_what_was_answered_is_on_record_exactly_once(
    database: Database, tmp_path: Path
) -> None:
    async with service(database, tmp_path) as process:
        answered = list[str]()
        for kills in (1, 2, 3):
            if kills > 1:
                await asyncio.to_thread(process.start)
            done = len(answered)
            async with streaming(process.port, CSV) as client:
                sending = asyncio.create_task(send_all(client, [b"_id,text\n", *rows(30_000 - done, first=done + 1)]))
                await client.line()
                lines = list[bytes]()
                with pytest.raises(BrokenOffError):
                    await collect(client, lines, 2000, process)
                await asyncio.gather(sending, return_exceptions=True)
            cells = [next(csv.reader([line.decode()])) for line in lines]
            assert [line[0] for line in cells] == [str(done + n) for n in range(1, len(cells) + 1)]
            answered += [line[2] for line in cells]
        on_record = await recorded(database)
        assert len(set(on_record)) == len(on_record)
        assert set(answered) <= set(on_record)
        assert len(set(answered)) == len(answered) >= 3 * 2000


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_a_hundred_thousand_rows_take_no_more_memory_than_ten_thousand(
    database: Database, tmp_path: Path
) -> None:
    async with service(database, tmp_path) as process:
        resident = psutil.Process(process.pid).memory_info

        async def stream(count: int) -> int:
            most = 0
            async with streaming(process.port, CSV) as client:
                sending, lines = asyncio.create_task(send_all(client, body(count))), 0
                async for _ in client.lines():
                    lines += 1
                    if lines % 1000 == 0:
                        most = max(most, resident().rss)
                await sending
                assert lines == count + 1
            return most

        few = await stream(10_000)
        many = await stream(100_000)
        assert many < few + 16 * 1024 * 1024
        assert len(await recorded(database)) == 110_000


async def test_postgres_may_be_away_in_the_middle_of_a_stream(
    database: Database, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    count, lines = 12_000, list[bytes]()
    async with service(database, tmp_path) as process, streaming(process.port, CSV) as client:
        sending = asyncio.create_task(send_all(client, body(count)))
        try:
            async for line in client.lines():
                lines.append(line)
                if len(lines) == 2_000:
                    await asyncio.to_thread(postgres_server.kill)
        finally:
            if not await postgres_server.answers():
                await asyncio.to_thread(postgres_server.start_and_wait)
        await sending
        table = table_of(b"".join(lines))
        assert [(line["_id"], line["error"]) for line in table] == [(str(n), "") for n in range(1, count + 1)]
        assert Journal(tmp_path / "journal", 0).size()  # what was answered without Postgres
        while Journal(tmp_path / "journal", 0).size():
            await asyncio.sleep(0.05)
        assert sorted(line["prediction_id"] for line in table) == sorted(await recorded(database))


async def test_a_stream_stays_with_its_version_while_newer_ones_come(database: Database, tmp_path: Path) -> None:
    async with service(database, tmp_path) as process, streaming(process.port, CSV) as client:
        folder = tmp_path / "models" / QUICK_DEFAULT
        sending = asyncio.create_task(send_all(client, body(20_000)))
        lines = [await client.line() for _ in range(1_000)]
        await asyncio.to_thread(shutil.copytree, folder / "1.0.0", folder / ".next")
        (folder / ".next").rename(folder / "1.0.1")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{process.port}", timeout=30) as other:
            while (await other.post("/predict", json={"text": "Fine."})).json()["model_version"] != "1.0.1":
                await asyncio.sleep(0.05)
        lines += [line async for line in client.lines()]
        await sending
        assert client.headers["x-model-version"] == "1.0.0"
        table = table_of(b"".join(lines))
        assert [(line["_id"], line["error"]) for line in table] == [(str(n), "") for n in range(1, 20_001)]
        found = await database.fetch("SELECT model_version, count(*) FROM predictions.prediction GROUP BY 1")
        assert dict(map(tuple, found))["1.0.0"] >= 20_000


async def test_a_version_that_is_taken_away_ends_its_streams_with_the_reason(
    database: Database, tmp_path: Path
) -> None:
    async with service(database, tmp_path) as process, streaming(process.port, CSV) as client:
        folder, lines = tmp_path / "models" / QUICK_DEFAULT, list[bytes]()
        shutil.copytree(folder / "1.0.0", folder / "1.0.1")
        shutil.copytree(folder / "1.0.0", tmp_path / "kept")
        await client.send(b"_id,text\n" + ROW % 1)
        header, first = await client.line(), await client.line()
        version = client.headers["x-model-version"]
        await asyncio.to_thread(shutil.rmtree, folder / version)
        reading = asyncio.create_task(collect(client, lines))
        number = 2
        while not reading.done():
            with contextlib.suppress(ConnectionError):
                await client.send(ROW % number)
            number += 1
            await asyncio.sleep(0.02)
        with pytest.raises(BrokenOffError):
            await reading
        table = table_of(b"".join([header, first, *lines]))
        assert table[-1]["error"] == f"The stream ends: {QUICK_DEFAULT} {version} is not served any more."
        assert {line["prediction_id"] for line in table[:-1]} == set(await recorded(database))
