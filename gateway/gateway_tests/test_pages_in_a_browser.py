"""`/docs` and `/redoc` work in a real Chromium under their Content-Security-Policy, at the root and below a prefix."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from aiohttp import ClientSession, web
from prometheus_client import REGISTRY

from gateway_tests.conftest import StartGateway, UpstreamServer
from shared.embedded.ports import free_ports
from shared.testing.debian import debian_program

LOGO = "https://cdn.redoc.ly/redoc/logo-mini.svg"
"""Redoc would fetch its maker's logo from the internet. Its page does without."""


async def rendered(url: str, profile: Path, *, strict: bool = True) -> str:
    """The page once its scripts have run; `strict`: fails on errors of scripts and on what its policy has forbidden."""
    chromium = debian_program("chromium", "chromium")
    process = await asyncio.create_subprocess_exec(
        chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        f"--user-data-dir={profile}",
        "--virtual-time-budget=20000", "--enable-logging=stderr", "--v=0", "--dump-dom", url,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    page, log = await asyncio.wait_for(process.communicate(), 60)
    console = [line for line in log.decode(errors="replace").splitlines() if "CONSOLE" in line and LOGO not in line]
    if strict:
        assert not [line for line in console if "Content Security Policy" in line or "Error" in line], console
    return page.decode()


@pytest.fixture
async def stripping_proxy(start_gateway: StartGateway) -> AsyncIterator[str]:
    """A proxy that serves the gateway below /team/ml, and says so."""
    gateway = await start_gateway()
    port = next(free_ports())

    async def forward(request: web.Request) -> web.Response:
        headers = {"X-Forwarded-Prefix": "/team/ml", "X-Forwarded-Host": request.host}
        async with ClientSession() as session:
            url = f"{str(gateway.base_url).rstrip('/')}{request.path_qs.removeprefix('/team/ml')}"
            async with session.get(url, headers=headers) as answer:
                kept = {
                    name: value
                    for name, value in answer.headers.items()
                    if name.lower() not in ("content-length", "connection")
                }
                return web.Response(body=await answer.read(), status=answer.status, headers=kept)

    app = web.Application()
    app.router.add_get("/team/ml/{path:.*}", forward)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://127.0.0.1:{port}/team/ml"
    await runner.cleanup()


async def test_the_pages_show_every_operation(gateway: httpx.AsyncClient, tmp_path: Path) -> None:
    base = str(gateway.base_url).rstrip("/")
    assert "/health" in await rendered(f"{base}/docs", tmp_path / "docs")
    assert "Every service, Postgres" in await rendered(f"{base}/redoc", tmp_path / "redoc")


async def test_the_pages_work_below_a_prefix(stripping_proxy: str, tmp_path: Path) -> None:
    page = await rendered(f"{stripping_proxy}/docs", tmp_path / "docs")
    assert "/health" in page
    assert "/team/ml" in page  # where "Try it out" sends its requests
    assert "Every service, Postgres" in await rendered(f"{stripping_proxy}/redoc", tmp_path / "redoc")


async def test_the_pages_say_what_they_may_load_and_that_nobody_frames_them(gateway: httpx.AsyncClient) -> None:
    for path in ("/docs", "/redoc"):
        headers = (await gateway.get(path)).headers
        policy = headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
    assert (await gateway.get("/docs/assets/swagger-ui-bundle.js")).headers["x-content-type-options"] == "nosniff"


ATTEMPTS = """
<form id=form method=post enctype=text/plain action="TARGET/predict" target=frame>
  <input name='{"text":"a","x":"' value='"}'>
</form>
<iframe name=frame></iframe>
<script>
  fetch("TARGET/v2/repository/models/sentiment/unload", {method: "POST", mode: "no-cors"}).catch(() => 0);
  fetch("TARGET/metrics/thresholds", {method: "PUT", body: "{}"}).catch(() => 0);
  navigator.sendBeacon("TARGET/predict", "{}");
  document.getElementById("form").submit();
</script>
"""


async def test_a_page_of_another_origin_changes_nothing(
    gateway: httpx.AsyncClient, upstream: UpstreamServer, tmp_path: Path
) -> None:
    """As a browser really sends it. That it has sent it shows in the numbers of refusals."""
    labels = {"method": "POST", "status": "403"}
    routes = ("/v2/{path}", "/predict", "unmatched")

    def refused() -> float:
        return sum(REGISTRY.get_sample_value("http_requests_total", {**labels, "route": r}) or 0 for r in routes)

    before = refused()
    page = tmp_path / "evil.html"
    page.write_text(ATTEMPTS.replace("TARGET", str(gateway.base_url).rstrip("/")))
    await rendered(page.as_uri(), tmp_path / "profile", strict=False)
    assert refused() - before >= 2
    assert {request.method for request, _ in upstream.requests} <= {"GET", "OPTIONS"}
