"""A service listens on a Unix socket as well as on its port."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.settings.behind_the_gateway import MAX_SOCKET_BYTES, SettingsBehindTheGateway

Start = Callable[..., ServerProcess]

SERVICE = Path(__file__).parent / "echo_service.py"


def asked(*where: str) -> dict[str, str]:
    """What curl gets of the service."""
    command = ["curl", "--silent", "--show-error", "--max-time", "20", "--data", "a body", *where]
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {name: answer[name] for name in ("method", "path", "body")}


def test_both_have_the_same_response_and_the_socket_is_for_this_user_alone(start_echo: Start, tmp_path: Path) -> None:
    socket = tmp_path / "echo.sock"
    server = start_echo(UNIX_SOCKET=socket)
    path = "/predict/in-the-body"
    over_port = asked(f"http://127.0.0.1:{server.port}{path}")
    assert asked("--unix-socket", str(socket), f"http://localhost{path}") == over_port
    assert over_port["path"] == path
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600


def test_a_gateway_comes_over_it_whatever_names_requests_may_be_for(start_echo: Start, tmp_path: Path) -> None:
    socket = tmp_path / "echo.sock"
    server = start_echo(UNIX_SOCKET=socket, ALLOWED_HOSTS="echo.internal")
    path = "/in-the-body"
    over_socket = asked("--unix-socket", str(socket), f"http://localhost{path}")
    assert over_socket == asked("--header", "Host: echo.internal", f"http://127.0.0.1:{server.port}{path}")
    with pytest.raises(KeyError, match="method"):  # a problem
        asked("--unix-socket", str(socket), f"http://other.internal{path}")


def test_a_socket_that_a_killed_process_has_left_is_replaced(start_echo: Start, tmp_path: Path) -> None:
    socket = tmp_path / "echo.sock"
    first = start_echo(UNIX_SOCKET=socket)
    first.kill()
    assert socket.exists()
    first.start()
    assert asked("--unix-socket", str(socket), "http://localhost/in-the-body")["method"] == "POST"


def test_who_is_refused_over_it_has_no_address_in_the_log(tmp_path: Path) -> None:
    socket, port = tmp_path / "echo.sock", next(free_ports())
    variables = os.environ | {"PORT": str(port), "UNIX_SOCKET": str(socket)}
    server = ServerProcess([sys.executable, str(SERVICE)], port, tmp_path / "log", variables)
    server.start()
    try:
        refused = ["curl", "--silent", "--max-time", "20", "--unix-socket", str(socket), "--header", "Host: two words"]
        subprocess.run([*refused, "http://localhost/"], capture_output=True, check=True)
    finally:
        server.stop()
    lines = map(json.loads, server.log.read_text().splitlines())
    assert [(line["refused"], line["client"]) for line in lines if line["event"] == "request"] == [("host", "-")]


def test_who_ends_in_order_leaves_no_socket_but_one_that_another_process_has_made(
    start_echo: Start, tmp_path: Path
) -> None:
    socket = tmp_path / "echo.sock"
    first = start_echo(UNIX_SOCKET=socket)
    first.stop()
    assert list(tmp_path.iterdir()) == []
    first.start()
    second = start_echo(UNIX_SOCKET=socket)
    first.stop()
    assert asked("--unix-socket", str(socket), "http://localhost/in-the-body")["method"] == "POST"
    first.start()
    second.stop()
    assert socket.exists()
    second.start()


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
    assert asked("--unix-socket", str(longest), "http://localhost/in-the-body")["method"] == "POST"
    with pytest.raises(ValidationError, match=f"longer than {MAX_SOCKET_BYTES} bytes"):
        SettingsBehindTheGateway(unix_socket=longest.with_name(longest.name + "s"))
