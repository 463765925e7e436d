"""Pages of other origins: those of CORS_ORIGINS may ask and read, others neither."""

import httpx
import pytest
from pydantic import ValidationError

from gateway.request.origins import Origins, pattern_of
from gateway.settings import Settings
from gateway_tests.conftest import StartGateway, UpstreamServer
from gateway_tests.keys import bearer, make

APP = "https://app.example"


def from_page(origin: str = APP) -> dict[str, str]:
    return {"Origin": origin, "Sec-Fetch-Site": "cross-site"}


def preflight(origin: str = APP, method: str = "POST", headers: str = "authorization,content-type") -> dict[str, str]:
    return from_page(origin) | {
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }


@pytest.fixture
async def open_gateway(start_gateway: StartGateway) -> httpx.AsyncClient:
    return await start_gateway(cors_origins=f"{APP}, https://*.example.org", ingress_limits="2/60s")


async def test_a_page_asks_reads_and_learns_its_limits(
    open_gateway: httpx.AsyncClient, upstream: UpstreamServer
) -> None:
    for expected in (200, 200, 429):
        response = await open_gateway.post("/predict", json={}, headers=from_page())
        assert response.status_code == expected
        assert response.headers.get_list("access-control-allow-origin") == [APP]
        exposed = response.headers["access-control-expose-headers"].lower().split(", ")
        assert {"ratelimit", "ratelimit-policy", "retry-after", "x-request-id"} <= set(exposed)
        assert "origin" in response.headers["vary"].lower()
        assert "access-control-allow-credentials" not in response.headers
    assert len(upstream.requests) == 2


async def test_preflights_are_answered_here_and_count_for_nobody(
    open_gateway: httpx.AsyncClient, upstream: UpstreamServer
) -> None:
    for method, path in (("POST", "/predict"), ("DELETE", "/keys/x"), ("GET", "/predictions"), ("PATCH", "/nowhere")):
        for _ in range(5):
            told = await open_gateway.options(path, headers=preflight(method=method))
            assert (told.status_code, told.content) == (204, b"")
            assert told.headers["access-control-allow-origin"] == APP
            assert method in told.headers["access-control-allow-methods"].split(", ")
            assert told.headers["access-control-allow-headers"] == "authorization,content-type"
            assert int(told.headers["access-control-max-age"]) > 0
            assert told.headers["x-request-id"]
    assert upstream.requests == []
    statuses = [(await open_gateway.post("/predict", headers=from_page())).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://app.example", "https://example.org", "https://app.example.evil", "null"]
)
async def test_other_pages_are_refused_as_ever(
    open_gateway: httpx.AsyncClient, upstream: UpstreamServer, origin: str
) -> None:
    refused = await open_gateway.post("/predict", json={}, headers=from_page(origin))
    assert refused.status_code == 403
    told = await open_gateway.options("/predict", headers=preflight(origin))
    for response in (refused, told, await open_gateway.get("/models", headers=from_page(origin))):
        assert "access-control-allow-origin" not in response.headers
        assert "origin" in response.headers["vary"].lower()
    assert not [request for request, _ in upstream.requests if request.method == "POST"]


async def test_a_page_can_read_why_its_key_was_refused(open_gateway: httpx.AsyncClient) -> None:
    made = await make(open_gateway, "page", "predict")
    for key, path, expected in (
        (made["key"], "/predict", 200),
        (made["key"], "/feedback", 403),
        ("msk_x", "/predict", 401),
    ):
        response = await open_gateway.post(path, json={}, headers=from_page("https://a.b.example.org") | bearer(key))
        assert response.status_code == expected
        assert response.headers["access-control-allow-origin"] == "https://a.b.example.org"


async def test_where_nobody_goes_without_a_key_a_preflight_needs_none(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(cors_origins=APP, anonymous="deny")
    assert (await gateway.options("/predict", headers=preflight())).status_code == 204
    assert (await gateway.options("/predict")).status_code == 401


async def test_credentials_only_if_told(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(cors_origins=APP, cors_credentials=True)
    for response in (
        await gateway.options("/predict", headers=preflight()),
        await gateway.post("/predict", headers=from_page()),
    ):
        assert response.headers["access-control-allow-credentials"] == "true"
    with pytest.raises(ValidationError, match="CORS_CREDENTIALS"):
        await start_gateway(cors_origins=f"{APP},*", cors_credentials=True)


async def test_without_origins_nothing_is_said(gateway: httpx.AsyncClient) -> None:
    response = await gateway.get("/models", headers=from_page())
    assert not [name for name in response.headers if name.startswith("access-control") or name == "vary"]


@pytest.mark.parametrize("headers", ["x-a\u00e9", "x" * 1025, ""])
async def test_header_names_that_make_no_sense_are_not_repeated(open_gateway: httpx.AsyncClient, headers: str) -> None:
    asked = {name: value.encode() for name, value in preflight(headers=headers).items()}
    told = await open_gateway.options("/predict", headers=asked)
    assert told.status_code == 204
    assert "access-control-allow-headers" not in told.headers


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        ("https://app.example", ["https://app.example", "HTTPS://APP.example"], ["https://app.example:8443"]),
        ("https://*.example.org", ["https://a.example.org", "https://a.b.example.org"], [
            "https://example.org", "https://evilexample.org", "https://a.example.org.evil", "http://a.example.org",
            "https://evil/.example.org", "https://evil?.example.org", "https://.example.org", "https://a.example.org:1",
        ]),
        ("http://localhost:*", ["http://localhost", "http://localhost:3000"], [
            "http://localhost:", "http://localhost:x", "http://localhost:1.evil", "http://localhosts:1",
        ]),
        ("*", ["https://whoever.example", "null"], []),
    ],
)  # fmt: skip
def test_what_a_pattern_means(pattern: str, fits: list[str], fits_not: list[str]) -> None:
    origins = Origins(frozenset(), (pattern_of(pattern),))
    assert all(origin.encode() in origins for origin in fits)
    assert not any(origin.encode() in origins for origin in fits_not)


def test_a_wrong_origin_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("app.example", "https://*", "https://a.*.example", "https://app.example/"):
        with pytest.raises(ValidationError, match="is no origin"):
            Settings.model_validate({"database_url": "postgresql://a:b@127.0.0.1/c", "cors_origins": wrong})
