"""Which ports the stack has: those that anybody may want to find again follow from PORT."""

import socket
import time
from collections.abc import Callable

from local.errors import CannotRunError
from local.services import SERVICES
from local.settings import LocalSettings
from shared.embedded.ports import free_ports
from shared.settings.listen_address import why_not_to_listen


def choose_ports(settings: LocalSettings) -> dict[str, int]:
    """By the name of what listens. What only the stack itself connects to has whatever is free."""
    names = [name for name in SERVICES if name != "gateway"] + ["supervisor"]
    ports = {"gateway": settings.port, **store_ports(settings), **telemetry_ports(settings)}
    free = (port for port in free_ports() if port not in ports.values())
    return ports | dict(zip(names, free, strict=False))


def store_ports(settings: LocalSettings) -> dict[str, int]:
    """Of Postgres and Redis."""
    return {"postgres": settings.first_store_port, "redis": settings.first_store_port + 1}


def telemetry_ports(settings: LocalSettings) -> dict[str, int]:
    """Of the services' metrics; 0: none."""
    first = settings.first_telemetry_port
    return {f"{name} telemetry": first + number if first else 0 for number, name in enumerate(SERVICES)}


def check_ports(settings: LocalSettings) -> None:
    """Raises CannotRunError when one of those that follow from PORT is taken, or HOST is not of this machine."""
    if why := why_not_to_listen(settings.host, settings.port):
        raise CannotRunError(f"{why}; choose another with {why.partition(':')[0]}=")
    wanted = {name: (port, "TELEMETRY_PORT") for name, port in telemetry_ports(settings).items() if port}
    if settings.database_url is None:
        wanted["postgres"] = store_ports(settings)["postgres"], "STORE_PORT"
    if not settings.has_own_redis:
        wanted["redis"] = store_ports(settings)["redis"], "STORE_PORT"
    for name, (port, variable) in wanted.items():
        if why_not_to_listen("127.0.0.1", port):
            raise CannotRunError(f"port {port}, for {name}, is taken; choose others with PORT= or {variable}=")


def wait_until_it_listens(port: int, still_runs: Callable[[], None]) -> None:
    """Returns once a server of this machine takes connections; `still_runs` raises when none can come any more."""
    while True:
        still_runs()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
