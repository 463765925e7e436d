"""What every service answers, whatever it does."""

import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from pydantic import BaseModel, Field, SecretStr
from starlette.types import ASGIApp

from shared.contracts.health import ComponentHealth, HealthStatus
from shared.http.problems import Overloaded
from shared.service.admin_token import admin_token
from shared.service.assembly import create_service
from shared.service.health import HealthReport


class Order(BaseModel):
    text: str = Field(min_length=1)


class Shop:
    """A small service whose dependency can be broken by the test."""

    def __init__(self) -> None:
        self.dependency = HealthStatus.OK

    async def check(self) -> ComponentHealth:
        return ComponentHealth(status=self.dependency)

    def app(self) -> ASGIApp:
        router = APIRouter()

        @router.post("/order")
        async def order(order: Order) -> Order:
            return order

        @router.get("/full")
        async def full() -> None:
            raise Overloaded("Too many orders.", retry_after_seconds=3)

        @router.get("/broken")
        async def broken() -> None:
            raise RuntimeError("password=hunter2 at db.internal")

        @router.put("/price", dependencies=[Depends(admin_token(SecretStr("let-me-in")))])
        async def price() -> str:
            return "changed"

        @contextlib.asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            yield

        return create_service(
            title="shop",
            version="1.0.0",
            description="",
            routers=[router],
            health=HealthReport("shop", "1.0.0", required={"till": self.check}),
            lifespan=lifespan,
            admin_token=SecretStr("let-me-in"),
        )


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
async def client(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(shop.app()), base_url="http://shop") as client:
        yield client


def assert_problem(answer: httpx.Response, status: int) -> dict:
    """The body, once everything that every problem has is there."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["type"]
    assert problem["instance"] == answer.request.url.path
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


async def test_a_sane_request_id_is_kept_and_an_insane_one_replaced(client: httpx.AsyncClient) -> None:
    kept = await client.post("/order", json={"text": "tea"}, headers={"X-Request-ID": "order-4711-abc"})
    assert kept.headers["x-request-id"] == "order-4711-abc"
    for insane in ("short", "with space inside", "x" * 129, "new\\nline-new\\nline", "<script>alert(1)</script>"):
        replaced = await client.post("/order", json={"text": "tea"}, headers={"X-Request-ID": insane})
        assert replaced.headers["x-request-id"] != insane
        assert len(replaced.headers["x-request-id"]) == 32


async def test_a_request_that_is_not_valid_says_where_and_why_and_never_repeats_the_value(
    client: httpx.AsyncClient,
) -> None:
    problem = assert_problem(await client.post("/order", json={"text": ["secret"]}), 422)
    assert problem["errors"] == [{"location": "body.text", "message": "Input should be a valid string"}]
    assert "secret" not in str(problem)


@pytest.mark.parametrize("body", [b"{", b'{"text": "\\ud800"}', b'{"text": ""}', b"[]", b"null", b""])
async def test_a_body_that_is_no_order_is_a_422(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/order", content=body, headers={"Content-Type": "application/json"})
    assert_problem(answer, 422)


@pytest.mark.parametrize("body", [b"\xff\xfe", b"[" * 100_000])
async def test_a_body_that_cannot_be_read_at_all_is_a_4xx(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/order", content=body, headers={"Content-Type": "application/json"})
    assert_problem(answer, answer.status_code)
    assert 400 <= answer.status_code < 500


async def test_unknown_paths_and_methods_are_problems(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/nowhere"), 404)
    answer = await client.get("/order")
    assert_problem(answer, 405)
    assert answer.headers["allow"] == "POST"


async def test_an_expected_error_keeps_its_type_and_headers(client: httpx.AsyncClient) -> None:
    answer = await client.get("/full")
    problem = assert_problem(answer, 503)
    assert problem["type"].endswith("#temporary-reduced-capacity")
    assert answer.headers["retry-after"] == "3"


async def test_an_unexpected_error_tells_nothing(client: httpx.AsyncClient) -> None:
    answer = await client.get("/broken")
    assert_problem(answer, 500)
    assert "hunter2" not in answer.text
    assert "RuntimeError" not in answer.text


@pytest.mark.parametrize(
    ("authorization", "status"),
    [(None, 401), ("Bearer wrong", 401), ("Basic let-me-in", 401), ("Bearer lët", 401), ("Bearer let-me-in", 200)],
)
async def test_the_admin_token_opens_and_nothing_else_does(
    client: httpx.AsyncClient, authorization: str | None, status: int
) -> None:
    headers = {"Authorization": authorization.encode("utf-8")} if authorization else {}
    answer = await client.put("/price", headers=headers)
    assert answer.status_code == status
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_health_is_503_when_a_required_part_is_down(client: httpx.AsyncClient, shop: Shop) -> None:
    assert (await client.get("/health")).json()["status"] == "ok"
    shop.dependency = HealthStatus.DEGRADED
    answer = await client.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    shop.dependency = HealthStatus.DOWN
    assert (await client.get("/health")).status_code == 503
    assert (await client.get("/health/ready")).status_code == 503
    assert (await client.get("/health/live")).status_code == 200


async def test_every_documented_error_is_a_problem(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["paths"]["/order"]["post"]["operationId"] == "order"
    answer = document["paths"]["/order"]["post"]["responses"]["422"]
    assert list(answer["content"]) == ["application/problem+json"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
