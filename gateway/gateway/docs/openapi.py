"""One OpenAPI document from four.

Each service describes itself at its own `/openapi.json`. What the gateway publishes is their union, cut down to the
paths that it routes, with what it adds on the way: the ingress limit and the errors of the proxy.
"""

import asyncio
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Self

import aiohttp
import orjson
import structlog

from gateway.proxy.address import Address
from gateway.proxy.connections import UpstreamSession
from gateway.request.access import NEVER, Access
from gateway.request.routing import UpstreamName, route_of_template
from shared.asyncio.background import end
from shared.asyncio.clock import Clock
from shared.contracts.rights import Right
from shared.http.openapi import problem_response
from shared.service.admin_token import bearer

FRESH_SECONDS = 15.0
"""How long a service's document is used before it is asked again; one that is away keeps its last one."""

FETCH_TIMEOUT_SECONDS = 2.0
"""How long a service may take to tell its document; then its last one is used."""

FIRST_FETCH_TIMEOUT_SECONDS = 10.0
"""The same for a service that has never told it: to wait is better than to leave its paths out."""

SILENT_SECONDS = 15.0
"""How long after that it is not given that much time again: a service that hangs holds up few."""

RATE_LIMIT_HEADERS = {
    "RateLimit-Policy": 'The quota of each window, e.g. `"ingress";q=60;w=60`',
    "RateLimit": 'What is left (`r`) and in how many seconds there is more (`t`), e.g. `"ingress";r=59;t=60`',
    "X-RateLimit-Limit": "Requests per window, of the window nearest to its end",
    "X-RateLimit-Remaining": "Requests left in that window",
    "X-RateLimit-Reset": "Seconds until there is more",
    "X-RateLimit-Dry-Run": "`refused` where the limit only counts and would have refused this; absent otherwise",
    "X-RateLimit-Scope": "`local` while this gateway counts alone; absent otherwise",
}
METHODS = frozenset({"get", "put", "post", "delete", "patch", "head", "options"})

Document = dict[str, Any]
log = structlog.get_logger()


class ServiceDocuments:
    """The services' documents, fetched when needed: of each service once at a time, for all who want it then.

    `clock` gives seconds. The end of the block ends what is being fetched.
    """

    def __init__(self, session: UpstreamSession, services: Mapping[UpstreamName, Address], clock: Clock) -> None:
        self._session, self._services, self._clock = session, services, clock
        # mutable, by `_fetch` alone: when a document was told, and what; when a first one was waited for in vain
        self._latest: dict[UpstreamName, tuple[float, Document]] = {}
        self._silent: dict[UpstreamName, float] = {}
        self._fetching: dict[UpstreamName, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await end(*self._fetching.values())

    async def all(self) -> dict[UpstreamName, Document]:
        """Every service's document, as published; a service that has never told it is left out."""
        documents = await asyncio.gather(*(self.of(name) for name in self._services))
        found = zip(self._services, documents, strict=True)
        return {name: document for name, document in found if document is not None}

    async def of(self, name: UpstreamName) -> Document | None:
        """The document of one service, as published; None: it has never told it, and cannot be asked now."""
        await self._refresh(name)
        return published(name, self._latest[name][1]) if name in self._latest else None

    async def _refresh(self, name: UpstreamName) -> None:
        fetched, _ = self._latest.get(name, (float("-inf"), {}))
        if self._clock() - fetched < FRESH_SECONDS:
            return
        if name not in self._fetching:
            fetching = self._fetching[name] = asyncio.create_task(self._fetch(name), name=f"document of {name}")
            fetching.add_done_callback(lambda _: self._fetching.pop(name))
        await asyncio.shield(self._fetching[name])  # who leaves takes nothing from those who wait with him

    async def _fetch(self, name: UpstreamName) -> None:
        was_silent = self._clock() - self._silent.get(name, float("-inf")) < SILENT_SECONDS
        is_first = name not in self._latest and not was_silent
        patience = asyncio.timeout(FIRST_FETCH_TIMEOUT_SECONDS if is_first else FETCH_TIMEOUT_SECONDS)
        try:
            async with patience, self._session.get(self._services[name], "/openapi.json") as response:
                response.raise_for_status()
                self._latest[name] = (self._clock(), orjson.loads(await response.read()))
        except (aiohttp.ClientError, OSError, TimeoutError, orjson.JSONDecodeError) as error:
            if is_first and patience.expired():
                self._silent[name] = self._clock()
            log.warning("a service's document cannot be had", upstream=name, error=type(error).__name__)


def served_at(prefix: str, document: Document) -> Document:
    """A document with the address where its paths begin, for who sees the gateway below this prefix."""
    return {**document, "servers": [{"url": prefix or "/", "description": "This gateway"}]}


def incomplete(document: Document, missing: Sequence[UpstreamName]) -> Document:
    """A document that says whose paths are not in it: to people, and to programs that make something from it."""
    note = f"**This document is incomplete**: {', '.join(missing)} could not be asked. Load it again."
    info = document["info"]
    described = {"description": f"{note}\n\n{info.get('description', '')}".rstrip(), "x-missing-services": [*missing]}
    return {**document, "info": {**info, **described}}


def published(name: UpstreamName, document: Document) -> Document:
    """A service's document as it is true through the gateway."""
    document = deepcopy(document)
    routes = {path: route_of_template(path) for path in document.get("paths", {})}
    routed = {path: route for path, route in routes.items() if route is not None and route.upstream == name}
    document["paths"] = {path: item for path, item in document.get("paths", {}).items() if path in routed}
    for path, item in document["paths"].items():
        for method, operation in operations(item).items():
            add_gateway_responses(operation, limited=routed[path].class_of(method.upper()) is not None)
            add_access(operation, routed[path].access_of(method.upper()))
    return document


def operations(item: Document) -> dict[str, Document]:
    """The operations of one path, by their methods."""
    return {method: operation for method, operation in item.items() if method in METHODS}


def add_gateway_responses(operation: Document, *, limited: bool) -> None:
    """What the gateway itself may answer, and the headers that it adds."""
    responses = operation.setdefault("responses", {})
    for status in (413, 502, 503, 504) if "requestBody" in operation else (502, 503, 504):
        responses.setdefault(str(status), problem_response(status))
    if not limited:
        return
    responses["429"] = problem_response(429)
    responses["429"]["headers"] = described({"Retry-After": "Seconds after which a retry is admitted"})
    for response in responses.values():
        response["headers"] = response.get("headers", {}) | described(RATE_LIMIT_HEADERS)


def add_access(operation: Document, access: Access) -> None:
    """Which rights are enough, and what becomes of keys without any of them; `{}`: no key is needed."""
    operation["x-rights"] = list(access.rights) or [Right.ADMIN.value]
    if access.openness < NEVER:
        operation["security"] = [{}, {bearer.scheme_name: []}]
    for status in (401, 403):
        operation["responses"].setdefault(str(status), problem_response(status))


def described(headers: Mapping[str, str]) -> Document:
    """Headers as OpenAPI describes them."""
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()}


def merged(own: Document, services: Mapping[UpstreamName, Document]) -> Document:
    """One document: the gateway's own paths, then each service's."""
    document = deepcopy(own)
    for name, service in services.items():
        named_apart = with_own_schema_names(name, service, taken=document["components"]["schemas"])
        document["paths"].update(named_apart["paths"])
        for kind, components in named_apart.get("components", {}).items():
            document["components"].setdefault(kind, {}).update(components)
    return document


def with_own_schema_names(name: UpstreamName, document: Document, taken: Mapping[str, Any]) -> Document:
    """Renames schemas whose name another service uses for something else."""
    schemas = document.get("components", {}).get("schemas", {})
    prefix = name.title().replace("-", "")
    new = {schema: prefix + schema for schema, body in schemas.items() if schema in taken and taken[schema] != body}
    if not new:
        return document
    document = with_references(document, {reference(schema): reference(new[schema]) for schema in new})
    schemas = document["components"]["schemas"]
    document["components"]["schemas"] = {new.get(schema, schema): body for schema, body in schemas.items()}
    return document


def reference(schema: str) -> str:
    """How documents refer to one of their schemas."""
    return f"#/components/schemas/{schema}"


def with_references(part: Any, new: Mapping[str, str]) -> Any:
    """A part of a document, with new references for old: each is a value of its own, of `$ref` or in a mapping."""
    if isinstance(part, dict):
        return {key: with_references(value, new) for key, value in part.items()}
    if isinstance(part, list):
        return [with_references(value, new) for value in part]
    return new.get(part, part) if isinstance(part, str) else part
