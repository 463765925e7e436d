"""How `/console` and its files are sent: kept by browsers, found nowhere else, in no caller's way."""

import gzip
import hashlib
import posixpath
import re
from pathlib import Path

import httpx
import pytest

from gateway.console import pages
from gateway_tests.conftest import StartGateway

MAX_BYTES = 300_000
"""Of all files together, uncompressed."""


LATER_PAGES = {"models", "rollouts", "playground", "record", "drift", "alerts", "analysis", "keys"}
"""What a first visit does not wait for."""

IMPORTED = re.compile(r"""(?:from |import\()"(\.[^"]+)\"""")


async def links_of(gateway: httpx.AsyncClient, page: str = "/console") -> list[str]:
    return re.findall(r'(?:src|href)="([^"#]+)"', (await gateway.get(page)).text)


async def script_of(gateway: httpx.AsyncClient) -> str:
    return next(link for link in await links_of(gateway) if link.endswith("/main.js"))


async def test_the_page_names_files_that_are_there_and_browsers_keep_them(gateway: httpx.AsyncClient) -> None:
    files = [link for link in await links_of(gateway) if link.startswith("/console")]
    names = {link.split("/", 3)[3] for link in files}
    assert {"main.js", "console.css", "pages/overview.js", "lib/chart.js", "vendor/uPlot.iife.min.js"} <= names
    assert not {name for page in LATER_PAGES for name in names if name.startswith(f"pages/{page}")}
    for path in files:
        answer = await gateway.get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        kind = answer.headers["content-type"].partition(";")[0]
        assert kind == pages.TEXT[Path(path).suffix]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_every_module_names_modules_that_are_there_and_the_first_picture_waits_for_no_second_round() -> None:
    contents = pages.read_files()
    imports = {
        name: {posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) for path in IMPORTED.findall(text)}
        for name, text in ((name, content.decode()) for name, content in contents.items() if name.endswith(".js"))
        if not name.startswith("vendor/")
    }
    assert set().union(*imports.values()) <= set(contents)
    first = pages.modules_before(pages.SCRIPT, contents)
    now = {one for one in imports[pages.SCRIPT] if one.removeprefix("pages/").removesuffix(".js") not in LATER_PAGES}
    assert now.union(*(imports[name] for name in first)) == set(first)


@pytest.mark.parametrize("path", ["/console", "/console/"])
async def test_the_page_itself_is_asked_for_each_time_and_sent_once(gateway: httpx.AsyncClient, path: str) -> None:
    first = await gateway.get(path)
    assert first.headers["cache-control"] == "no-cache"
    again = await gateway.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    other = await gateway.get(path, headers={"If-None-Match": 'W/"0123"'})
    assert other.status_code == 200


async def test_a_file_goes_out_compressed_to_those_who_can_read_that(gateway: httpx.AsyncClient) -> None:
    path = await script_of(gateway)
    plain = await gateway.get(path, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    for refused in ("gzip;q=0", "gzip; q=0.0", "br"):
        assert "content-encoding" not in (await gateway.get(path, headers={"Accept-Encoding": refused})).headers
    async with gateway.stream("GET", path, headers={"Accept-Encoding": "br, gzip;q=0.5"}) as compressed:
        raw = b"".join([part async for part in compressed.aiter_raw()])
    assert compressed.headers["content-encoding"] == "gzip"
    assert compressed.headers["vary"] == "Accept-Encoding"
    assert gzip.decompress(raw) == plain.content


async def test_head_says_what_get_would(gateway: httpx.AsyncClient) -> None:
    for path in ("/console", await script_of(gateway)):
        head, get = await gateway.head(path), await gateway.get(path)
        assert (head.status_code, head.content) == (200, b"")
        for name in ("etag", "content-length", "content-type", "cache-control", "content-security-policy"):
            assert head.headers[name] == get.headers[name]


async def test_the_files_of_another_release_are_ours_and_not_kept(gateway: httpx.AsyncClient) -> None:
    """While two releases run side by side, a browser may ask one of them for what the other has named."""
    path = await script_of(gateway)
    other = re.sub(r"/[0-9a-f]{16}/", "/0000000000000000/", path)
    assert other != path
    answer = await gateway.get(other)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "name",
    [
        "index.html",
        "nothing.js",
        "../pages.py",
        "..%2fpages.py",
        "%2e%2e/pages.py",
        "lib/../../pages.py",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "vendor/uPlot.LICENSE",
        "vendor/marked.LICENSE",
        "lib",
        "lib/",
        "",
        "main.js%00.css",
        "..\\pages.py",
    ],
)
async def test_nothing_else_is_there(gateway: httpx.AsyncClient, name: str) -> None:
    folder = (await script_of(gateway)).removesuffix("main.js")
    answer = await gateway.get(folder + name)
    assert answer.status_code in {400, 404}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_only_reading_is_possible(gateway: httpx.AsyncClient) -> None:
    for path in ("/console", await script_of(gateway)):
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            answer = await gateway.request(method, path)
            assert answer.status_code == 405
            assert answer.headers["allow"] == "GET, HEAD"


async def test_below_a_prefix_the_page_names_its_files_and_the_api_there(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(root_path="/team/ml")
    html = (await gateway.get("/team/ml/console")).text
    assert 'data-prefix="/team/ml"' in html
    assert all(link.startswith("/team/ml/") for link in await links_of(gateway, "/team/ml/console"))
    assert (await gateway.get(await script_of(gateway))).status_code == 200


async def test_the_policy_lets_nothing_in_and_no_text_become_markup(gateway: httpx.AsyncClient) -> None:
    headers = (await gateway.get("/console")).headers
    policy = headers["content-security-policy"]
    assert "unsafe" not in policy
    for part in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'",
                 "frame-ancestors 'none'", "require-trusted-types-for 'script'"):  # fmt: skip
        assert part in policy
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"


async def test_what_the_console_asks_for_by_itself_costs_a_caller_nothing(start_gateway: StartGateway) -> None:
    """Ten consoles behind one address, for as long as a window lasts, with a limit of one request."""
    gateway = await start_gateway(ingress_limits="1/60s")
    script = await script_of(gateway)
    body = {"time_window_minutes": 15}
    for _ in range(10):
        for path in ("/console", script, "/health", "/models", "/metrics/alerts", "/metrics/thresholds"):
            assert (await gateway.get(path)).status_code == 200
        for path in (
            "/metrics/timeseries",
            "/metrics/aggregated",
            "/metrics/drift",
            "/metrics/quality",
            "/metrics/calibration",
        ):
            assert (await gateway.post(path, json=body)).status_code == 200
    assert (await gateway.post("/predict", json={"text": "a"})).status_code == 200
    assert (await gateway.post("/predict", json={"text": "a"})).status_code == 429


def test_all_of_it_is_small() -> None:
    assert sum(map(len, pages.read_files().values())) < MAX_BYTES


def test_what_comes_from_others_is_as_they_made_it() -> None:
    vendor = pages.FILES / "vendor"
    noted = dict(re.findall(r"`([\w.]+)` \| `([0-9a-f]{64})`", (vendor / "README.md").read_text()))
    assert set(noted) == {path.name for path in vendor.iterdir()} - {"README.md", "uPlot.LICENSE", "marked.LICENSE"}
    for name, digest in noted.items():
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest
    assert "MIT" in (vendor / "uPlot.LICENSE").read_text()
    assert "Leon Sorokin" in (vendor / "uPlot.LICENSE").read_text()
    assert "MIT" in (vendor / "marked.LICENSE").read_text()


def test_no_script_of_ours_makes_markup_of_text() -> None:
    forbidden = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser")
    ours = {name: content.decode() for name, content in pages.read_files().items() if not name.startswith("vendor/")}
    assert len(ours) > 10
    assert [name for name, content in ours.items() if forbidden.search(content)] == []
