"""supervisord keeps the programs running: what dies is started again. It is told what to start over XML-RPC.

Its configuration cannot spell every value: what a program is told stands in a shell script, which shells read as it is
written, with nothing but the script's own name in the configuration.
"""

import configparser
import io
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xmlrpc.client import ServerProxy

from supervisor.xmlrpc import Faults

from local.environments import base_environment
from local.errors import CannotRunError
from local.stack import START_SECONDS, STOP_SECONDS, Program, Stack

RESTARTS = 1_000_000
"""supervisord gives up after so many failed starts in a row, with growing pauses: never, in practice."""

SERVICES_GROUP, STORES_GROUP = "services", "stores"


class Supervisor:
    """One supervisord for one stack."""

    def __init__(self, stack: Stack, config: Path) -> None:
        self._stack, self._config = stack, config
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> subprocess.Popen[str]:
        """Starts supervisord, and it the stores. Its output is one stream with that of all programs."""
        folder = self._config.parent
        for program in (*self._stack.stores, *self._stack.services):
            write_secretly(folder / script_name(program), script(program, Path.cwd()))
        write_secretly(self._config, configuration(self._stack))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--configuration", self._config.name],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=base_environment(folder),
            start_new_session=True,  # Ctrl-C in a terminal is for us alone; we end supervisord in order
        )
        return self.process

    def start_services(self) -> None:
        """Starts the four services. Raises CannotRunError when supervisord cannot even try."""
        self._wait()
        results: Any = self._rpc().supervisor.startProcessGroup(SERVICES_GROUP, False)
        failures = [
            f"{result['name']}: {result['description']}" for result in results if result["status"] != Faults.SUCCESS
        ]
        if failures:
            raise CannotRunError(f"cannot start {'; '.join(failures)}")

    def _wait(self) -> None:
        """Until supervisord can be talked to."""
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                self._rpc().supervisor.getState()
            except OSError as error:
                if time.monotonic() > end:
                    raise CannotRunError(f"the supervisor does not answer: {error}") from error
                time.sleep(0.05)
            else:
                return

    def _rpc(self) -> ServerProxy:
        secret, port = self._stack.passwords["supervisor"], self._stack.ports["supervisor"]
        return ServerProxy(f"http://local:{secret}@127.0.0.1:{port}/RPC2")


def configuration(stack: Stack) -> str:
    """supervisord.conf: paths in it are as seen from its own folder, in which supervisord runs."""
    config = configparser.RawConfigParser()
    config.optionxform = str  # type: ignore[assignment,method-assign]  # keeps names as they are written
    config["supervisord"] = {
        "nodaemon": "true",
        "logfile": "/dev/null",
        "logfile_maxbytes": "0",
        "loglevel": "info",
        "pidfile": "supervisord.pid",
    }
    config["inet_http_server"] = {
        "port": f"127.0.0.1:{stack.ports['supervisor']}",
        "username": "local",
        "password": stack.passwords["supervisor"],
    }
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    if stack.stores:
        add_group(config, STORES_GROUP, stack.stores, priority=1, autostart=True)
    add_group(config, SERVICES_GROUP, stack.services, priority=2, autostart=False)
    text = io.StringIO()
    config.write(text)
    return text.getvalue()


def add_group(
    config: configparser.RawConfigParser, name: str, programs: Sequence[Program], *, priority: int, autostart: bool
) -> None:
    """Programs that are stopped together; groups stop one after the other, the highest priority number first."""
    config[f"group:{name}"] = {"programs": ",".join(program.name for program in programs), "priority": str(priority)}
    for program in programs:
        config[f"program:{program.name}"] = {
            "command": f"/bin/sh {script_name(program)}",
            "autostart": str(autostart).lower(),
            "autorestart": "true",
            "startretries": str(RESTARTS),
            "startsecs": "1",
            "stopsignal": program.stop_signal,
            "stopwaitsecs": str(STOP_SECONDS),
            "redirect_stderr": "true",
            "stdout_logfile": "/dev/fd/1",
            "stdout_logfile_maxbytes": "0",
        }


def script_name(program: Program) -> str:
    """The file with what a program is told."""
    return f"{program.name}.sh"


def script(program: Program, folder: Path) -> str:
    """Becomes the program, in `folder`, with its part of the environment."""
    told = [f"export {name}={shlex.quote(value)}" for name, value in program.environment.items()]
    return "\n".join([f"cd {shlex.quote(str(folder))} || exit", *told, f"exec {shlex.join(program.command)}", ""])


def write_secretly(file: Path, text: str) -> None:
    """Writes what nobody else may read, from the first byte on."""
    file.touch(mode=0o600)
    file.write_bytes(os.fsencode(text))
