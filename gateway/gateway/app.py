"""The gateway, put together.

The stops of a request, in order:

0. `cors`                     where pages of other origins may read: what their browsers want to be told
1. `http/request_middleware`  its id, its measurement, the last resort for errors
2. `front`                    who calls (`request/client_address`, `request/identity`), which route
                              (`request/routing`), and whether it may (`keys/doorkeeper`); from here on the request has
                              its `request/context`
3. `limit/middleware`         the ingress limit; wrong tokens (`limit/failed_tokens`) where a service looks at one
4. `proxy/proxy`              streams it to its service and the response back
5. `proxy/upstream`           the service: a bound on what is in flight, failing fast while it is down

No framework stands in this way: what it costs, every request would pay.

What no route takes is answered by the gateway's own FastAPI application: `/`, `/health`, `/docs`, `/redoc`,
`/openapi.json`, `/console`, `/limits`, `/limits/refusals`, `/keys`.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI
from starlette.types import ASGIApp

from gateway.api.home import NAME, home_router
from gateway.api.keys import keys_router
from gateway.api.limits import limits_router
from gateway.api.refusals import refusals_router
from gateway.console.pages import console_router
from gateway.cors import Cors
from gateway.docs.openapi import ServiceDocuments
from gateway.docs.pages import docs_router, mount_assets
from gateway.front import Front
from gateway.health import SystemCheck, gateway_health, system_health_router
from gateway.keys.changes import KeyChanges
from gateway.keys.doorkeeper import Doorkeeper
from gateway.keys.follower import KeyFollower
from gateway.keys.ring import KeyRing
from gateway.limit.cleanup import forget_old_clients_forever
from gateway.limit.exempt import Exempt
from gateway.limit.failover import LimiterFailover
from gateway.limit.in_flight import RequestsInFlight
from gateway.limit.memory import MemoryLimiter
from gateway.limit.middleware import IngressLimit
from gateway.limit.places import KeyPlaces
from gateway.limit.postgres import PostgresLimiter
from gateway.limit.refusal_history import RefusalHistory
from gateway.limit.refused import Refused
from gateway.limit.remembered_refusals import RememberedRefusals
from gateway.limit.window import Policy, Window
from gateway.proxy.address import Address
from gateway.proxy.connections import UpstreamSession
from gateway.proxy.deadlines import Deadlines
from gateway.proxy.proxy import Proxy
from gateway.proxy.row_count import RowCounter
from gateway.proxy.upstream import Upstream
from gateway.request.client_address import ClientAddresses
from gateway.request.context import describe_request
from gateway.request.identity import Identities, identity_keys_of
from gateway.request.origins import Origins, pattern_of
from gateway.request.public_prefix import PublicPrefix
from gateway.request.routing import UpstreamName
from gateway.settings import Settings
from shared.asyncio.background import Background
from shared.asyncio.clock import utc_now
from shared.database.connection import Connector
from shared.http.openapi import openapi_of
from shared.http.request_middleware import RequestMiddleware
from shared.http.server.door import Door
from shared.http.server.host import Hosts
from shared.service.assembly import bounds_within_the_system, create_api

SERVICE = "gateway"
MAX_GUESSERS = 10_000
"""Addresses whose wrong tokens are counted, the least recent are forgotten: 6 MiB at worst, whoever floods."""

OF_NOBODY = Policy((Window(60, 60),))
"""What the limiter is asked by where addresses have no limit: for nobody, as a sign of life."""

DESCRIPTION = "Predictions, their metrics and what they mean, through one URL. Errors are RFC 9457 problem details."


def create_door(settings: Settings) -> Door:
    """Who may connect: of each client so many connections, but for trusted proxies, who speak for many."""
    addresses = ClientAddresses(settings.trusted_proxies)
    return Door(
        bounds_within_the_system(settings),
        Hosts(settings.allowed_hosts),
        counted=addresses.counted_peer,
        max_connections_per_client=settings.max_connections_per_client,
        is_proxy=addresses.is_proxy,
    )


def create_app(settings: Settings) -> ASGIApp:
    """The gateway for these settings; its connections open with the application's lifespan."""
    release = version("modelserver-gateway")
    connector = Connector(settings.database_url, SERVICE)
    services = {
        UpstreamName.PREDICTION: Address.of(settings.prediction_url),
        UpstreamName.METRICS: Address.of(settings.metrics_url),
        UpstreamName.ANALYTICS: Address.of(settings.analytics_url),
    }

    session = UpstreamSession()
    documents = ServiceDocuments(session, services, time.monotonic)
    upstreams = {
        name: Upstream(
            name,
            address,
            session,
            time.monotonic,
            max_in_flight=settings.upstream_max_in_flight,
            wait_seconds=settings.upstream_wait_seconds,
        )
        for name, address in services.items()
    }
    deadlines = Deadlines(time.monotonic)
    proxy = Proxy(
        upstreams,
        deadlines,
        max_body_bytes=settings.max_body_bytes,
        max_large_body_bytes=max(settings.max_body_bytes, settings.max_batch_body_bytes),
        body_timeout_seconds=settings.body_timeout_seconds,
        response_timeout_seconds=settings.upstream_timeout_seconds,
    )

    rows = RowCounter(
        max_bytes=max(settings.max_body_bytes, settings.max_batch_body_bytes), seconds=settings.body_timeout_seconds
    )

    policy = settings.ingress_limits or OF_NOBODY
    refused = Refused()
    history = RefusalHistory(connector, refused, utc_now)

    identities = Identities(settings.identity_header, identity_keys_of(settings.identity_keys))
    ring = KeyRing(
        time.monotonic,
        settings.admin_token.get_secret_value(),
        known_seconds=settings.keys_known_seconds,
        without_database=settings.keys_without_database,
        named=identities.names,
    )
    keys = KeyFollower(connector, ring)
    policy_of = ring.policy_or(policy)
    shared_limiter = PostgresLimiter(connector, policy, policy_of)
    limiter = LimiterFailover(
        shared_limiter,
        MemoryLimiter(policy, time.monotonic, policy_of=policy_of),
        RememberedRefusals(time.monotonic),
        time.monotonic,
    )
    key_places = KeyPlaces(connector, refused, time.monotonic, keys.usage.refuse)
    exempt = Exempt(settings.ingress_exempt, off=settings.ingress_limits is None)
    wrong_tokens = MemoryLimiter(settings.wrong_token_limits, time.monotonic, MAX_GUESSERS)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        cleanup = Background(partial(forget_old_clients_forever, connector), "limiter-cleanup")
        async with (
            session,
            documents,
            shared_limiter,
            key_places,
            deadlines.watched(),
            history,
            cleanup,
            keys.following(),
        ):
            yield

    prefix = PublicPrefix(settings.root_path)
    health = gateway_health(SERVICE, release, lambda: shared_limiter.available and key_places.available)
    own = create_api(
        title=NAME,
        version=release,
        description=DESCRIPTION,
        routers=[
            home_router(release, prefix),
            limits_router(limiter, exempt, dry_run=settings.ingress_dry_run),
            refusals_router(history),
            system_health_router(SystemCheck(health, session, services)),
            keys_router(KeyChanges(keys), settings.admin_token),
            docs_router(lambda: openapi_of(own), documents, prefix),
            console_router(prefix),
        ],
        health=health,
        lifespan=lifespan,
        own_documents=False,
    )
    mount_assets(own)
    patterns = tuple(map(pattern_of, settings.cors_origins))
    page_origins = Origins(frozenset(), patterns)
    front = Front(
        own,
        addresses=ClientAddresses(settings.trusted_proxies),
        identities=identities,
        prefix=prefix,
        allowed_origins=Origins(frozenset(settings.allowed_origins), patterns),
        page_origins=page_origins,
        in_flight=RequestsInFlight(settings.max_requests_per_client, refused),
        proxy=proxy,
        limited_proxy=IngressLimit(
            proxy,
            limiter,
            policy,
            policy_of,
            refused,
            rows.counted,
            keys.usage.refuse,
            dry_run=settings.ingress_dry_run,
        ),
        doorkeeper=Doorkeeper(
            ring, keys.used, keys.usage, wrong_tokens, settings.admin_token, settings.anonymous, refused
        ),
        wrong_tokens=wrong_tokens,
        refused=refused,
        exempt=exempt,
        key_places=key_places,
    )
    served = RequestMiddleware(front, describe=describe_request)
    return Cors(served, page_origins, credentials=settings.cors_credentials) if page_origins else served
