"""What stands in LOCAL_DIR, or does not: `make psql` and `make run` say it in one line, and write nothing."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from local.environments import environment_of
from local.errors import CannotRunError
from local.folder import SECRETS, StackFolder
from local.psql import running_postgres
from local.settings import LocalSettings
from shared.embedded import redis
from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.processes.waiting import wait_until
from tests.stack import REPOSITORY, LocalStack

RECORDED = "SELECT count(*) FROM predictions.prediction WHERE prediction_id = $1"

GOOD = json.dumps(dict.fromkeys(SECRETS, "x"))


def run(*words: str, path: str | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command of the Makefile, in the words of Python; PORT is not set, so 8000."""
    environment = (
        os.environ | {"PYTHONPATH": str(REPOSITORY / "deploy"), "PATH": path or os.environ["PATH"]} | variables
    )
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def contents(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    models = tmp_path_factory.mktemp("models")
    shutil.copytree(REPOSITORY / "models" / "sentiment-lexicon", models / "sentiment-lexicon")
    folder = tmp_path_factory.mktemp("stack") / "local"
    told = {"MODELS_DIR": str(models), "DEFAULT_MODEL": "sentiment-lexicon", "INGRESS_LIMITS": "off"}
    stack = LocalStack(folder, **told).start()
    yield stack
    stack.end()


def test_the_database_of_a_stack_on_any_port_is_found_by_its_folder(running: LocalStack, tmp_path: Path) -> None:
    found = run("local", "psql", path=str(tmp_path), LOCAL_DIR=str(running.folder))
    assert found.returncode == 0
    assert f"@127.0.0.1:{running.port + 20}/modelserver" in found.stdout


def test_the_database_of_a_stack_is_found_whatever_its_folder_is_called(running: LocalStack, tmp_path: Path) -> None:
    """Postgres writes the folder into the file in which it says where it listens; some signs end a line to Python."""
    folder, file = StackFolder(tmp_path / "one\u2028two\u2029three"), running.folder / "postgres" / "postmaster.pid"
    folder.postgres.mkdir(parents=True)
    told = file.read_text().replace(str(running.folder), str(folder.path))
    (folder.postgres / file.name).write_text(told)
    assert folder.port_of_running_postgres() == running.port + 20


def test_what_the_banner_says_to_type_opens_this_stack(running: LocalStack) -> None:
    assert f"make psql LOCAL_DIR={running.folder} opens the database" in "".join(running.output)


def test_a_healthy_start_logs_no_error(running: LocalStack) -> None:
    assert [line for line in running.output if " ERROR " in line] == []


def test_the_gateway_reaches_the_services_over_sockets_that_are_this_users_alone(running: LocalStack) -> None:
    running.client.post("/predict", json={"text": "A fine day."}).raise_for_status()
    sockets = sorted(running.folder.glob("*.sock"))
    assert [path.stem for path in sockets] == ["analytics-service", "metrics-service", "prediction-service"]
    assert {path.stat().st_mode & 0o777 for path in sockets} == {0o600}
    services = [running.process_of(name) for name in ("prediction_service", "metrics_service", "analytics_service")]
    ports = {int(service.environ()["PORT"]) for service in services}
    connected = running.process_of("gateway").net_connections("tcp")
    assert not {connection.raddr.port for connection in connected if connection.raddr} & ports


def test_the_services_reach_postgres_over_its_socket(running: LocalStack) -> None:
    connected = [running.process_of(name) for name in ("gateway", "prediction_service", "metrics_service")]
    ports = {port.raddr.port for process in connected for port in process.net_connections("tcp") if port.raddr}
    assert running.port + 20 not in ports
    assert running.client.get("/health").json()["status"] == "ok"


@pytest.mark.parametrize("name", ["prediction-service", "metrics-service", "analytics-service"])
def test_when_somebody_has_deleted_the_socket_of_a_service_it_is_there_again_within_seconds(
    running: LocalStack, name: str
) -> None:
    socket = running.folder / f"{name}.sock"
    socket.unlink()
    wait_until(socket.is_socket, "the socket", deadline_seconds=10)
    at_once = 30  # more than the gateway keeps connected
    with ThreadPoolExecutor(at_once) as threads:
        asked = threads.map(lambda _: running.client.post("/predict", json={"text": "A fine day."}), range(at_once))
        assert [response.status_code for response in asked] == [200] * at_once
    services = running.client.get("/health").json()["services"]
    assert {service["status"] for service in services.values()} == {"ok"}


async def test_when_somebody_has_deleted_the_socket_of_postgres_the_services_reach_it_by_its_port(
    running: LocalStack,
) -> None:
    folder = StackFolder(running.folder)
    (socket,) = (path for path in folder.postgres.glob(".s.PGSQL.*") if path.is_socket())
    socket.unlink()
    password = folder.stored_passwords()["postgres"]
    url = f"postgresql://postgres:{password}@127.0.0.1:{running.port + 20}/modelserver?sslmode=disable"
    admin = await asyncpg.connect(url)
    try:
        ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename <> current_user"
        assert await admin.fetchval(ended)
        prediction = running.client.post("/predict", json={"text": "A fine day."}).raise_for_status().json()
        async with asyncio.timeout(30):
            while not await admin.fetchval(RECORDED, prediction["prediction_id"]):
                await asyncio.sleep(0.05)
    finally:
        await admin.close()
    running.client.get("/metrics/count").raise_for_status()
    wait_until(lambda: running.client.get("/health").json()["status"] == "ok", "all to be well", deadline_seconds=30)


def test_where_no_socket_can_be_the_services_have_their_ports_alone(tmp_path: Path) -> None:
    """A path that is too long, and one where nothing can be made; what an earlier run has left there goes."""
    folder = StackFolder(tmp_path)
    (tmp_path / "gateway.sock").touch()
    assert folder.socket("gateway") == tmp_path / "gateway.sock"
    assert list(tmp_path.iterdir()) == []
    assert StackFolder(tmp_path / ("long" * 30)).socket("gateway") is None
    assert StackFolder(tmp_path / "nowhere").socket("gateway") is None
    told = environment_of("gateway", LocalSettings(), StackFolder(tmp_path / "nowhere"), defaultdict(lambda: 8001))
    assert told["PREDICTION_URL"] == "http://127.0.0.1:8001"
    told = environment_of("metrics-service", LocalSettings(), StackFolder(tmp_path / "nowhere"), defaultdict(int))
    assert told["UNIX_SOCKET"] == ""
    for awkward in ("long" * 20, "a,b", 'a"b'):
        (tmp_path / awkward).mkdir()
        assert StackFolder(tmp_path / awkward).postgres_sockets() is None
    assert StackFolder(tmp_path).postgres_sockets() == tmp_path / "postgres"


@pytest.mark.parametrize("left", ["nothing", "an empty folder", "an empty file in it"])
def test_git_does_not_see_the_passwords_of_a_stack_beside_the_first_one(tmp_path: Path, left: str) -> None:
    """Whatever a run that was killed at its first steps has left."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    folder = StackFolder(tmp_path / ".other")
    if left != "nothing":
        folder.path.mkdir()
    if left == "an empty file in it":
        (folder.path / ".gitignore").touch()
    folder.prepare()
    folder.passwords()
    folder.admin_token()
    seen = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"],
        cwd=tmp_path, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert seen.stdout == ""


def test_nothing_is_hidden_from_git_in_a_folder_that_had_something_in_it(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    StackFolder(tmp_path).prepare()
    assert not (tmp_path / ".gitignore").exists()


def test_what_the_owner_of_a_folder_tells_git_stays(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.log\n")
    StackFolder(tmp_path).prepare()
    assert (tmp_path / ".gitignore").read_text() == "*.log\n"


def test_the_lock_of_a_killed_postgres_keeps_no_later_one_out(tmp_path: Path) -> None:
    """On another port than the last one's: of that alone Postgres itself knows what became of it."""
    folder = made(tmp_path)
    (folder.postgres / "postmaster.pid").write_text("99999999\n/x\n0\n5433\n")
    for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
        (folder.postgres / name).write_text(f"{os.getpid()}\n")
    assert folder.postgres_sockets() == folder.postgres
    assert sorted(path.name for path in folder.postgres.iterdir()) == ["cluster.made", "postmaster.pid"]


@pytest.mark.parametrize("kind", ["missing", "of something else"])
def test_where_there_is_no_stack_psql_says_so_and_writes_nothing(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "here"
    if kind == "of something else":
        folder.mkdir()
        (folder / "notes.txt").write_text("text")
    before = contents(tmp_path)
    told = run("local", "psql", LOCAL_DIR=str(folder))
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == (
        f"make psql: there is no stack in {folder}; make one with make run, or name another LOCAL_DIR=\n"
    )
    assert contents(tmp_path) == before


def made(folder: Path) -> StackFolder:
    (folder / "postgres").mkdir(parents=True)
    (folder / "postgres" / "cluster.made").touch()
    return StackFolder(folder)


@pytest.mark.parametrize(
    "pid_file", [None, "", "1\n", "{pid}\n/x\n0\n5432\n", "99999999\n/x\n0\n5432\n", "x\ny\nz\n1\n"]
)
def test_a_stack_that_does_not_run_is_one_line(tmp_path: Path, pid_file: str | None) -> None:
    """None; one that is being written; one that a killed Postgres left, whose number another process has now."""
    folder = made(tmp_path)
    (tmp_path / "secrets.json").write_text(GOOD)
    if pid_file is not None:
        (tmp_path / "postgres" / "postmaster.pid").write_text(pid_file.format(pid=os.getpid()))
    with pytest.raises(CannotRunError, match=f"the stack in {tmp_path} does not run; start it with make run"):
        running_postgres(folder)


DAMAGED = {
    "": "it is not JSON", "{": "it is not JSON", "[" * 100_000: "it is not JSON", "[]": "it is no JSON object",
    "null": "it is no JSON object", '{"postgres": "x"}': "no gateway, ", GOOD.replace('"x"', "5"): "no postgres, ",
    GOOD.replace('"x"', '""'): "no postgres, ",
}  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED)
@pytest.mark.parametrize("has_data", [False, True])
def test_damaged_passwords_are_named_with_a_remedy_and_left_alone(tmp_path: Path, content: str, has_data: bool) -> None:
    folder = made(tmp_path) if has_data else StackFolder(tmp_path)
    (tmp_path / "secrets.json").write_text(content)
    with pytest.raises(CannotRunError) as told:
        folder.passwords()
    assert str(told.value).startswith(f"{tmp_path}/secrets.json is damaged: {DAMAGED[content]}")
    assert ("put a copy of it back" if has_data else "remove it") in str(told.value)
    assert (tmp_path / "secrets.json").read_text() == content


@pytest.mark.parametrize("kind", ["missing", "a folder", "no UTF-8"])
def test_passwords_that_are_gone_are_not_made_anew_for_a_postgres_that_has_others(tmp_path: Path, kind: str) -> None:
    folder, secrets = made(tmp_path), tmp_path / "secrets.json"
    if kind == "a folder":
        secrets.mkdir()
    elif kind == "no UTF-8":
        secrets.write_bytes(b'{"postgres": "\xff"}')
    with pytest.raises(CannotRunError, match=f"{secrets}.*put a copy of it back"):
        folder.passwords()


def test_a_start_with_damaged_passwords_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").touch()
    told = run("local", LOCAL_DIR=str(tmp_path))
    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert told.stderr.startswith(f"make run: {tmp_path}/secrets.json is damaged: ")


@pytest.mark.parametrize("words", [("local",), ("local", "psql"), ("local", "backup", "/dev/null")])
def test_a_wrong_setting_is_one_line_of_every_command(tmp_path: Path, words: tuple[str, ...]) -> None:
    told = run(*words, LOCAL_DIR=str(tmp_path), ADMIN_TOKEN_FILE=str(tmp_path / "no-such-file"))
    assert (told.returncode, told.stderr.count("\n")) == (78, 1)
    assert "ADMIN_TOKEN_FILE: cannot read" in told.stderr


@pytest.mark.parametrize("variable", ["LOCAL_DIR", "MODELS_DIR", "MODEL_ENVIRONMENTS_DIR"])
def test_a_folder_that_is_a_link_to_itself_is_one_line(tmp_path: Path, variable: str) -> None:
    (link := tmp_path / "link").symlink_to(link)
    told = run("local", **{"LOCAL_DIR": str(tmp_path / "stack"), variable: str(link)})
    assert (told.returncode, told.stderr) == (
        78,
        f"make run: {variable}: has a link in it that leads back to itself\n",
    )


@pytest.mark.parametrize("name", ["a*b", "is it?", "[x]", "back\\slash", "[back\\slash]", 'it\'s "q" #1 $x %d &'])
def test_redis_finds_what_it_is_told_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    data, port = tmp_path / name, next(free_ports())
    server = ServerProcess(redis.server_command(data, port, "word"), port, tmp_path / "log", working_folder=tmp_path)
    server.start(deadline_seconds=10)
    server.stop()
    assert (data / "appendonlydir").is_dir()
