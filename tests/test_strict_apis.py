"""Every endpoint of every service reads what it is sent in the same strict way."""

from collections.abc import Iterator

import httpx
import pytest

from gateway.request.access import ADMIN, of_own_path
from gateway.request.routing import find_route

METHODS = ("get", "post", "put", "patch", "delete")
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def operations(client: httpx.Client) -> list[tuple[str, str, bool]]:
    """Method, path and whether there is a body; of all that is documented, but for the protocol of others."""
    return list(documented(client.get("/openapi.json").json()))


def documented(document: dict) -> Iterator[tuple[str, str, bool]]:
    for path, item in document["paths"].items():
        if not path.startswith("/v2"):
            for method in METHODS:
                if method in item:
                    yield method.upper(), path.replace("{", "").replace("}", ""), "requestBody" in item[method]


def locations(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 422, (answer.request.method, answer.request.url, answer.text)
    return [error["location"] for error in answer.json()["errors"]]


def test_no_endpoint_ignores_a_parameter_that_it_does_not_know(
    client: httpx.Client, operations: list[tuple[str, str, bool]], new_address: str
) -> None:
    assert len(operations) > 15
    for method, path, has_body in operations:
        headers = JSON | {"X-Forwarded-For": new_address}
        content = b"{}" if has_body else None
        answer = client.request(method, path, params={"nonsens": 1}, content=content, headers=headers)
        assert "query.nonsens" in locations(answer)


def test_no_endpoint_ignores_a_field_that_it_does_not_know(
    client: httpx.Client, operations: list[tuple[str, str, bool]], new_address: str
) -> None:
    for method, path, has_body in operations:
        if not has_body:
            continue
        headers = JSON | {"X-Forwarded-For": new_address}
        answer = client.request(method, path, content=b'{"nonsens": 1}', headers=headers)
        if answer.status_code != 401:
            assert "body.nonsens" in locations(answer)
        twice = client.request(method, path, content=b'{"nonsens": 1, "nonsens": 2}', headers=headers)
        assert twice.status_code in {401, 422}


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_no_endpoint_takes_for_json_what_is_not_said_to_be(
    client: httpx.Client, operations: list[tuple[str, str, bool]], new_address: str, content_type: str | None
) -> None:
    for method, path, has_body in operations:
        if has_body:
            headers = {"X-Forwarded-For": new_address} | ({"Content-Type": content_type} if content_type else {})
            answer = client.request(method, path, content=b"{}", headers=headers)
            assert answer.status_code in {401, 403, 415}, (method, path, answer.text)


def test_the_gateway_knows_where_a_service_looks_at_the_admin_token(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    asked = {
        path for path, item in paths.items() if any(needs_token(item[method]) for method in METHODS if method in item)
    }
    assert len(asked) >= 5
    for path in asked:
        route = find_route(path.replace("{", "").replace("}", ""))
        if route is None:
            assert of_own_path(path) is ADMIN
        else:
            assert route.guarded, path


def needs_token(operation: dict) -> bool:
    return bool(operation.get("security")) and {} not in operation["security"]
