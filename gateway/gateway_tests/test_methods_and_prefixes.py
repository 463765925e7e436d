"""HEAD wherever GET, OPTIONS with Allow; and everything below a prefix, when a proxy serves it there."""

import httpx
import pytest

from gateway_tests.conftest import StartGateway


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/health",
        "/health/live",
        "/health/ready",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/docs/assets/swagger-ui.css",
        "/models",
    ],
)
async def test_head_says_what_get_says_without_its_content(gateway: httpx.AsyncClient, path: str) -> None:
    got, headed = await gateway.get(path), await gateway.head(path)
    assert (got.status_code, headed.status_code) == (200, 200)
    assert headed.content == b""
    assert headed.headers["content-type"] == got.headers["content-type"]
    assert (await gateway.get(path)).status_code == 200  # the connection goes on


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", "GET, HEAD, OPTIONS"),
        ("/health", "GET, HEAD, OPTIONS"),
        ("/docs/assets/swagger-ui.css", "GET, HEAD, OPTIONS"),
    ],
)
async def test_options_says_what_a_path_takes(gateway: httpx.AsyncClient, path: str, allowed: str) -> None:
    answer = await gateway.options(path)
    assert (answer.status_code, answer.headers["allow"]) == (204, allowed)
    assert (await gateway.post(path)).headers["allow"] == allowed.removesuffix(", OPTIONS")


async def test_options_of_nothing_is_a_404_and_of_the_server_says_all(gateway: httpx.AsyncClient) -> None:
    assert (await gateway.options("/nowhere")).status_code == 404
    answer = await gateway.request("OPTIONS", "/", extensions={"target": b"*"})
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS")


async def links(gateway: httpx.AsyncClient, path: str = "/", **headers: str) -> set[str]:
    """What stands before each link, and before the document's paths."""
    home = (await gateway.get(path, headers=headers)).json()
    document = (await gateway.get(path.rstrip("/") + "/openapi.json", headers=headers)).json()
    return {link.removesuffix("/docs") for link in (home["links"]["docs"],)} | {
        document["servers"][0]["url"].rstrip("/")
    }


async def test_a_trusted_proxy_says_below_which_prefix_it_serves(gateway: httpx.AsyncClient) -> None:
    assert await links(gateway) == {""}
    assert await links(gateway, **{"X-Forwarded-Prefix": "/ml"}) == {"/ml"}
    assert await links(gateway, **{"X-Forwarded-Prefix": "/team/ml/"}) == {"/team/ml"}


@pytest.mark.parametrize(
    "prefix", ['/"><script>', "//evil.example", "/a/../b", "evil", "/a?b", "/" + "a" * 300, "/%2e", "/\xe4"]
)
async def test_what_is_no_prefix_is_not_believed(gateway: httpx.AsyncClient, prefix: str) -> None:
    answer = await gateway.get("/", headers=[(b"X-Forwarded-Prefix", prefix.encode("latin-1"))])
    assert answer.json()["links"]["docs"] == "/docs"


async def test_nobody_else_says_so(start_gateway: StartGateway) -> None:
    assert await links(await start_gateway(trusted_proxies=""), **{"X-Forwarded-Prefix": "/ml"}) == {""}


async def test_root_path_says_so_for_good_whether_the_proxy_takes_it_off_or_not(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(root_path="/ml/")
    assert await links(gateway) == {"/ml"}
    assert await links(gateway, "/ml/") == {"/ml"}
    assert (await gateway.get("/ml/models?a=b")).json()["path"] == "/models?a=b"
    assert (await gateway.get("/ml")).json()["links"]["docs"] == "/ml/docs"
    assert (await gateway.get("/mlmodels")).status_code == 404
    answer = await gateway.post("/ml/predict", json={})
    assert answer.headers["ratelimit-policy"]  # limited as ever


@pytest.mark.parametrize(
    ("range_", "status"),
    [("bytes=99999999-", 416), ("bytes=5-2", 400), ("pages=1-2", 400), ("bytes=x-y", 400), ("bytes=0-3", 206)],
)
async def test_a_range_that_is_none_is_a_problem(gateway: httpx.AsyncClient, range_: str, status: int) -> None:
    for path in ("/docs/assets/swagger-ui.css", "/docs/page/docs.js"):
        answer = await gateway.get(path, headers={"Range": range_})
        assert answer.status_code == status
        if status == 206:
            assert len(answer.content) == 4
            continue
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert (problem["status"], problem["request_id"]) == (status, answer.headers["x-request-id"])
        assert problem["instance"] == path
        if status == 416:
            assert answer.headers["content-range"].startswith("bytes */")
