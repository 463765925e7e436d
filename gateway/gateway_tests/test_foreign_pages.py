"""State is never changed by what a web page of another origin can send; programs and our own pages are served."""

import httpx
import pytest

from gateway_tests.conftest import StartGateway, UpstreamServer

JSON = {"Content-Type": "application/json"}
UNLOAD = "/v2/repository/models/sentiment/unload"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example", "Content-Type": "text/plain"},
        {"Sec-Fetch-Site": "cross-site"},  # navigation by a form, in some browsers
        {"Sec-Fetch-Site": "same-site", "Origin": "http://other.localhost", **JSON},
        {"Sec-Fetch-Site": "something-new", **JSON},
        {"Origin": "https://evil.example", **JSON},  # a browser without Sec-Fetch-Site
        {"Origin": "null", **JSON},  # a sandboxed frame, a file, a redirect
        {"Origin": "http://127.0.0.1:1", **JSON},  # another port is another origin
        {"Origin": "http://127.0.0.1.evil.example", **JSON},
        {"Origin": "", **JSON},
        {"Origin": "ftp://127.0.0.1", **JSON},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", UNLOAD), ("POST", "/predict"), ("PUT", "/metrics/thresholds"), ("DELETE", "/analyze/cache")],
)
async def test_what_a_foreign_page_sends_is_refused(
    gateway: httpx.AsyncClient, upstream: UpstreamServer, headers: dict[str, str], method: str, path: str
) -> None:
    answer = await gateway.request(method, path, headers=headers, content=b"{}")
    assert answer.status_code == 403
    assert answer.json()["instance"] == path
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert upstream.requests == []


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "TEXT/PLAIN",
    ],
)
async def test_bodies_that_any_form_can_send_are_refused(
    gateway: httpx.AsyncClient, upstream: UpstreamServer, kind: str
) -> None:
    answer = await gateway.post("/predict", content=b'{"text": "A fine day."}', headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert "application/json" in answer.json()["detail"]
    assert upstream.requests == []


async def test_our_own_pages_and_programs_are_served(gateway: httpx.AsyncClient, upstream: UpstreamServer) -> None:
    own = str(gateway.base_url).rstrip("/")
    for headers in (
        {},  # curl, and every client library
        {"Sec-Fetch-Site": "same-origin", "Origin": own, **JSON},
        {"Sec-Fetch-Site": "none", **JSON},
        {"Origin": own, **JSON},
        {"Content-Type": "application/octet-stream"},  # tritonclient
    ):
        answer = await gateway.post(UNLOAD, headers=headers)
        assert answer.status_code == 200, headers
    assert len(upstream.requests) == 5


async def test_the_services_never_see_what_was_judged_here(
    gateway: httpx.AsyncClient, upstream: UpstreamServer
) -> None:
    await gateway.post(UNLOAD, headers={"Sec-Fetch-Site": "same-origin", "Origin": str(gateway.base_url).rstrip("/")})
    ((request, _),) = upstream.requests
    assert "Origin" not in request.headers
    assert "Sec-Fetch-Site" not in request.headers


async def test_reading_is_free_for_all(gateway: httpx.AsyncClient) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    for method in ("GET", "HEAD", "OPTIONS"):
        assert (await gateway.request(method, "/models", headers=headers)).status_code == 200


async def test_behind_a_trusted_proxy_the_name_that_the_browser_knows_counts(gateway: httpx.AsyncClient) -> None:
    headers = {"Origin": "https://models.example", **JSON}
    assert (await gateway.post(UNLOAD, headers=headers)).status_code == 403
    for host in ("models.example", "models.example:443", "MODELS.example"):
        assert (await gateway.post(UNLOAD, headers={**headers, "X-Forwarded-Host": host})).status_code == 200


async def test_nobody_else_can_say_what_the_browser_knows(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(trusted_proxies="")
    headers = {"Origin": "https://evil.example", "X-Forwarded-Host": "evil.example", **JSON}
    assert (await gateway.post(UNLOAD, headers=headers)).status_code == 403


async def test_further_origins_may_be_allowed(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(allowed_origins="https://console.example, http://localhost:3000")
    for origin, status in (
        ("https://console.example", 200),
        ("http://localhost:3000", 200),
        ("http://localhost:3001", 403),
    ):
        headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site", **JSON}
        assert (await gateway.post(UNLOAD, headers=headers)).status_code == status
