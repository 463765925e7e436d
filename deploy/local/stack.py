"""The programs of the stack: command lines and environments."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from local.folder import StackFolder
from local.settings import LocalSettings
from shared.embedded import postgres, redis
from shared.embedded.ports import free_ports

MARK = "MODELSERVER_LOCAL_DIR"
"""Every process of a stack carries its folder in its environment under this name."""

LOOPBACK_NAMES = "localhost,127.0.0.1,[::1]"

DATABASE = "modelserver"
SERVICES = {
    "gateway": "gateway",
    "prediction-service": "prediction_service",
    "metrics-service": "metrics_service",
    "analytics-service": "analytics_service",
}
"""Service name → module."""

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

    def database_url(self, role: str = postgres.SUPERUSER, database: str = DATABASE) -> str:
        """The database as seen by one role."""
        return database_url(self.passwords, self.ports["postgres"], role, database)


def database_url(passwords: dict[str, str], port: int, role: str, database: str = DATABASE) -> str:
    """A URL with the role's password; without TLS, and so without a look for certificates in the user's home."""
    return f"postgresql://{role}:{passwords[role]}@127.0.0.1:{port}/{database}?sslmode=disable"


def plan(settings: LocalSettings, folder: StackFolder) -> Stack:
    """The stack for these settings. Makes no process and no cluster yet."""
    passwords = folder.passwords()
    ports = choose_ports(settings.port)
    stores = [
        Program("postgres", postgres.server_command(folder.postgres, ports["postgres"]), stop_signal="INT"),
        Program("redis", redis.server_command(folder.redis, ports["redis"], passwords["redis"])),
    ]
    services = [
        Program(name, [sys.executable, "-m", module], environment_of(name, settings, folder, ports, passwords))
        for name, module in SERVICES.items()
    ]
    return Stack(stores, services, ports, passwords)


def choose_ports(gateway_port: int) -> dict[str, int]:
    """The gateway's port is the user's choice; all others are whatever is free on 127.0.0.1."""
    free: Iterator[int] = free_ports()
    names = ("postgres", "redis", "supervisor", *SERVICES, *(f"{name} telemetry" for name in SERVICES))
    return dict(zip(names, free, strict=False)) | {"gateway": gateway_port}


def environment_of(
    name: str, settings: LocalSettings, folder: StackFolder, ports: dict[str, int], passwords: dict[str, str]
) -> dict[str, str]:
    """What a service is told besides what the user's environment says."""
    environment = {
        "HOST": settings.host if name == "gateway" else "127.0.0.1",
        "PORT": str(ports[name]),
        "TELEMETRY_PORT": str(ports[f"{name} telemetry"]),
        "LOG_FORMAT": settings.log_format,
        "ALLOWED_HOSTS": allowed_hosts(name, settings),
        "SHUTDOWN_GRACE_SECONDS": str(STOP_SECONDS - 1),
        **{
            f"{service.split('-')[0].upper()}_URL": f"http://127.0.0.1:{ports[service]}"
            for service in SERVICES
            if service != "gateway"
        },
    }
    role = SERVICES[name]
    if role in passwords:
        environment["DATABASE_URL"] = database_url(passwords, ports["postgres"], role)
    if name == "prediction-service":
        environment |= {"MODELS_DIR": str(settings.models_dir.resolve()), "JOURNAL_DIR": str(folder.journal)}
    if name == "analytics-service":
        environment |= {
            "REDIS_URL": f"redis://127.0.0.1:{ports['redis']}/0",
            "REDIS_PASSWORD": passwords["redis"],
        }
    return environment


def allowed_hosts(name: str, settings: LocalSettings) -> str:
    """The names of this machine to itself, so that no page on the web can borrow one of its own for it (DNS rebinding).

    For a gateway that listens to others, too, it is the user who knows its names: any, unless ALLOWED_HOSTS says.
    """
    given = os.environ.get("ALLOWED_HOSTS", "") if name == "gateway" else ""
    return given or (LOOPBACK_NAMES if name != "gateway" or settings.host in LOOPBACK_NAMES.split(",") else "")


def base_environment(folder: Path) -> dict[str, str]:
    """The environment of every process of the stack: the user's, and the mark."""
    return {**os.environ, "PYTHONUNBUFFERED": "1", MARK: str(folder)}
