"""The programs of the stack: command lines, and what each is told."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from pydantic import SecretStr

from local.environments import environment_of
from local.folder import StackFolder
from local.ports import choose_ports
from local.services import SERVICES
from local.settings import LocalSettings
from shared.embedded import postgres, redis

DATABASE = "modelserver"

START_SECONDS = 180
"""How long the whole may take to start, and each part of it; a machine that needs longer is in trouble."""

STOP_SECONDS = 2
"""How long each of the two groups, services and stores, may take to end before it is killed; together below 5 s."""


@dataclass(frozen=True)
class Program:
    """One supervised process."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"


@dataclass(frozen=True)
class Stack:
    """All programs, and the ports they listen on."""

    stores: list[Program]
    services: list[Program]
    ports: dict[str, int]
    passwords: dict[str, str]
    own_database: SecretStr | None
    """The user's, when it is not ours that is used."""
    postgres_sockets: Path | None
    """The folder of our Postgres's socket; None: it has none."""

    def database_url(self, role: str = postgres.SUPERUSER, database: str = DATABASE) -> str:
        """Our database as seen by one role; without TLS, and so without a look for certificates in the user's home."""
        port, password = self.ports["postgres"], self.passwords[role]
        return f"postgresql://{role}:{password}@127.0.0.1:{port}/{database}?sslmode=disable"

    def service_url(self, role: str) -> str:
        """The same for a service: over a socket if there is one; by the port while somebody has deleted its file."""
        if self.postgres_sockets is None:
            return self.database_url(role)
        port, password = self.ports["postgres"], self.passwords[role]
        hosts = f"{quote(str(self.postgres_sockets))},127.0.0.1"
        return f"postgresql://{role}:{password}@/{DATABASE}?host={hosts}&port={port}&sslmode=disable"


def plan(settings: LocalSettings, folder: StackFolder) -> Stack:
    """The stack for these settings. Makes no process and no cluster yet."""
    passwords = folder.passwords()
    ports = choose_ports(settings)
    sockets = folder.postgres_sockets() if settings.database_url is None else None
    programs = stores(settings, folder, ports, passwords, sockets)
    stack = Stack(programs, [], ports, passwords, settings.database_url, sockets)
    for name, module in SERVICES.items():
        told = environment_of(name, settings, folder, ports) | store_addresses(name, settings, stack)
        told |= {"SHUTDOWN_GRACE_SECONDS": str(STOP_SECONDS - 1)}
        stack.services.append(Program(name, [sys.executable, "-m", module], told))
    return stack


def stores(
    settings: LocalSettings,
    folder: StackFolder,
    ports: dict[str, int],
    passwords: dict[str, str],
    sockets: Path | None,
) -> list[Program]:
    """Those of Postgres and Redis that the user has not."""
    programs = []
    if settings.database_url is None:
        told = {"unix_socket_directories": str(sockets or "")}
        command = postgres.server_command(folder.postgres, ports["postgres"], settings=told)
        programs.append(Program("postgres", command, stop_signal="INT"))
    if not settings.has_own_redis:
        programs.append(Program("redis", redis.server_command(folder.redis, ports["redis"], passwords["redis"])))
    return programs


def store_addresses(name: str, settings: LocalSettings, stack: Stack) -> dict[str, str]:
    """Where a service finds its store: one of ours with its own role and password, or the user's as it was given."""
    role = SERVICES[name]
    if name == "analytics-service":
        if settings.redis_url is not None:
            return {"REDIS_URL": settings.redis_url.get_secret_value()}
        if settings.redis_host is not None:
            return {"REDIS_HOST": settings.redis_host}
        url = f"redis://127.0.0.1:{stack.ports['redis']}/0"
        return {"REDIS_URL": url, "REDIS_PASSWORD": stack.passwords["redis"]}
    if settings.database_url is not None:
        return {"DATABASE_URL": settings.database_url.get_secret_value()}
    return {"DATABASE_URL": stack.service_url(role)}
