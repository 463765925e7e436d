"""What goes past the framework is answered as if it had not."""

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict
from starlette.types import Receive, Scope, Send

from shared.http.direct_routes import DirectRoute, DirectRoutes, Handler
from shared.http.methods import install_methods
from shared.http.problems import Overloaded, install_problem_handlers
from shared.http.request_middleware import RequestMiddleware
from shared.http.strict_route import StrictRoute
from shared.telemetry.requests import REQUESTS


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str
    pieces: int = 1


class Receipt(BaseModel):
    text: str


class OwnResponse(DirectRoute):
    """A route of an endpoint that makes its own response."""

    def get_route_handler(self) -> Handler:
        async def handle(request: Request) -> Response:
            response: Response = await self.endpoint(request=request, **request.path_params)
            return response

        self.handle_directly = handle
        return handle


class ForTea(StrictRoute):
    """Takes what says in a header that it is tea."""

    def takes(self, scope: Scope) -> bool:
        return (b"x-tea", b"yes") in scope["headers"]


def router_of_shop() -> APIRouter:
    router = APIRouter()

    async def order_tea(body: Order, request: Request) -> Receipt:
        return Receipt(text=f"{body.text} in a cup")

    async def order(body: Order, request: Request) -> Receipt:
        if body.pieces > 100:
            raise Overloaded("Too many pieces.", retry_after_seconds=3)
        return Receipt(text=body.text)

    async def order_with_parameter(body: Order, request: Request, gift: bool = False) -> Receipt:
        return Receipt(text=f"{body.text}, gift: {gift}")

    async def shelf(request: Request, name: str) -> Response:
        return Response(f"{name}: {(await request.body()).decode()}")

    router.add_api_route("/order", order_tea, methods=["POST"], route_class_override=ForTea)
    router.add_api_route("/order", order, methods=["POST"], route_class_override=StrictRoute)
    router.add_api_route("/order/wrapped", order_with_parameter, methods=["POST"], route_class_override=StrictRoute)
    router.add_api_route("/shelves/{name}", shelf, methods=["POST"], route_class_override=OwnResponse)
    return router


class Framework:
    """The framework's application, which notes what reaches it."""

    def __init__(self) -> None:
        self.reached: list[str] = []
        self._app = FastAPI(redirect_slashes=False)
        install_problem_handlers(self._app)
        install_methods(self._app)
        self._app.include_router(router_of_shop())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.reached.append(scope["path"])
        await self._app(scope, receive, send)


@pytest.fixture
def framework() -> Framework:
    return Framework()


@pytest.fixture
def clients(framework: Framework) -> tuple[httpx.AsyncClient, httpx.AsyncClient]:
    """Of the direct way, and of the framework alone."""
    direct, roundabout = (
        httpx.AsyncClient(transport=httpx.ASGITransport(RequestMiddleware(app)), base_url="http://shop")
        for app in (DirectRoutes(framework, [router_of_shop()]), Framework())
    )
    return direct, roundabout


REQUESTS_OF_ALL_KINDS = [
    ("POST", "/order", {"content": '{"text": "scones"}'}),
    ("POST", "/order", {"content": '{"text": "scones", "pieces": 101}'}),
    ("POST", "/order", {"content": '{"text": 1}'}),
    ("POST", "/order", {"content": '{"txet": "scones"}'}),
    ("POST", "/order", {"content": '{"text": "a", "text": "b"}'}),
    ("POST", "/order", {"content": "{"}),
    ("POST", "/order", {"content": ""}),
    ("POST", "/order", {"content": b'{"text": "\xff"}'}),
    ("POST", "/order", {"content": f'{{"text": "{"x" * 1_100_000}"}}'}),
    ("POST", "/order", {"content": '{"text": "tea"}', "headers": {"X-Tea": "yes"}}),
    ("POST", "/order", {"content": "text=scones", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}),
    ("POST", "/order", {"content": b"no gzip", "headers": {"Content-Encoding": "gzip"}}),
    ("POST", "/order?wrapped=true", {"content": '{"text": "scones"}'}),
    ("POST", "/order/", {"content": '{"text": "scones"}'}),
    ("GET", "/order", {}),
    ("HEAD", "/order", {}),
    ("OPTIONS", "/order", {}),
    ("POST", "/order/wrapped?gift=true", {"content": '{"text": "scones"}'}),
    ("POST", "/shelves/jam", {"content": "apricot"}),
    ("POST", "/shelves/a%20b", {"content": "apricot"}),
    ("POST", "/shelves/jam/more", {"content": "apricot"}),
    ("DELETE", "/shelves/jam", {}),
]


@pytest.mark.parametrize(("method", "path", "sent"), REQUESTS_OF_ALL_KINDS)
async def test_a_response_is_the_same_on_both_ways(
    clients: tuple[httpx.AsyncClient, httpx.AsyncClient], method: str, path: str, sent: dict
) -> None:
    headers = {"Content-Type": "application/json", "X-Request-ID": "0123456789abcdef"} | sent.get("headers", {})
    direct, roundabout = [
        await client.request(method, path, content=sent.get("content"), headers=headers) for client in clients
    ]
    assert (direct.status_code, direct.content) == (roundabout.status_code, roundabout.content)
    assert dict(direct.headers) == dict(roundabout.headers)


@pytest.mark.parametrize(
    ("path", "headers", "reaches_the_framework"),
    [
        ("/order", {}, False),
        ("/order", {"X-Tea": "yes"}, False),
        ("/shelves/jam", {}, False),
        ("/order/wrapped", {}, True),
        ("/order/", {}, True),
        ("/nothing", {}, True),
    ],
)
async def test_what_needs_nothing_of_the_framework_does_not_reach_it(
    clients: tuple[httpx.AsyncClient, httpx.AsyncClient],
    framework: Framework,
    path: str,
    headers: dict[str, str],
    reaches_the_framework: bool,
) -> None:
    await clients[0].post(path, content='{"text": "tea"}', headers={"Content-Type": "application/json"} | headers)
    assert framework.reached == ([path] if reaches_the_framework else [])


async def test_metrics_name_the_template_of_a_path(clients: tuple[httpx.AsyncClient, httpx.AsyncClient]) -> None:
    label = ("/shelves/{name}", "POST", "200")
    before = REQUESTS.by_labels[label]
    await clients[0].post("/shelves/jam", content="apricot")
    assert REQUESTS.by_labels[label] == before + 1
