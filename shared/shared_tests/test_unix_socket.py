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


def test_what_is_no_socket_stays_where_it_is(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    file.write_text("of somebody")
    with pytest.raises(ValidationError, match="no socket"):
        SettingsBehindTheGateway(unix_socket=file)
    assert file.read_text() == "of somebody"


def test_the_longest_path_can_be_listened_on_and_no_longer_one(start_echo: Start, tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    longest = folder / ("s" * (MAX_SOCKET_BYTES - len(str(folder)) - 1))
    start_echo(UNIX_SOCKET=longest)
    assert asked("--unix-socket", str(longest), "http://localhost/in-the-body")["method"] == "POST"
    with pytest.raises(ValidationError, match=f"longer than {MAX_SOCKET_BYTES} bytes"):
        SettingsBehindTheGateway(unix_socket=longest.with_name(longest.name + "s"))
