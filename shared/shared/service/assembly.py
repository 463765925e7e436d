"""How every service is put together and started."""

import asyncio
import gc
import resource
import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI
from pydantic import SecretStr
from starlette.types import ASGIApp, Scope

from shared.http.caller import begin_caller
from shared.http.direct_routes import DirectRoutes
from shared.http.foreign_pages import refuse_foreign_pages
from shared.http.methods import install_methods
from shared.http.openapi import openapi_of, operation_id
from shared.http.problems import install_problem_handlers
from shared.http.request_id import headers_by_name
from shared.http.request_middleware import RequestMiddleware
from shared.http.server.bounds import Bounds
from shared.http.server.door import Door
from shared.http.server.host import Hosts
from shared.service.health import HealthReport, health_router
from shared.service.liveness import Liveness
from shared.service.memory import keep_large_blocks_apart
from shared.service.stopping import Server
from shared.settings.behind_the_gateway import LOCALHOST, SettingsBehindTheGateway
from shared.settings.settings import ServiceSettings, Settings, load_settings, stop_for_bad_setting
from shared.telemetry.access_log import access_log
from shared.telemetry.logs import configure_logging
from shared.telemetry.requests import start_telemetry
from shared.tracing.start import start_tracing

LISTEN_BACKLOG = 2048
"""Connections that may wait to be accepted: a burst of clients must not be refused by the kernel."""

GARBAGE_THRESHOLD = 50_000
"""New objects between two collections of the youngest: some hundred requests instead of a few."""

SPARE_FILES = 512
"""Files that are no connections of clients: those to other services, to stores, models, logs."""

EXIT_NOT_STARTED = 3
"""The port is taken, or the application could not start; uvicorn's own code for it."""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_service(
    *,
    title: str,
    version: str,
    description: str,
    routers: Sequence[APIRouter],
    health: HealthReport,
    lifespan: Lifespan,
    admin_token: SecretStr,
) -> ASGIApp:
    """A service of FastAPI's routes, taken directly where they can be, behind what every request passes first.

    `admin_token`: with it the gateway seals what it says of keys.
    """
    app = create_api(
        title=title, version=version, description=description, routers=routers, health=health, lifespan=lifespan
    )
    return RequestMiddleware(DirectRoutes(app, routers), guard=partial(begin, admin_token.get_secret_value()))


def begin(secret: str, scope: Scope) -> None:
    """Makes the caller of a request the current one. Raises HolderNotBelieved, and what `refuse_foreign_pages` raises.

    A service is reached by its own name, or through the gateway, which judges what browsers say and keeps it.
    """
    begin_caller(scope, secret)
    headers = headers_by_name(scope)
    refuse_foreign_pages(scope["method"], headers, headers.get(b"host", b""))


def create_api(
    *,
    title: str,
    version: str,
    description: str,
    routers: Sequence[APIRouter],
    health: HealthReport,
    lifespan: Lifespan,
    own_documents: bool = True,
) -> FastAPI:
    """Routes, health and documents with problems for errors; the caller puts RequestMiddleware around it."""
    app = FastAPI(
        title=title,
        version=version,
        description=description,
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
        redirect_slashes=False,
        openapi_url="/openapi.json" if own_documents else None,
    )
    install_problem_handlers(app)
    install_methods(app)
    for router in routers:
        app.include_router(router)
    app.include_router(health_router(health))
    app.openapi = lambda: openapi_of(app)  # type: ignore[method-assign]  # FastAPI documents this assignment
    return app


def run_service(
    service: str,
    settings_class: type[Settings],
    create_app: Callable[[Settings], ASGIApp],
    check: Callable[[Settings], Coroutine[Any, Any, None]] | None = None,
    make_door: Callable[[Settings], Door] | None = None,
) -> None:
    """Reads the settings, starts logs and telemetry, serves until SIGTERM, then stops as `stopping` describes.

    `check` runs before anything else; what it raises ends the process with one line. `make_door` says who may connect.
    """
    settings = load_settings(settings_class, service)
    configure_logging(service, settings.log_level, settings.log_format)
    access_log.configure(
        service,
        settings.log_level,
        settings.log_format,
        logged=settings.access_log,
        slow_seconds=settings.access_log_slow_seconds,
    )
    check_before_start(service, settings, check)
    start_telemetry(settings.telemetry_port, settings.telemetry_host or settings.host)
    start_tracing(service, settings)
    serve(create_app(settings), settings, (make_door or door_for)(settings))


def check_before_start(
    service: str, settings: Settings, check: Callable[[Settings], Coroutine[Any, Any, None]] | None
) -> None:
    """Runs the check, if there is one."""
    if check is None:
        return
    try:
        asyncio.run(check(settings))
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is the reason not to start
        stop_for_bad_setting(service, str(error))


def door_for(settings: ServiceSettings) -> Door:
    """A door that counts no client on its own: behind the gateway there is only one."""
    return Door(bounds_within_the_system(settings), Hosts(names_of(settings)))


def names_of(settings: ServiceSettings) -> tuple[str, ...]:
    """What requests may be for; a gateway that comes over the Unix socket asks for LOCALHOST, whatever is allowed."""
    over_a_socket = isinstance(settings, SettingsBehindTheGateway) and settings.unix_socket is not None
    return (*settings.allowed_hosts, LOCALHOST) if settings.allowed_hosts and over_a_socket else settings.allowed_hosts


def bounds_within_the_system(settings: ServiceSettings) -> Bounds:
    """The bounds of the settings, with no more connections than the system lets this process have files."""
    bounds = Bounds.of(settings)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        bounds = replace(bounds, max_connections=min(bounds.max_connections, max(most - SPARE_FILES, 1)))
    return bounds


def server_for(app: ASGIApp, settings: ServiceSettings, door: Door) -> Server:
    """A server behind this door. uvicorn must not believe forwarding headers: they are the gateway's business."""
    return Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            http=door,  # type: ignore[arg-type]  # called like a protocol class
            ws="none",
            backlog=LISTEN_BACKLOG,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=settings.shutdown_grace_seconds,
        ),
        delay_seconds=settings.shutdown_delay_seconds,
        liveness=Liveness(settings.hang_timeout_seconds),
        unix_socket=settings.unix_socket if isinstance(settings, SettingsBehindTheGateway) else None,
    )


def serve(app: ASGIApp, settings: ServiceSettings, door: Door) -> None:
    """Serves until the process is told to stop."""
    server = server_for(app, settings, door)
    spare_the_garbage_collector()
    keep_large_blocks_apart()
    server.run(sockets=[shared_socket(settings)] if settings.reuse_port else None)
    if not server.started:
        raise SystemExit(EXIT_NOT_STARTED)


def spare_the_garbage_collector() -> None:
    """Fewer, later collections, and none of what lives as long as the process.

    With the interpreter's defaults a busy gateway spends a fifth of its time looking for cycles that are not there.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 50)


def shared_socket(settings: ServiceSettings) -> socket.socket:
    """A listening socket of its own for each process on the same port; the kernel spreads the connections."""
    address = (settings.host, settings.port)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    return socket.create_server(address, family=family, backlog=LISTEN_BACKLOG, reuse_port=True)
