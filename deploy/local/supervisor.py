"""supervisord keeps the programs running: what dies is started again. It is told what to start over XML-RPC."""

import configparser
import io
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
from local.stack import STOP_SECONDS, Program, Stack

RESTARTS = 1_000_000
"""supervisord gives up after so many failed starts in a row, with growing pauses: never, in practice."""

START_SECONDS = 60
"""A machine on which it takes longer is in trouble."""

SERVICES_GROUP, STORES_GROUP = "services", "stores"


class Supervisor:
    """One supervisord for one stack."""

    def __init__(self, stack: Stack, config: Path) -> None:
        self._stack, self._config = stack, config
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> subprocess.Popen[str]:
        """Starts supervisord, and it the stores. Its output is one stream with that of all programs."""
        self._config.touch(mode=0o600)
        self._config.write_text(configuration(self._stack), encoding="utf-8")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--configuration", str(self._config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=base_environment(self._config.parent),
            start_new_session=True,  # Ctrl-C in a terminal is for us alone; we end supervisord in order
        )
        return self._process

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
    """supervisord.conf. A percent sign is doubled: supervisord expands %(…)s."""
    config = configparser.RawConfigParser()
    config.optionxform = str  # type: ignore[assignment,method-assign]  # keeps names as they are written
    config["supervisord"] = {
        "nodaemon": "true",
        "logfile": "/dev/null",
        "logfile_maxbytes": "0",
        "loglevel": "info",
        "pidfile": "%(here)s/supervisord.pid",
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
            "command": " ".join(quoted(word) for word in program.command),
            "environment": ",".join(f"{key}={quoted(value)}" for key, value in program.environment.items()),
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


def quoted(word: str) -> str:
    """A word as supervisord reads it in a command line or an environment."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
