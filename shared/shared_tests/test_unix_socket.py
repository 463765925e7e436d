"""A service listens on a Unix socket as well as on its port."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.processes.waiting import wait_until
from shared.settings.behind_the_gateway import MAX_SOCKET_BYTES, SettingsBehindTheGateway

Start = Callable[..., ServerProcess]

SERVICE = Path(__file__).parent / "echo_service.py"


def asked(*where: str) -> dict[str, str]:
    """What curl gets of the service."""
    command = ["curl", "--silent", "--show-error", "--max-time", "20", "--data", "a body", *where]
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {name: answer[name] for name in ("method", "path", "body")}


def is_served(path: Path) -> bool:
    """Whether the service answers over it; at a start its port is there a moment earlier."""
    command = ["curl", "--silent", "--max-time", "20", "--data", "a body", "--unix-socket", str(path)]
    return subprocess.run([*command, "http://localhost/in-the-body"], capture_output=True, check=False).returncode == 0


def test_both_have_the_same_response_and_the_socket_is_for_this_user_alone(start_echo: Start, tmp_path: Path) -> None:
    socket = tmp_path / "echo.sock"
    server = start_echo(UNIX_SOCKET=socket)
    wait_until(lambda: is_served(socket), "the socket")
    path = "/predict/in-the-body"
    over_port = asked(f"http://127.0.0.1:{server.port}{path}")
    assert asked("--unix-socket", str(socket), f"http://localhost{path}") == over_port
    assert over_port["path"] == path
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600


def test_a_gateway_comes_over_it_whatever_names_requests_may_be_for(start_echo: Start, tmp_path: Path) -> None:
    socket = tmp_path / "echo.sock"
    server = start_echo(UNIX_SOCKET=socket, ALLOWED_HOSTS="echo.internal")
    wait_until(lambda: is_served(socket), "the socket")
    path = "/in-the-body"
    over_socket = asked("--unix-socket", str(socket), f"http://localhost{path}")
    assert over_socket == asked("--header", "Host: echo.internal", f"http://127.0.0.1:{server.port}{path}")
    with pytest.raises(KeyError, match="method"):  # a problem
        asked("--unix-socket", str(socket), f"http://other.internal{path}")


def test_a_socket_that_a_killed_process_has_left_is_replaced(start_echo: Start, tmp_path: Path) -> None:
    socket = tmp_path / "echo.sock"
    first = start_echo(UNIX_SOCKET=socket)
    wait_until(lambda: is_served(socket), "the socket")
    first.kill()
    assert socket.exists()
    first.start()
    wait_until(lambda: is_served(socket), "the socket")
    assert asked("--unix-socket", str(socket), "http://localhost/in-the-body")["method"] == "POST"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A service with `echo.sock` in a folder of its own; it may say something."""
    (tmp_path / "sockets").mkdir()
    port = next(free_ports())
    variables = os.environ | {"PORT": str(port), "UNIX_SOCKET": str(tmp_path / "sockets" / "echo.sock")}
    server = ServerProcess([sys.executable, str(SERVICE)], port, tmp_path / "log", variables)
    server.start(lambda: is_served(tmp_path / "sockets" / "echo.sock"))
    yield server
    server.stop()


@pytest.fixture
def path(server: ServerProcess) -> Path:
    assert server.environment is not None
    return Path(server.environment["UNIX_SOCKET"])


def said(server: ServerProcess, *events: str) -> list[dict[str, object]]:
    """The lines of its log about such events."""
    return [line for line in map(json.loads, server.log.read_text().splitlines()) if line["event"] in events]


GONE, ANEW = "UNIX_SOCKET is gone", "UNIX_SOCKET was gone, listening anew"


def test_who_is_refused_over_it_has_no_address_in_the_log(server: ServerProcess, path: Path) -> None:
    refused = ["curl", "--silent", "--max-time", "20", "--unix-socket", str(path), "--header", "Host: two words"]
    subprocess.run([*refused, "http://localhost/"], capture_output=True, check=True)
    server.stop()
    assert [(line["refused"], line["client"]) for line in said(server, "request")] == [("host", "-")]


def test_who_ends_in_order_leaves_no_socket(server: ServerProcess, path: Path) -> None:
    server.stop()
    assert list(path.parent.iterdir()) == []


def test_one_whose_file_is_deleted_is_made_anew_as_often_as_it_is_and_who_is_connected_stays(
    server: ServerProcess, path: Path
) -> None:
    with closing(HTTPConnection("localhost", timeout=20)) as kept:
        kept.sock = socket.socket(socket.AF_UNIX)
        kept.sock.connect(str(path))
        for times in range(1, 3):
            path.unlink()
            assert not is_served(path)
            wait_until(lambda: is_served(path), "the socket", deadline_seconds=5)
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            kept.request("POST", "/in-the-body", b"a body")
            assert json.loads(kept.getresponse().read())["body"]
            wait_until(lambda: len(said(server, ANEW)) == times, "a line")  # noqa: B023 -- waited for here
    server.stop()
    assert list(path.parent.iterdir()) == []


def test_one_whose_folder_was_away_is_made_anew_and_the_log_says_once_why_it_was_not(
    server: ServerProcess, path: Path
) -> None:
    path.unlink()
    path.parent.rmdir()
    wait_until(lambda: bool(said(server, GONE)), "a line")
    path.parent.mkdir()
    wait_until(lambda: is_served(path), "the socket", deadline_seconds=5)
    wait_until(lambda: bool(said(server, ANEW)), "a line")
    assert [line["error"] for line in said(server, GONE)] == ["No such file or directory"]


def test_where_another_process_listens_it_is_left_alone_and_taken_over_when_that_has_ended(
    server: ServerProcess, path: Path
) -> None:
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        theirs = path.stat()
        wait_until(lambda: bool(said(server, GONE)), "a line")
        assert os.path.samestat(path.stat(), theirs)
        assert [line["error"] for line in said(server, GONE)] == ["another process listens there"]
    wait_until(lambda: is_served(path), "the socket", deadline_seconds=5)
    assert len(said(server, GONE)) == 1


def test_who_ends_leaves_the_file_of_another_process_and_one_that_is_no_socket(
    server: ServerProcess, path: Path
) -> None:
    path.unlink()
    path.write_text("of somebody")
    wait_until(lambda: bool(said(server, GONE)), "a line")
    assert [line["error"] for line in said(server, GONE)] == ["it is there, and no socket"]
    server.stop()
    assert path.read_text() == "of somebody"


def test_one_whose_name_is_no_utf8_is_listened_on_and_looked_after(start: Start, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.sock")
    server = start(UNIX_SOCKET=str(path))
    wait_until(path.is_socket, "the socket")
    path.unlink()
    wait_until(lambda: bool(said(server, ANEW)), "a line")
    assert said(server, ANEW)[0]["path"] == str(path)
    assert stat.S_ISSOCK(path.stat().st_mode)


def test_who_stops_makes_none_anew(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "slow.sock"
    server = start(UNIX_SOCKET=str(path), SHUTDOWN_DELAY_SECONDS="5")
    os.kill(server.pid, signal.SIGTERM)
    wait_until(lambda: ready_status(server) == 503, "the end to begin")
    path.unlink()
    wait_until(lambda: server.process is not None and server.process.poll() is not None, "the end")
    assert not path.exists()
    assert said(server, ANEW) == []


def ready_status(server: ServerProcess) -> int:
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=20)) as client:
        client.request("GET", "/health/ready")
        return client.getresponse().status


@pytest.mark.parametrize("reuse_port", ["false", "true"])
def test_two_processes_cannot_have_one_and_the_first_keeps_it(
    server: ServerProcess, path: Path, tmp_path: Path, reuse_port: str
) -> None:
    port = str(server.port if reuse_port == "true" else next(free_ports()))
    server.stop()
    assert server.environment is not None
    server.environment = {**server.environment, "REUSE_PORT": reuse_port, "LOG_LEVEL": "WARNING"}
    server.start(lambda: is_served(path))
    variables = {**server.environment, "PORT": port}
    second = subprocess.run(
        [sys.executable, str(SERVICE)], check=False, env=variables, capture_output=True, text=True, timeout=60
    )
    assert (second.returncode, second.stderr) == (3, "")
    (line,) = map(json.loads, second.stdout.splitlines())
    assert (line["event"], line["path"]) == ("cannot listen on UNIX_SOCKET", str(path))
    assert line["error"] == "another process listens there"
    assert is_served(path)


def test_what_is_no_socket_stays_where_it_is(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    file.write_text("of somebody")
    with pytest.raises(ValidationError, match="no socket"):
        SettingsBehindTheGateway(unix_socket=file)
    assert file.read_text() == "of somebody"


@pytest.mark.parametrize("kind", ["a link to nothing", "a folder that may not be passed"])
def test_where_none_can_be_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    socket = tmp_path / "echo.sock"
    if kind == "a link to nothing":
        socket.symlink_to("/nowhere")
    else:
        monkeypatch.setattr(os, "access", lambda _, wanted: not wanted & os.X_OK)
    with pytest.raises(ValueError, match=r"no socket|UNIX_SOCKET: .* is no folder that this user may write to"):
        SettingsBehindTheGateway(unix_socket=socket).check_machine()
    assert os.path.lexists(socket) == (kind == "a link to nothing")


TAKEN_MEANWHILE = """
from shared.service.assembly import run_service
from shared.settings.behind_the_gateway import SettingsBehindTheGateway
from shared_tests.echo_service import echo

run_service("echo", SettingsBehindTheGateway, lambda settings: settings.unix_socket.mkdir() or echo)
"""
"""A service whose socket's place is somebody else's by the time that it would listen there."""


def test_one_that_the_system_refuses_ends_the_start_with_one_line(tmp_path: Path) -> None:
    socket = str(tmp_path / "echo.sock")
    variables = os.environ | {"PORT": str(next(free_ports())), "UNIX_SOCKET": socket, "LOG_LEVEL": "WARNING"}
    ended = subprocess.run(
        [sys.executable, "-c", TAKEN_MEANWHILE], check=False, env=variables, capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (3, "")
    (line,) = map(json.loads, ended.stdout.splitlines())
    assert (line["event"], line["path"]) == ("cannot listen on UNIX_SOCKET", socket)


def test_the_longest_path_can_be_listened_on_and_no_longer_one(start_echo: Start, tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    longest = folder / ("s" * (MAX_SOCKET_BYTES - len(str(folder)) - 1))
    start_echo(UNIX_SOCKET=longest)
    wait_until(lambda: is_served(longest), "the socket")
    assert asked("--unix-socket", str(longest), "http://localhost/in-the-body")["method"] == "POST"
    with pytest.raises(ValidationError, match=f"longer than {MAX_SOCKET_BYTES} bytes"):
        SettingsBehindTheGateway(unix_socket=longest.with_name(longest.name + "s"))
