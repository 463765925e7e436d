"""CORS_ORIGINS in a real browser: a page of a named origin asks with a key and reads; any other page does not.

A header such as Authorization makes the browser ask before (preflight), whatever the page wants.
"""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page

from shared.testing.admin import ADMIN
from tests.stack import LocalStack

ASK = """async ([url, header, value]) => {
    const headers = { [header]: value, "Content-Type": "application/json" };
    const read = ["RateLimit", "RateLimit-Policy", "X-RateLimit-Remaining", "Retry-After", "X-Request-ID"];
    try {
        const response = await fetch(`${url}/predict`, { method: "POST", headers, body: '{"text": "A fine day."}' });
        const told = Object.fromEntries(read.map((name) => [name, response.headers.get(name)]));
        return { status: response.status, body: await response.json(), ...told };
    } catch (error) {
        return { error: error.message };
    }
}"""

READ = """async (url) => {
    try {
        return (await fetch(`${url}/models`)).status;
    } catch (error) {
        return error.message;
    }
}"""


class Empty(BaseHTTPRequestHandler):
    """A page of somebody's."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Somebody's</title>")

    def log_message(self, *words: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Of a site that has two names, so two origins: of localhost, which CORS_ORIGINS names, and of 127.0.0.1."""
    server = HTTPServer(("127.0.0.1", 0), Empty)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def key(client: httpx.Client) -> Iterator[str]:
    """A page's: for predictions, two of them."""
    body = {"name": "a page", "rights": ["predict"], "limits": "2/h"}
    made = client.post("/keys", json=body, headers=ADMIN).raise_for_status().json()
    yield made["key"]
    client.delete(f"/keys/{made['key_id']}", headers=ADMIN).raise_for_status()


def ask(page: Page, stack: LocalStack, header: str, value: str) -> dict[str, Any]:
    said: dict[str, Any] = page.evaluate(ASK, [stack.url, header, value])
    return said


def test_a_page_of_a_named_origin_asks_with_its_key_and_reads_what_is_left(
    page: Page, stack: LocalStack, port: int, key: str
) -> None:
    page.goto(f"http://localhost:{port}/")
    first = ask(page, stack, "Authorization", f"Bearer {key}")
    assert (first["status"], first["body"]["prediction_label"] is not None) == (200, True)
    assert first["X-RateLimit-Remaining"] == "1"  # the browser's question before counts for nobody
    assert "r=1" in first["RateLimit"]
    assert "q=2;w=3600" in first["RateLimit-Policy"]
    assert first["X-Request-ID"]
    assert ask(page, stack, "X-API-Key", key)["status"] == 200
    refused = ask(page, stack, "X-API-Key", key)
    assert (refused["status"], refused["body"]["status"]) == (429, 429)
    assert int(refused["Retry-After"]) > 0
    wrong = ask(page, stack, "X-API-Key", "msk_" + 43 * "x")
    assert (wrong["status"], wrong["body"]["title"]) == (401, "Unauthorized")
    assert page.evaluate(READ, stack.url) == 200


def test_a_page_of_another_origin_reads_nothing_and_uses_nothing_up(
    page: Page, stack: LocalStack, port: int, key: str
) -> None:
    page.goto(f"http://127.0.0.1:{port}/")
    for header, value in (("Authorization", f"Bearer {key}"), ("X-API-Key", key)):
        assert ask(page, stack, header, value) == {"error": "Failed to fetch"}
    assert page.evaluate(READ, stack.url) == "Failed to fetch"
    page.goto(f"http://localhost:{port}/")
    assert ask(page, stack, "X-API-Key", key)["X-RateLimit-Remaining"] == "1"
