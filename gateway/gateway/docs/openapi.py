"""One OpenAPI document from four.

Each service describes itself at its own `/openapi.json`. What the gateway publishes is their union, cut down to the
paths that it routes, with what it adds on the way: the ingress limit and the errors of the proxy.
"""

import asyncio
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import aiohttp
import orjson
import structlog

from gateway.proxy.connections import UpstreamSession
from gateway.request.routing import UpstreamName, find_route
from shared.asyncio.clock import Clock
from shared.http.openapi import problem_response

FRESH_SECONDS = 15.0
"""How long a service's document is used before it is asked again; one that is away keeps its last one."""

FETCH_TIMEOUT_SECONDS = 2.0

RATE_LIMIT_HEADERS = {
    "RateLimit-Policy": 'The quota of each window, e.g. `"ingress";q=60;w=60`',
    "RateLimit": 'What is left (`r`) and in how many seconds there is more (`t`), e.g. `"ingress";r=59;t=60`',
    "X-RateLimit-Limit": "Requests per window, of the window nearest to its end",
    "X-RateLimit-Remaining": "Requests left in that window",
    "X-RateLimit-Reset": "Seconds until there is more",
    "X-RateLimit-Scope": "`local` while this gateway counts alone; absent otherwise",
}
METHODS = frozenset({"get", "put", "post", "delete", "patch", "head", "options"})

Document = dict[str, Any]
log = structlog.get_logger()


class ServiceDocuments:
    """The services' documents, fetched when needed. `clock` gives seconds."""

    def __init__(self, session: UpstreamSession, services: Mapping[UpstreamName, str], clock: Clock) -> None:
        self._session, self._services, self._clock = session, services, clock
        self._known: dict[UpstreamName, tuple[float, Document]] = {}

    async def all(self) -> dict[UpstreamName, Document]:
        """Every service's document, as published; a service never seen yet is left out."""
        await asyncio.gather(*(self._refresh(name) for name in self._services))
        return {name: published(name, self._known[name][1]) for name in self._services if name in self._known}

    async def _refresh(self, name: UpstreamName) -> None:
        fetched, _ = self._known.get(name, (float("-inf"), {}))
        if self._clock() - fetched < FRESH_SECONDS:
            return
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_SECONDS):
                async with self._session.client.get(self._services[name] + "/openapi.json") as response:
                    response.raise_for_status()
                    self._known[name] = (self._clock(), orjson.loads(await response.read()))
        except (aiohttp.ClientError, OSError, TimeoutError, orjson.JSONDecodeError) as error:
            log.warning("a service's document cannot be had", upstream=name, error=type(error).__name__)


def served_at(prefix: str, document: Document) -> Document:
    """A document with the address where its paths begin, for who sees the gateway below this prefix."""
    return {**document, "servers": [{"url": prefix or "/", "description": "This gateway"}]}


def published(name: UpstreamName, document: Document) -> Document:
    """A service's document as it is true through the gateway."""
    document = deepcopy(document)
    routes = {path: find_route(path.replace("{", "").replace("}", "")) for path in document.get("paths", {})}
    document["paths"] = {
        path: item
        for path, item in document.get("paths", {}).items()
        if (route := routes[path]) is not None and route.upstream == name
    }
    for path, item in document["paths"].items():
        route = routes[path]
        for operation in operations(item):
            add_gateway_answers(operation, limited=route is not None and route.limited)
    return document


def operations(item: Document) -> list[Document]:
    """The operations of one path."""
    return [operation for method, operation in item.items() if method in METHODS]


def add_gateway_answers(operation: Document, *, limited: bool) -> None:
    """What the gateway itself may answer, and the headers that it adds."""
    answers = operation.setdefault("responses", {})
    for status in (413, 502, 503, 504) if "requestBody" in operation else (502, 503, 504):
        answers.setdefault(str(status), problem_response(status))
    if not limited:
        return
    answers["429"] = problem_response(429)
    answers["429"]["headers"] = described({"Retry-After": "Seconds after which a retry is admitted"})
    for answer in answers.values():
        answer["headers"] = answer.get("headers", {}) | described(RATE_LIMIT_HEADERS)


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
    clashes = [schema for schema, body in schemas.items() if schema in taken and taken[schema] != body]
    text = orjson.dumps(document).decode()
    for schema in clashes:
        renamed = f"{name.title().replace('-', '')}{schema}"
        text = text.replace(f'"#/components/schemas/{schema}"', f'"#/components/schemas/{renamed}"')
    document = orjson.loads(text)
    for schema in clashes:
        renamed = f"{name.title().replace('-', '')}{schema}"
        document["components"]["schemas"][renamed] = document["components"]["schemas"].pop(schema)
    return document
