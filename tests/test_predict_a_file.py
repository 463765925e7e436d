"""`modelserver predict` through gateway and prediction-service: every row once, whatever breaks in the middle."""

import asyncio
import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from shared.testing.postgres import Database, PostgresServer
from tests.relay import Relay, relaying
from tests.services import MODEL, Services
from tests.stack import REPOSITORY, START_SECONDS

MODELSERVER = Path(sys.executable).parent / "modelserver"


@pytest.fixture(scope="module")
def module_database(postgres_server: PostgresServer) -> Iterator[Database]:
    database = asyncio.run(postgres_server.make_database())
    yield database
    asyncio.run(postgres_server.drop_database(database.name))


@pytest.fixture(scope="module")
def services(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """With the model that is loaded in no time, and one of a table. Who kills one of them starts it again."""
    folder = tmp_path_factory.mktemp("services")
    limits = {"INGRESS_LIMITS": "10000/60s"}
    services = Services(folder, lambda role: module_database.url(role).get_secret_value(), **limits)
    shutil.copytree(REPOSITORY / "models" / MODEL, folder / "models" / MODEL)
    shutil.copytree(REPOSITORY / "examples/churn/models/churn", folder / "models/churn")
    for process in services.processes.values():
        process.environment = {**process.environment, "MODELS_DIR": str(folder / "models")}
    with services:
        yield services


@pytest.fixture
async def database(module_database: Database) -> Database:
    """With nothing on record."""
    await module_database.fetch("TRUNCATE predictions.prediction")
    return module_database


class Command:
    """`modelserver predict`, while it runs and after."""

    def __init__(self, url: str, *words: str | Path, stdin: object = subprocess.DEVNULL) -> None:
        self.process = subprocess.Popen(
            [MODELSERVER, "predict", *words, "--url", url],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
        )

    async def ended(self, code: int | None = 0) -> tuple[str, str]:
        """What it said; its exit code is what it should be."""
        out, err = await asyncio.to_thread(self.process.communicate, timeout=120)
        assert code is None or self.process.returncode == code, (self.process.returncode, out, err)
        return out, err


def texts(folder: Path, count: int, form: str = "csv") -> Path:
    """A file of so many rows."""
    path = folder / f"rows.{form}"
    if form == "csv":
        rows = "".join(f'{number},"It was, all in all, a fine day."\n' for number in range(1, count + 1))
        path.write_text("_id,text\n" + rows)
    else:
        lines = (json.dumps({"_id": number, "text": "A fine day."}) for number in range(1, count + 1))
        path.write_text("\n".join(lines))
    return path


def table_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(), newline="")))


async def check(database: Database, output: Path, count: int, *, once: bool = True) -> None:
    """Each row once, in order, each on record; nothing is left beside the output."""
    if output.suffix == ".csv":
        lines = [(int(line["_id"]), int(line["row"]), line["prediction_id"]) for line in table_of(output)]
    else:
        found = map(json.loads, output.read_text().splitlines())  # noqa: ASYNC240
        lines = [(line["_id"], line["row"], line["prediction_id"]) for line in found]
    assert [line[:2] for line in lines] == [(number, number) for number in range(1, count + 1)]
    recorded = [str(row[0]) for row in await database.fetch("SELECT prediction_id FROM predictions.prediction")]
    answered = {line[2] for line in lines}
    assert len(answered) == count
    assert answered <= set(recorded)
    if once:
        assert len(recorded) == count
    assert [path.name for path in output.parent.glob("*part*")] == []


async def until(holds: Callable[[], bool], command: Command) -> None:
    """Waits for something that a running command brings about."""
    async with asyncio.timeout(60):
        while not holds():
            assert command.process.poll() is None, command.process.communicate()
            await asyncio.sleep(0.01)


def lines_in(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


async def restarted(services: Services, name: str) -> None:
    services.processes[name].kill()
    await asyncio.to_thread(services.processes[name].start, deadline_seconds=START_SECONDS)


@pytest.mark.parametrize("form", ["csv", "ndjson"])
async def test_a_file_is_predicted_beside_it(services: Services, database: Database, tmp_path: Path, form: str) -> None:
    rows = texts(tmp_path, 3000, form)
    out, err = await Command(services.url, rows).ended()
    output = tmp_path / f"rows.predictions.{form}"
    await check(database, output, 3000)
    assert out.startswith(f"{output}: 3,000 rows by sentiment-lexicon 1.0.0, none failed, ")
    assert "Traceback" not in err
    before = output.read_bytes()
    _, err = await Command(services.url, rows).ended(1)
    assert "is there already, and complete; --restart makes it anew" in err
    await Command(services.url, rows, "--restart", "--rows-per-request", "999").ended()
    assert len(output.read_bytes().splitlines()) == len(before.splitlines())


async def test_standard_input_into_standard_output(services: Services, tmp_path: Path) -> None:
    rows = texts(tmp_path, 2000, "ndjson")
    with rows.open("rb") as stdin:
        command = Command(services.url, "-", "--form", "ndjson", "--output", "-", stdin=stdin)
        out, err = await command.ended()
    assert [json.loads(line)["row"] for line in out.splitlines()] == list(range(1, 2001))
    assert "standard output: 2,000 rows" in err


async def test_a_pipe_that_gives_rows_now_and_then(services: Services, database: Database, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    command = Command(services.url, "-", "--output", output, stdin=subprocess.PIPE)
    assert command.process.stdin is not None
    command.process.stdin.write("_id,text\n")
    for number in range(1, 4):
        command.process.stdin.write(f"{number},A fine day.\n")
        command.process.stdin.flush()
        await until(lambda number=number: lines_in(tmp_path / "out.csv.part") == number + 1, command)
    await command.ended()
    await check(database, output, 3)


@pytest.mark.parametrize("form", ["csv", "ndjson"])
async def test_after_kill_minus_nine_of_the_client_the_same_command_goes_on(
    services: Services, database: Database, tmp_path: Path, form: str
) -> None:
    count, output = 20_000, tmp_path / f"rows.predictions.{form}"
    rows, part = texts(tmp_path, count, form), output.with_name(f"{output.name}.part")
    for enough in (2_000, 6_000, 10_000):
        command = Command(services.url, rows)
        await until(lambda enough=enough: lines_in(part) > enough, command)
        command.process.kill()
        await command.ended(-signal.SIGKILL)
        with part.open("ab") as file:
            file.write(b'7,"a line that the kill')  # as if it had come in the middle of a write
    _, err = await Command(services.url, rows).ended()
    assert "going on behind row" in err
    await check(database, output, count, once=False)


@pytest.mark.parametrize(("killed", "piped"), [("gateway", False), ("prediction-service", True)])
async def test_after_kill_minus_nine_of_a_server_it_goes_on_by_itself(
    services: Services, database: Database, tmp_path: Path, killed: str, piped: bool
) -> None:
    count, output = 20_000, tmp_path / "out.csv"
    rows, part = texts(tmp_path, count), tmp_path / "out.csv.part"
    with rows.open("rb") as file:
        words = ["-"] if piped else [rows]
        command = Command(services.url, *words, "--output", output, stdin=file if piped else subprocess.DEVNULL)
        for enough in (3_000, 9_000):
            await until(lambda enough=enough: lines_in(part) > enough, command)
            await restarted(services, killed)
        _, err = await command.ended()
    assert err.count("again in") >= 2
    await check(database, output, count, once=False)


async def test_client_and_service_are_killed_in_turns_behind_a_proxy(
    services: Services, database: Database, tmp_path: Path
) -> None:
    """The proxy holds every answer back until the body has ended, so parts are what is kept."""
    count, output = 20_000, tmp_path / "out.csv"
    rows, part = texts(tmp_path, count), tmp_path / "out.csv.part"
    async with relaying(services.ports["gateway"], via=True) as relay:
        words = (rows, "--output", output, "--rows-per-request", "2500")
        command = Command(f"http://127.0.0.1:{relay.port}", *words)
        await until(lambda: lines_in(part) > 2_500, command)
        await restarted(services, "prediction-service")
        await until(lambda: lines_in(part) > 7_500, command)
        command.process.kill()
        await command.ended(-signal.SIGKILL)
        await Command(f"http://127.0.0.1:{relay.port}", *words).ended()
    await check(database, output, count, once=False)


@pytest.fixture
async def relay(services: Services) -> AsyncIterator[Relay]:
    async with relaying(services.ports["gateway"]) as relay:
        yield relay


async def test_connections_that_are_cut_anywhere_cost_no_row(
    services: Services, database: Database, relay: Relay, tmp_path: Path
) -> None:
    relay.cuts = [40, 300, 1_001, 20_002, 333_333]  # within the head, the header, a line
    relay.upload_cuts = [10, 100_000, 400_000]
    rows, output = texts(tmp_path, 20_000), tmp_path / "rows.predictions.csv"
    await Command(f"http://127.0.0.1:{relay.port}", rows).ended()
    assert relay.connections == 6
    await check(database, output, 20_000, once=False)


async def test_it_comes_back_when_the_server_asks_for_it(
    services: Services, database: Database, relay: Relay, tmp_path: Path
) -> None:
    refusal = b"HTTP/1.1 %b\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n%b\r\n%b"
    busy, wait = b'{"detail": "Too many streams are under way."}', b"Retry-After: 2\r\n"
    relay.refusals = [
        refusal % (b"429 Too Many Requests", 2, wait, b"{}"),
        refusal % (b"503 Service Unavailable", len(busy), wait, busy),
        refusal % (b"502 Bad Gateway", 0, b"", b""),
    ]
    _, err = await Command(f"http://127.0.0.1:{relay.port}", texts(tmp_path, 10)).ended()
    told = [line for line in err.splitlines() if "again in" in line]
    assert [line.split("; ")[-1] for line in told[:2]] == ["again in 2.0 s"] * 2
    assert "503: Too many streams are under way." in told[1]
    await check(database, tmp_path / "rows.predictions.csv", 10)
    relay.refusals = [refusal % (b"429 Too Many Requests", 0, b"Retry-After: 3600\r\n", b"")]
    words = (tmp_path / "rows.csv", "--restart", "--patience", "60")
    _, err = await Command(f"http://127.0.0.1:{relay.port}", *words).ended(3)
    assert "429: Too Many Requests (given up after 0 s of waiting; --patience)" in err


async def test_rows_that_fail_are_in_the_output_and_in_the_exit_code(services: Services, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_bytes(b'_id,text\n1,fine\n2,\n3,fi"ne\n4,"fine\n",5\n5,caf\xe9\n6,"a\nb"\n')
    out, _ = await Command(services.url, rows).ended(1)
    table = table_of(tmp_path / "rows.predictions.csv")
    assert [(line["row"], bool(line["error"])) for line in table] == [
        ("1", False), ("2", True), ("3", True), ("4", True), ("5", True), ("6", False),
    ]  # fmt: skip
    assert "6 rows by sentiment-lexicon 1.0.0, 4 failed (row 2: text " in out


@pytest.mark.parametrize(
    ("words", "content", "code", "told"),
    [
        (["--model", "oracle"], "text\nfine\n", 2, "404: "),
        ([], "words\nfine\n", 2, "422: header.words is no input of this model"),
        (["--version", "9.9.9"], "text\nfine\n", 2, "404: "),
        ([], "text\n" + '"' + "x" * 2_000_000, 2, "row 1 of the input is longer than 1048576 bytes"),
        ([], "", 2, "422: header is missing"),
        (["--encoding", "klingon"], "text\nfine\n", 2, "there is no such encoding"),
        (["--delimiter", ";;"], "text\nfine\n", 2, "one ASCII character"),
        (["--pass-through", "--model", "oracle"], "text\n1\n", 2, "there is no model oracle"),
    ],
)
async def test_what_cannot_succeed_is_said_at_once(
    services: Services, tmp_path: Path, words: list[str], content: str, code: int, told: str
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text(content)
    _, err = await Command(services.url, rows, *words).ended(code)
    assert told in err
    assert "Traceback" not in err
    assert not (tmp_path / "rows.predictions.csv").exists()


async def test_another_input_or_model_does_not_go_on_with_an_output(
    services: Services, relay: Relay, tmp_path: Path
) -> None:
    rows = texts(tmp_path, 20_000)
    relay.cuts = [200_000]
    url = f"http://127.0.0.1:{relay.port}"
    _, err = await Command(url, rows, "--patience", "0").ended(3)
    assert "modelserver predict: after " in err
    kept = (tmp_path / "rows.predictions.csv.part").read_bytes()
    _, err = await Command(url, rows, "--model", "churn").ended(1)
    assert "was begun with another model name (sentiment-lexicon, and not churn)" in err
    rows.write_text(rows.read_text() + "7,one more\n")
    _, err = await Command(url, rows).ended(1)
    assert "was begun with another input" in err
    assert (tmp_path / "rows.predictions.csv.part").read_bytes() == kept


async def test_two_at_a_time_do_not_write_one_output(services: Services, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    first = Command(services.url, "-", "--output", output, stdin=subprocess.PIPE)
    assert first.process.stdin is not None
    first.process.stdin.write("_id,text\n1,fine\n")
    first.process.stdin.flush()
    await until(lambda: lines_in(tmp_path / "out.csv.part") == 2, first)
    with texts(tmp_path, 3).open() as stdin:
        _, err = await Command(services.url, "-", "--output", output, stdin=stdin).ended(1)
    assert "is being written by another process" in err
    await first.ended()


EXCEL = """\ufeffsep=;\r
Kunde;monthly fee;calls;months;plan;city\r
Ärmel & Söhne;79,5;6;3;basic;Izmir\r
;12,25;0;40;family;Ankara\r
"""
TABLE = EXCEL.removeprefix("\ufeffsep=;\r\n")

WRITTEN = Path(__file__).parent / "dialects"
"""Files of pandas and DuckDB, and the script that made them."""


def by_the_csv_module(dialect: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        rows = csv.reader(io.StringIO(TABLE.replace(",", "."), newline=""), delimiter=";")
        with path.open("w", newline="") as file:
            csv.writer(file, dialect=dialect).writerows(rows)

    return write


DIALECTS: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "Excel, German": (lambda path: path.write_bytes(EXCEL.encode()), ["--decimal", ","]),
    "Excel, Unicode text": (
        lambda path: path.write_bytes(TABLE.replace(";", "\t").encode("utf-16")),
        ["--decimal", ","],
    ),
    "Excel, Windows": (
        lambda path: path.write_bytes(EXCEL[1:].encode("cp1252")),
        ["--decimal", ",", "--encoding", "cp1252"],
    ),
    **{file.stem: (partial(shutil.copy, file), []) for file in sorted(WRITTEN.glob("*.csv"))},
    "csv.excel": (by_the_csv_module("excel"), []),
    "csv.excel_tab": (by_the_csv_module("excel-tab"), []),
    "csv.unix": (by_the_csv_module("unix"), []),
}


@pytest.mark.parametrize("name", DIALECTS)
async def test_files_as_spreadsheets_and_libraries_write_them(services: Services, tmp_path: Path, name: str) -> None:
    write, words = DIALECTS[name]
    write(tmp_path / "rows.csv")
    words = [*words, "--model", "churn", "--pass-through"]
    await Command(services.url, tmp_path / "rows.csv", *words).ended()
    first, second = table_of(tmp_path / "rows.predictions.csv")
    assert (first["_Kunde"], second["_Kunde"]) == ("Ärmel & Söhne", "")
    assert [line["prediction_label"] for line in (first, second)] == ["leaves", "stays"]


async def test_memory_does_not_grow_with_the_file(services: Services, tmp_path: Path) -> None:
    async def most(count: int) -> int:
        command, found = Command(services.url, texts(tmp_path, count), "--restart"), 0
        while command.process.poll() is None:
            try:
                found = max(found, psutil.Process(command.process.pid).memory_info().rss)
            except psutil.NoSuchProcess:
                break
            await asyncio.sleep(0.02)
        await command.ended()
        return found

    few = await most(10_000)
    assert await most(100_000) < few + 16 * 1024 * 1024
