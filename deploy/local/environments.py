"""What each process is told: the user's environment, but of all secrets only those that it uses itself."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

from local.folder import StackFolder
from local.services import SERVICES, settings_class
from local.settings import LocalSettings
from shared.settings.listen_address import reached_by
from shared.settings.secret_words import secrets_of

MARK = "MODELSERVER_LOCAL_DIR"
"""Every process of a stack carries its folder in its environment under this name."""

LOOPBACK_NAMES = "localhost,127.0.0.1,[::1]"


def base_environment(folder: Path) -> dict[str, str]:
    """The environment of every process of the stack: the user's without secrets, and the mark."""
    public = {name: value for name, value in os.environ.items() if name not in all_secrets()}
    return {**public, "PYTHONUNBUFFERED": "1", MARK: str(folder)}


def all_secrets() -> set[str]:
    """The variables with a secret of any service."""
    return {form for name in SERVICES for form in forms(secrets_of(settings_class(name)))}


def forms(secrets: set[str]) -> set[str]:
    """The variables themselves and those that name a file."""
    return secrets | {f"{name}_FILE" for name in secrets}


def environment_of(name: str, settings: LocalSettings, folder: StackFolder, ports: Mapping[str, int]) -> dict[str, str]:
    """What a service is told besides what every process is, and besides where its store is."""
    secrets = secrets_of(settings_class(name))
    told = {form: os.environ[form] for form in forms(secrets - {"DATABASE_URL"}) if form in os.environ}
    if "ADMIN_TOKEN" in secrets:
        told |= token(settings, folder)
    told |= {
        "HOST": settings.host if name == "gateway" else "127.0.0.1",
        "PORT": str(ports[name]),
        "TELEMETRY_HOST": "127.0.0.1",
        "TELEMETRY_PORT": str(ports[f"{name} telemetry"]),
        "LOG_FORMAT": settings.log_format,
        "ALLOWED_HOSTS": allowed_hosts(name, settings),
    }
    told |= upstreams(folder, ports) if name == "gateway" else sockets(name, folder)
    if name == "analytics-service":
        told |= {"METRICS_URL": f"http://127.0.0.1:{ports['metrics-service']}"}
    if name == "prediction-service":
        told |= {
            "MODELS_DIR": str(settings.models_dir.resolve()),
            "MODEL_ENVIRONMENTS_DIR": str(folder.model_environments(settings.model_environments_dir)),
            "JOURNAL_DIR": str(folder.journal),
        }
    return told


def sockets(name: str, folder: StackFolder) -> dict[str, str]:
    """Where a service listens for the gateway; a long path has no socket, and the port alone is used."""
    socket = folder.socket(name)
    return {"UNIX_SOCKET": str(socket or "")}


def upstreams(folder: StackFolder, ports: Mapping[str, int]) -> dict[str, str]:
    """Where the gateway finds the services: over sockets, which take less processor time than TCP on loopback."""
    services = [name for name in SERVICES if name != "gateway"]
    addresses = {name: folder.socket(name) for name in services}
    return {
        f"{name.split('-')[0].upper()}_URL": f"unix:{socket}" if socket else f"http://127.0.0.1:{ports[name]}"
        for name, socket in addresses.items()
    }


def token(settings: LocalSettings, folder: StackFolder) -> dict[str, str]:
    """The user's admin token, or else the file of the one that was made here."""
    if settings.admin_token is not None:
        return {"ADMIN_TOKEN": settings.admin_token.get_secret_value()}
    return {"ADMIN_TOKEN_FILE": str(folder.admin_token())}


def allowed_hosts(name: str, settings: LocalSettings) -> str:
    """The names of this machine to itself, so that no page on the web can borrow one of its own for it (DNS rebinding).

    For a gateway that listens to others, too, it is the user who knows its names: any, unless ALLOWED_HOSTS says.
    """
    if name != "gateway":
        return LOOPBACK_NAMES
    if settings.allowed_hosts:
        return ",".join(settings.allowed_hosts)
    if not is_loopback(settings.host):
        return ""
    address = reached_by(settings.host)
    return LOOPBACK_NAMES if address in LOOPBACK_NAMES.split(",") else f"{LOOPBACK_NAMES},{address}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """A block within which the process's environment is this one."""
    before = dict(os.environ)
    replace(variables)
    try:
        yield
    finally:
        replace(before)


def replace(variables: Mapping[str, str]) -> None:
    """Makes the process's environment another."""
    os.environ.clear()
    os.environ.update(variables)
