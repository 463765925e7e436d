"""An export is the record, whole and in order, in each form; whoever leaves early ends its work."""

import asyncio
import csv
import io
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from pyarrow import parquet
from pydantic import SecretStr

from metrics_service.api.predictions import asked_filter
from metrics_service.database import DatabaseUnavailable
from metrics_service.predictions import export, stretches
from metrics_service.predictions import parquet as groups
from metrics_service.predictions.export_forms import Form
from metrics_tests.rows import Row, insert, register
from metrics_tests.service import settings_for
from shared.asyncio.clock import utc_now
from shared.database.connection import Connector
from shared.embedded.ports import free_ports
from shared.http.caller import caller_digest
from shared.processes.server import ServerProcess
from shared.testing.admin import ADMIN, TOKEN
from shared.testing.postgres import Database

NASTY = [
    "plain",
    'quotes "and", commas',
    "line\nend\r\nand \\ back\\n",
    "\u0001\u0002 control",
    "😀 ü",
    "",
    "\\.",
    "null",
]
"""What a text may hold, and what a form must not stumble over."""


async def fill(database: Database, count: int) -> list[str]:
    """Predictions of two hours with texts and inputs, some judged; their ids, newest first."""
    now = datetime.now(UTC)
    rows = [
        Row(created_at=now - timedelta(seconds=7200 * number / count), label=("positive", "negative")[number % 2],
            caller=UUID(caller_digest("192.0.2.1")))
        for number in range(count)
    ]  # fmt: skip
    await insert(database, rows)
    await register(database, "lexicon")
    texts: list[str] = [NASTY[number % len(NASTY)] for number in range(count)]
    inputs = [json.dumps({"text": text}) for text in texts]
    await database.fetch(
        "UPDATE predictions.prediction AS p SET text = t, inputs = i::jsonb, metrics_data = '{\"batch_rows\": 1}' "
        "FROM unnest($1::uuid[], $2::text[], $3::text[]) AS row (id, t, i) WHERE prediction_id = id",
        [row.prediction_id for row in rows], texts, inputs,
    )  # fmt: skip
    return [str(row.prediction_id) for row in rows]


async def listed(client: httpx.AsyncClient) -> list[dict]:
    """What the pages say, to hold exports against."""
    found, cursor = [], None
    while True:
        page = (await client.get("/predictions", params={"limit": 500} | ({"cursor": cursor} if cursor else {}))).json()
        found += page["predictions"]
        if (cursor := page["next_cursor"]) is None:
            return found


def in_utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.fixture
async def filled(client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(stretches, "FEW", 20)  # what is one statement may come in one piece, and is one row group then
    monkeypatch.setattr(export, "STRETCH_ROWS", 100)
    monkeypatch.setattr(groups, "GROUP_BYTES", 30_000)
    ids = await fill(database, 700)
    judged = [{"prediction_id": one, "label": "neutral"} for one in ids[::14]]
    (await client.post("/feedback/batch", json={"feedback": judged})).raise_for_status()
    return ids


async def test_ndjson_is_what_the_pages_have_and_so_are_the_tables(
    client: httpx.AsyncClient, filled: list[str]
) -> None:
    pages = await listed(client)
    assert [one["prediction_id"] for one in pages] == filled

    answer = await client.get("/predictions/export")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    lines = [json.loads(line) for line in answer.text.split("\n")[:-1]]
    for line, page in zip(lines, pages, strict=True):
        for one in (line, page):
            one["timestamp"] = in_utc(one["timestamp"])
            if one["feedback"]:
                one["feedback"]["given_at"] = in_utc(one["feedback"]["given_at"])
        assert line == page
    assert sum(line["feedback"] is not None for line in lines) == 50

    answer = await client.get("/predictions/export", params={"format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    for row, line in zip(rows, lines, strict=True):
        assert (row["prediction_id"], row["text"], row["caller"]) == (
            line["prediction_id"], line["text"], line["caller"]
        )  # fmt: skip
        assert (json.loads(row["inputs"]), float(row["confidence"])) == (line["inputs"], line["confidence"])
        assert (row["actual_label"] or None) == (line["feedback"] and line["feedback"]["actual_label"])
        assert in_utc(row["timestamp"]) == line["timestamp"]

    answer = await client.get("/predictions/export", params={"format": "parquet"})
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    file = parquet.ParquetFile(io.BytesIO(answer.content))
    assert file.num_row_groups > 3
    for row, line in zip(file.read().to_pylist(), lines, strict=True):
        assert (row["prediction_id"], row["text"], row["timestamp"]) == (
            line["prediction_id"], line["text"], line["timestamp"]
        )  # fmt: skip
        assert (json.loads(row["inputs"]), row["confidence"], row["labels"]) == (
            line["inputs"], line["confidence"], None
        )  # fmt: skip
        assert row["feedback_is_trusted"] == (line["feedback"] and line["feedback"]["is_trusted"])


async def test_an_export_goes_on_where_it_broke_off(client: httpx.AsyncClient, filled: list[str]) -> None:
    half = (await client.get("/predictions/export", params={"label": "positive"})).text.split("\n")[:100]
    rest = await client.get(
        "/predictions/export", params={"label": "positive", "cursor": json.loads(half[-1])["prediction_id"]}
    )
    found = [json.loads(line)["prediction_id"] for line in (*half, *rest.text.split("\n")[:-1])]
    assert found == filled[::2]
    table = await client.get("/predictions/export", params={"format": "csv"})
    assert table.headers["content-type"].endswith("header=present")
    lines = list(csv.reader(io.StringIO(table.text, newline="")))
    rest = await client.get("/predictions/export", params={"format": "csv", "cursor": lines[100][0]})
    assert rest.headers["content-type"].endswith("header=absent")
    assert list(csv.reader(io.StringIO(rest.text, newline=""))) == lines[101:]
    other = {"label": "negative", "cursor": json.loads(half[-1])["prediction_id"]}
    assert (await client.get("/predictions/export", params=other)).status_code == 422


async def test_an_export_of_nothing_is_a_file_of_its_form(client: httpx.AsyncClient, filled: list[str]) -> None:
    nothing = {"until": "2001-01-01T00:00:00Z"}
    assert (await client.get("/predictions/export", params=nothing)).text == ""
    table = (await client.get("/predictions/export", params=nothing | {"format": "csv"})).text
    assert (table.count("\r\n"), table[:14]) == (1, "prediction_id,")
    answer = await client.get("/predictions/export", params=nothing | {"format": "parquet"})
    assert parquet.ParquetFile(io.BytesIO(answer.content)).metadata.num_rows == 0
    for wrong in ({"format": "xml"}, {"cursor": "x"}, {"min_confidence": 0.9, "max_confidence": 0.1}):
        assert (await client.get("/predictions/export", params=wrong)).status_code == 422
    assert (await client.get("/predictions/export", params={"cursor": str(uuid4())})).status_code == 404
    assert (await client.get("/predictions/export", params={"model_name": "nobody"})).status_code == 404


EXPORTS = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'metrics-service export'"
END_EXPORTS = EXPORTS.replace("count(*)", "pg_terminate_backend(pid)")

MANY = """
    INSERT INTO predictions.prediction (prediction_id, created_at, model_name, model_version, task_type,
        prediction_label, confidence, inference_time_ms, input_length, metrics_data, text)
    SELECT gen_random_uuid(), now() - n * interval '1 millisecond', 'lexicon', '1.0.0', 'classification', 'positive',
        0.5, 1, 1, '{}', repeat('x', 2000) FROM generate_series(1, 20000) AS n
"""
"""Forty megabytes: more than all buffers between Postgres and a client that does not read."""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "service.log"


@pytest.fixture
async def server(database: Database, log: Path) -> AsyncIterator[str]:
    """The service as a process of its own, which serves real connections; its URL."""
    port = next(free_ports())
    environment = os.environ | {
        "PORT": str(port),
        "DATABASE_URL": database.url("metrics_service").get_secret_value(),
        "ADMIN_TOKEN": TOKEN,
    }
    process = ServerProcess([sys.executable, "-m", "metrics_service"], port, log, environment)
    await asyncio.to_thread(process.start, deadline_seconds=60)
    yield f"http://127.0.0.1:{port}"
    await asyncio.to_thread(process.stop)


async def until_exports(database: Database, count: int) -> None:
    async with asyncio.timeout(20):
        while (await database.fetch(EXPORTS, database.name))[0][0] != count:
            await asyncio.sleep(0.05)


@pytest.mark.timeout(120)
async def test_a_client_that_leaves_ends_the_query_and_gives_its_place_back(database: Database, server: str) -> None:
    await database.fetch(MANY)
    async with httpx.AsyncClient(base_url=server, headers=ADMIN, timeout=30) as client:
        for _ in range(2):  # twice, so that places that were not given back would be missed
            async with (
                client.stream("GET", "/predictions/export") as first,
                client.stream("GET", "/predictions/export") as second,
            ):
                assert (first.status_code, second.status_code) == (200, 200)
                beginnings = [answer.aiter_raw() for answer in (first, second)]
                assert all([await anext(pieces) for pieces in beginnings])
                await until_exports(database, 2)
                refused = await client.get("/predictions/export")
                assert refused.status_code == 503
                assert int(refused.headers["retry-after"]) > 0
            await until_exports(database, 0)
        whole = await client.get("/predictions/export")
        assert whole.text.count("\n") == 20_000


@pytest.mark.timeout(120)
async def test_postgres_that_goes_away_breaks_an_export_off_without_an_end(
    database: Database, server: str, log: Path
) -> None:
    await database.fetch(MANY)
    async with httpx.AsyncClient(base_url=server, headers=ADMIN, timeout=30) as client:
        async with client.stream("GET", "/predictions/export") as answer:
            pieces = answer.aiter_raw()
            await anext(pieces)
            await until_exports(database, 1)
            await database.fetch(END_EXPORTS, database.name)
            with pytest.raises(httpx.RemoteProtocolError):
                [piece async for piece in pieces]
        await until_exports(database, 0)
        assert (await client.get("/predictions/export", params={"until": "2001-01-01T00:00:00Z"})).status_code == 200
    told = await asyncio.to_thread(log.read_text)
    assert "export broke off" in told
    assert "Traceback" not in told


class Farewell:
    """Between a client and Postgres: hands everything on but the end, so that a last word is heard before it."""

    def __init__(self, port: int) -> None:
        self._port, self.said = port, asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._port)
        asking = asyncio.create_task(self._hand_on(reader, server_writer))
        await self._hand_on(server_reader, writer)
        self.said.set()
        await asking
        for end in (server_writer, writer):
            end.close()

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()


async def test_postgres_that_says_farewell_between_two_statements_is_away(
    database: Database, filled: list[str]
) -> None:
    """The driver then says that its own state is a wrong one, until it has seen the end of the connection."""
    farewell = Farewell(database.server.port)
    async with await asyncio.start_server(farewell.serve, "127.0.0.1", 0) as between:
        port = between.sockets[0].getsockname()[1]
        url = database.url("metrics_service").get_secret_value().replace(f":{database.server.port}/", f":{port}/")
        connector = Connector(SecretStr(url), "metrics-service export")
        exporter = export.Exporter(connector, utc_now, settings_for(database).row_days)
        async with aclosing(exporter.pieces(asked_filter(), None, Form.NDJSON)) as pieces:
            assert await anext(pieces) == b""
            await anext(pieces)  # the whole first statement: the next one is not begun before somebody asks
            await database.fetch(END_EXPORTS, database.name)
            await farewell.said.wait()
            await asyncio.sleep(0.05)  # for the driver to read it; one that has not is away as well
            with pytest.raises(DatabaseUnavailable):
                [piece async for piece in pieces]


@pytest.mark.parametrize("form", list(Form))
async def test_an_export_begins_before_its_first_row_is_found(
    database: Database, filled: list[str], form: Form
) -> None:
    """Here a lock is in the way; in a large record it is all that does not fit."""
    connector = Connector(database.url("metrics_service"), "metrics-service export")
    exporter = export.Exporter(connector, utc_now, settings_for(database).row_days)
    async with aclosing(exporter.pieces(asked_filter(), None, form)) as pieces:
        other = await asyncpg.connect(database.url().get_secret_value())
        try:
            await other.execute("BEGIN; LOCK predictions.prediction IN ACCESS EXCLUSIVE MODE")
            first = await asyncio.wait_for(anext(pieces), 20)
        finally:
            await other.close()
        whole = first + b"".join([piece async for piece in pieces])
    if form is Form.PARQUET:
        assert parquet.ParquetFile(io.BytesIO(whole)).metadata.num_rows == len(filled)
    else:
        assert all(one.encode() in whole for one in filled)
