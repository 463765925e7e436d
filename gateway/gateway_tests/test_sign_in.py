"""deploy/sign-in: people sign in before they reach the gateway, programs show keys, and nobody can say who they are.

Its files are read as Traefik and Compose read them. Traefik and oauth2-proxy are small servers here that speak the
protocol between the two (ForwardAuth): what is tried is what the files say, and the gateway.
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import yaml
from aiohttp import ClientSession, web
from multidict import CIMultiDict

from gateway_tests.conftest import StartGateway, UpstreamServer
from gateway_tests.keys import bearer, make
from shared.embedded.ports import free_ports
from shared.testing.admin import ADMIN

REPOSITORY = Path(__file__).parent.parent.parent
COMPOSE, OVERLAY = REPOSITORY / "docker-compose.yml", REPOSITORY / "deploy/sign-in/compose.yml"
EDGE, USUAL_EDGE = REPOSITORY / "deploy/sign-in/edge.yml", REPOSITORY / "deploy/traefik/edge.yml"

HEADER = "X-Auth-Request-Email"
COOKIE = "_oauth2_proxy"
CONDITION = re.compile(r"^\{\{.*\}\}$", re.MULTILINE)
MATCHER = re.compile(r"(PathPrefix|HeaderRegexp)\(`([^`]*)`(?:, `([^`]*)`)?\)")


def read(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(CONDITION.sub("", path.read_text()))
    return loaded


class Router(NamedTuple):
    """A way through Traefik."""

    entry: str
    rule: str
    priority: int
    middlewares: list[str]
    service: str

    def fits(self, request: web.Request) -> bool:
        """Whether a request goes this way."""
        return any(
            request.path.startswith(what) if kind == "PathPrefix" else re.search(form, request.headers.get(what, ""))
            for kind, what, form in MATCHER.findall(self.rule)
        )


def routers() -> list[Router]:
    """All ways, of the file and of the gateway's labels."""
    found = [
        Router(entry, one["rule"], one["priority"], one["middlewares"], one["service"])
        for one in read(EDGE)["http"]["routers"].values()
        for entry in one["entryPoints"]
    ]
    labels: dict[str, str] = {}
    for path in (COMPOSE, OVERLAY):
        labels |= read(path)["services"]["gateway"]["labels"]
    beginning = "traefik.http.routers."
    for name in sorted({key.split(".")[3] for key in labels if key.startswith(beginning)}):
        own = {key.split(".")[4]: value for key, value in labels.items() if key.startswith(f"{beginning}{name}.")}
        middlewares = [one.removesuffix("@file") for one in own["middlewares"].split(",")]
        priority = int(own.get("priority", len(own["rule"])))
        found.append(Router(own["entrypoints"], own["rule"], priority, middlewares, "gateway"))
    return found


@dataclass
class Oauth2Proxy:
    """Plays oauth2-proxy: whoever has its cookie is signed in, everybody else is sent to the sign-in."""

    signed_in: dict[str, str] = field(default_factory=lambda: {"a": "alice@example.org", "b": "bo@example.com"})

    async def handle(self, request: web.Request) -> web.Response:
        if request.path.startswith("/oauth2/"):
            return web.Response(text="sign in here")
        identity = self.signed_in.get(request.cookies.get(COOKIE, ""))
        if identity is None:
            return web.Response(status=302, headers={"Location": "/oauth2/start"})
        return web.Response(status=202, headers={HEADER: identity})


@dataclass
class Traefik:
    """Plays the edge, by its files. `addresses`: of services by their names there."""

    addresses: Mapping[str, str]
    client: ClientSession

    async def handle(self, request: web.Request) -> web.Response:
        way = max((one for one in routers() if one.entry == "web" and one.fits(request)), key=lambda one: one.priority)
        headers = CIMultiDict(request.headers)
        headers["X-Forwarded-For"] = "198.51.100.7"
        for name in way.middlewares:
            middleware = read(EDGE)["http"]["middlewares"][name]
            if "forwardAuth" in middleware and (refusal := await self._ask(middleware["forwardAuth"], headers)):
                return refusal
            for header, value in middleware.get("headers", {}).get("customRequestHeaders", {}).items():
                headers.popall(header, None)
                if value:
                    headers[header] = value
        url = self.addresses[way.service] + request.path_qs
        body = await request.read()
        async with self.client.request(request.method, url, headers=headers, data=body, allow_redirects=False) as said:
            return web.Response(status=said.status, body=await said.read(), content_type=said.content_type)

    async def _ask(self, settings: Mapping[str, Any], headers: CIMultiDict[str]) -> web.Response | None:
        """Any 2xx lets a request go on, with these headers as the response has them; all else is for the client."""
        address = settings["address"].replace("http://oauth2-proxy:4180", self.addresses["oauth2-proxy"])
        asked = {name: value for name, value in headers.items() if name.lower() not in ("content-length", "host")}
        async with self.client.get(address, headers=asked, allow_redirects=False) as said:
            if said.status // 100 != 2:
                return web.Response(status=said.status, headers={"Location": said.headers["Location"]})
            for name in settings["authResponseHeaders"]:
                headers.popall(name, None)
                if name in said.headers:
                    headers[name] = said.headers[name]
            return None


class SignIn(NamedTuple):
    """The way through the edge, and past it for who makes keys."""

    edge: httpx.AsyncClient
    gateway: httpx.AsyncClient


@pytest.fixture
async def sign_in(start_gateway: StartGateway) -> AsyncIterator[SignIn]:
    told = read(OVERLAY)["services"]["gateway"]["environment"]
    assert told["ANONYMOUS"] == "${ANONYMOUS:-deny}"
    gateway = await start_gateway(
        anonymous="deny", identity_header=told["IDENTITY_HEADER"], identity_keys="alice@example.org=analysts"
    )
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(ClientSession(auto_decompress=False))
        proxy = await stack.enter_async_context(served(Oauth2Proxy().handle))
        base = str(gateway.base_url).rstrip("/")
        addresses = {"gateway": base, "gateway-starting": base, "oauth2-proxy": proxy}
        edge = await stack.enter_async_context(served(Traefik(addresses, client).handle))
        yield SignIn(await stack.enter_async_context(httpx.AsyncClient(base_url=edge, timeout=20)), gateway)


class served:  # noqa: N801 -- used as a function
    """A server of aiohttp; gives its address."""

    def __init__(self, handler: Any) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)

    async def __aenter__(self) -> str:
        port = next(free_ports())
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        return f"http://127.0.0.1:{port}"

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


def with_session(who: str, **more: str) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={who}", **more}


async def test_a_person_signs_in_and_has_the_rights_of_a_key(sign_in: SignIn, upstream: UpstreamServer) -> None:
    edge, gateway = sign_in
    key = await make(gateway, "analysts", "read")
    stranger = await edge.get("/metrics/count")
    assert (stranger.status_code, stranger.headers["Location"]) == (302, "/oauth2/start")
    assert (await edge.get("/oauth2/start")).text == "sign in here"
    assert (await edge.get("/metrics/count", headers=with_session("a"))).status_code == 200
    (request, _) = upstream.requests[-1]
    assert request.headers["X-Key-Holder"].startswith(key["key_id"])
    assert (await edge.post("/predict", headers=with_session("a"))).status_code == 403
    assert (await edge.get("/metrics/count", headers=with_session("b"))).status_code == 401  # signed in, in no table


async def test_who_says_who_they_are_is_not_believed(sign_in: SignIn) -> None:
    edge, gateway = sign_in
    await make(gateway, "analysts", "read")
    said = {HEADER: "alice@example.org"}
    assert (await edge.get("/metrics/count", headers=said)).status_code == 302
    assert (await edge.get("/metrics/count", headers=with_session("b", **said))).status_code == 401
    for way in ({"X-API-Key": "msk_no-key"}, bearer("msk_no-key")):
        assert (await edge.get("/metrics/count", headers=said | way)).status_code == 401
    for no_way in ({"X-API-Key": "x msk_"}, {"Authorization": "msk_"}, {"X-API-Key": "other"}, ADMIN):
        assert (await edge.get("/metrics/count", headers=said | no_way)).status_code == 302


async def test_a_program_with_a_key_goes_past_the_sign_in(sign_in: SignIn, upstream: UpstreamServer) -> None:
    edge, gateway = sign_in
    key = (await make(gateway, "a program", "predict"))["key"]
    for way in ({"X-API-Key": key}, bearer(key), {"Authorization": f"bearer {key}"}):
        assert (await edge.post("/predict", headers=way | {HEADER: "alice@example.org"})).status_code == 200
        assert HEADER not in upstream.requests[-1][0].headers


def test_each_way_to_the_gateway_has_a_sign_in_or_takes_the_name_away() -> None:
    http = read(EDGE)["http"]
    assert http["middlewares"]["sign-in"]["forwardAuth"]["authResponseHeaders"] == [HEADER]
    assert http["middlewares"]["no-identity"]["headers"]["customRequestHeaders"] == {HEADER: ""}
    for way in routers():
        if way.service != "oauth2-proxy":
            assert len({"sign-in", "no-identity"} & set(way.middlewares)) == 1, way
    by_entry = {entry: sorted(way[1:] for way in routers() if way.entry == entry) for entry in ("web", "websecure")}
    assert by_entry["web"] == by_entry["websecure"]


def test_the_edge_is_otherwise_the_usual_one() -> None:
    """What the usual file says stands here as well, but for the sign-in before the gateway."""
    ours, usual = read(EDGE), read(USUAL_EDGE)
    for kind in ("middlewares", "services"):
        assert usual["http"][kind].items() <= ours["http"][kind].items()
    for name, router in usual["http"]["routers"].items():
        mine = dict(ours["http"]["routers"][name])
        mine["middlewares"] = [one for one in mine["middlewares"] if one != "sign-in"]
        assert mine == router
    assert ours["tls"] == usual["tls"]


def test_oauth2_proxy_has_no_rights_and_reaches_the_edge_alone() -> None:
    overlay = read(OVERLAY)
    proxy, networks = overlay["services"]["oauth2-proxy"], overlay["networks"]
    assert (proxy["read_only"], proxy["cap_drop"], "ports" in proxy) == (True, ["ALL"], False)
    assert proxy["user"].split(":")[0] not in {"0", "root"}
    assert {name for name, network in networks.items() if network.get("internal")} == {"sign-in"}
    assert set(proxy["networks"]) == set(networks)
    assert overlay["services"]["edge"]["networks"] == ["sign-in"]
