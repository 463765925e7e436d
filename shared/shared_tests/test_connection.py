"""Which server a connection leads to, and what is said when there is none."""

import asyncio
import socket
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from shared.database.connection import CannotConnectError, Connector, Trouble
from shared.database.engine import create_engine
from shared.database.schema_check import check_schema
from shared.testing.postgres import Database, PostgresServer
from shared.testing.replication import Pair


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that takes connections and says nothing: a machine that is there and does not work."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def url_over(database: Database, *ports: int, query: str = "") -> SecretStr:
    """The database over several hosts; the last one is it."""
    hosts = ",".join(f"127.0.0.1:{port}" for port in (*ports, database.server.port))
    return SecretStr(f"postgresql://gateway:{database.server.password}@{hosts}/{database.name}{query}")


async def test_a_host_that_is_dead_and_one_that_is_dumb_are_passed_over(database: Database, black_hole: int) -> None:
    connector = Connector(url_over(database, 1, black_hole), "test")
    connection = await connector.connect(seconds=0.3)
    await connection.close()
    async with asyncio.timeout(0.25):  # the one that worked last comes first: nobody waits for the others again
        await (await connector.connect(seconds=0.3)).close()


async def test_connect_timeout_is_that_of_each_host(database: Database, black_hole: int) -> None:
    connector = Connector(url_over(database, black_hole, query="?connect_timeout=1"), "test")
    loop = asyncio.get_running_loop()
    began = loop.time()
    await (await connector.connect(seconds=10)).close()
    assert 0.9 < loop.time() - began < 5


async def test_names_options_and_keepalives_reach_the_server(database: Database) -> None:
    query = "?application_name=named&options=-c%20statement_timeout%3D4321&keepalives_idle=7&tcp_user_timeout=9000"
    connection = await Connector(url_over(database, query=query), "ours").connect(seconds=2, settings={"jit": "off"})
    try:
        shown = [await connection.fetchval(f"SHOW {name}") for name in ("application_name", "statement_timeout", "jit")]
        assert shown == ["named", "4321ms", "off"]
        peer = connection._transport.get_extra_info("socket")
        assert peer.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 7
        assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 9000
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("wrong", "trouble", "words"),
    [
        ({"gateway:": "gateway:not-"}, Trouble.LOGIN, "password authentication failed"),
        ({"gateway:": "nobody:"}, Trouble.LOGIN, "password authentication failed"),
        ({"/test_": "/nowhere_"}, Trouble.NO_DATABASE, "does not exist"),
        ({"127.0.0.1": "nowhere.invalid"}, Trouble.NO_ANSWER, "nowhere.invalid:"),
        ({"PORT": "1"}, Trouble.NO_ANSWER, "connection refused"),
        ({"?": "?sslmode=require&"}, Trouble.NO_ANSWER, "SSL"),
    ],
)
async def test_what_is_wrong_is_said_in_one_line_without_the_password(
    database: Database, wrong: dict[str, str], trouble: Trouble, words: str
) -> None:
    url = database.url("gateway").get_secret_value() + "?connect_timeout=2"
    for old, new in wrong.items():
        url = url.replace(str(database.server.port) if old == "PORT" else old, new)
    with pytest.raises(CannotConnectError) as error:
        await Connector(SecretStr(url), "test").connect(seconds=2)
    assert error.value.trouble is trouble
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert database.server.password not in str(error.value)


async def test_an_engine_drops_all_its_connections_once_one_of_them_leads_to_a_server_without_writes(
    database: Database,
) -> None:
    engine = create_engine(database.url("metrics_service"), "test")
    connections = [await engine.connect() for _ in range(5)]
    pids = {await connection.scalar(text("SELECT pg_backend_pid()")) for connection in connections}
    for connection in connections:
        await connection.close()
    async with engine.connect() as connection:
        await connection.execute(text("SET TRANSACTION READ ONLY"))
        with pytest.raises(DBAPIError, match="read-only"):
            await connection.execute(text("DELETE FROM metrics.feedback"))
        assert connection.invalidated
    connections = [await engine.connect() for _ in range(5)]
    assert pids.isdisjoint({await connection.scalar(text("SELECT pg_backend_pid()")) for connection in connections})
    for connection in connections:
        await connection.close()
    await engine.dispose()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("gateway:", "gateway:not-", "the login is refused"),
        ("/test_", "/nowhere_", "the database does not exist"),
        ("127.0.0.1", "127.0.0.1:1,127.0.0.2", "not reachable"),
    ],
)
async def test_a_start_without_postgres_says_why_in_one_line(
    database: Database, old: str, new: str, words: str
) -> None:
    url = database.url("gateway").get_secret_value().replace(old, new)
    with capture_logs() as lines:
        await check_schema(SecretStr(url))
    (line,) = lines
    assert (line["event"], line["postgres"], line["log_level"]) == ("schema not checked", words, "warning")
    assert database.server.password not in line["reason"]
    assert "exc_info" not in line


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    pair = Pair(tmp_path_factory.mktemp("pair"))
    yield pair
    pair.stop()


def of(server: PostgresServer) -> SecretStr:
    return SecretStr(server.url("migrated", "gateway"))


async def test_a_standby_is_no_server_for_us_until_it_is_promoted(pair: Pair) -> None:
    with pytest.raises(CannotConnectError, match="takes no writes") as error:
        await Connector(of(pair.standby), "test").connect(seconds=2)
    assert error.value.trouble is Trouble.READ_ONLY
    connector = Connector(SecretStr(pair.url("gateway")), "test")
    connection = await connector.connect(seconds=2)
    assert await connection.fetchval("SHOW port") == str(pair.primary.port)
    before = pair.primary.port
    await pair.fail_over()
    assert pair.primary.port != before
    connection.terminate()
    connection = await connector.connect(seconds=2)
    assert await connection.fetchval("SHOW port") == str(pair.primary.port)
    await connection.close()
