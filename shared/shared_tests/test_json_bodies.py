"""One way to read a body: strict JSON, whatever wraps it, and an answer that says what is wrong and where."""

import asyncio
import json
import tracemalloc
import zlib
from codecs import BOM_UTF8, BOM_UTF16_LE
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import httpx
import pytest
from fastapi import Depends, FastAPI, Query, Request
from fastapi.routing import APIRouter
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, ConfigDict, field_validator

from shared.http.json_structure import MAX_DEPTH, MAX_VALUES, ONE_TEXT, check_structure
from shared.http.problems import InvalidRequest, Problem, install_problem_handlers, place
from shared.http.request_body import ANY_RATIO_BYTES, LARGE_AT_ONCE, MAX_BYTES, SMALL_BYTES, BodyTooLarge
from shared.http.server.held_bytes import MOST_BYTES, MOST_OF_ONE_CALLER
from shared.http.strict_route import StrictRoute
from shared.testing.compression import gzipped

JSON = {"Content-Type": "application/json"}


class Mood(StrEnum):
    SUNNY = "sunny"


class Wish(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: float
    whole: int = 0
    flag: bool = False
    text: str = ""
    mood: Mood | None = None
    when: AwareDatetime | None = None
    who: UUID | None = None

    @field_validator("text")
    @classmethod
    def never_grumpy(cls, text: str) -> str:
        if text == "grumpy":
            raise ValueError("must not be grumpy")
        return text


class NotAllowed(Problem):
    status = 401


def never_allowed() -> None:
    raise NotAllowed


def wishes() -> FastAPI:
    """An endpoint on the short way, one on FastAPI's, and one that nobody may use."""
    router = APIRouter(route_class=StrictRoute)

    @router.post("/short")
    async def short(wish: Wish, request: Request) -> Wish:
        return wish

    @router.put("/long/{name}")
    async def long(name: str, wish: Wish, model_name: Annotated[str | None, Query(max_length=9)] = None) -> Wish:
        return wish

    @router.put("/guarded", dependencies=[Depends(never_allowed)])
    async def guarded(wish: Wish) -> Wish:
        return wish

    @router.get("/list")
    async def list_wishes(limit: Annotated[int, Query(ge=1)] = 1) -> int:
        return limit

    app = FastAPI()
    app.include_router(router)
    install_problem_handlers(app)
    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(wishes()), base_url="http://wishes") as client:
        yield client


@pytest.fixture(params=[("POST", "/short"), ("PUT", "/long/x")])
def endpoint(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param


async def send(
    client: httpx.AsyncClient, endpoint: tuple[str, str], body: bytes | Iterable[bytes], **headers: str
) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.request(*endpoint, content=body, headers=JSON | named)


WISH = b'{"number": 1}'
FULL = json.dumps(
    {
        "number": 1.5,
        "whole": 3,
        "flag": True,
        "text": "é\U0001f600",
        "mood": "sunny",
        "when": "2026-01-05T12:00:00Z",
        "who": "01a20847-a5a7-7417-9958-3271ea4081d2",
    }
).encode()


async def test_what_a_validator_says_stands_there_alone(client: httpx.AsyncClient, endpoint: tuple[str, str]) -> None:
    answer = await send(client, endpoint, b'{"number": 1, "text": "grumpy"}')
    assert answer.json()["errors"] == [{"location": "body.text", "message": "must not be grumpy"}]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (WISH, {}),
        (FULL, {}),
        (BOM_UTF8 + WISH, {}),
        (b" \n\t" + WISH + b"\r\n", {}),
        (WISH, {"Content_Type": "application/json; charset=utf-8"}),
        (WISH, {"Content_Type": 'Application/JSON;charset="UTF-8"'}),
        (WISH, {"Content_Type": "application/problem+json"}),
        (WISH, {"Content_Type": "application/vnd.wish+json; v=1"}),
        (gzipped(WISH), {"Content_Encoding": "gzip"}),
        (gzipped(BOM_UTF8 + WISH), {"Content_Encoding": "x-gzip"}),
        (zlib.compress(WISH), {"Content_Encoding": "Deflate"}),
        (WISH, {"Content_Encoding": "identity"}),
        (WISH + b" " * SMALL_BYTES, {}),
        (WISH + b" " * 500_000, {}),
        (gzipped(WISH + b" " * (ANY_RATIO_BYTES - len(WISH))), {"Content_Encoding": "gzip"}),
        (b'{"number": 1, "text": "[{,:\\"NaN\\\\"}', {}),
    ],
)
async def test_a_wish_is_a_wish_however_it_is_wrapped(
    client: httpx.AsyncClient, endpoint: tuple[str, str], body: bytes, headers: dict[str, str]
) -> None:
    answer = await send(client, endpoint, body, **headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["number"] in {1, 1.5}


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "text/json",
    "multipart/form-data; boundary=x", "application/json; charset=latin-1", "application/jsonp", "*/*", "", ";", "json",
    "application/octet-stream"])  # fmt: skip
async def test_what_is_not_said_to_be_json_is_a_415_that_says_so(
    client: httpx.AsyncClient, endpoint: tuple[str, str], content_type: str | None
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = await client.request(*endpoint, content=WISH, headers=headers)
    assert answer.status_code == 415, answer.text
    assert "JSON" in answer.json()["detail"] or "application/json" in answer.json()["detail"]
    assert answer.headers["accept"] == "application/json"


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("br", WISH, 415),
        ("zstd", WISH, 415),
        ("gzip, gzip", gzipped(gzipped(WISH)), 415),
        ("gzip", WISH, 400),
        ("gzip", b"", 400),
        ("gzip", gzipped(WISH)[:-9], 400),
        ("gzip", gzipped(WISH) + b"more", 400),
        ("deflate", zlib.compress(WISH)[2:-4], 400),
        ("gzip", gzipped(WISH + b" " * MAX_BYTES), 413),
        ("deflate", zlib.compress(b" " * 50_000_000), 413),
    ],
)
async def test_a_compressed_body_is_what_it_says_and_bounded(
    client: httpx.AsyncClient, endpoint: tuple[str, str], encoding: str, body: bytes, status: int
) -> None:
    answer = await send(client, endpoint, body, Content_Encoding=encoding)
    assert answer.status_code == status, answer.text
    if status == 415:
        assert answer.headers["accept-encoding"] == "gzip, deflate"


async def test_a_body_without_a_length_is_bounded_as_it_comes(client: httpx.AsyncClient) -> None:
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while given < 10 * MAX_BYTES:
            given += 65_536
            yield b" " * 65_536

    answer = await client.post("/short", content=endless(), headers=JSON)
    assert answer.status_code == 413


class Slow:
    """Bodies whose clients stop in the middle, until the test lets them go on."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def body(self, beginning: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(beginning), 65_536):
            yield beginning[start : start + 65_536]
        await self.go_on.wait()
        yield WISH


@pytest.mark.parametrize("beginning", [b"", b" " * 64, b" " * 300_000])
async def test_who_sends_slowly_takes_nobodys_place(client: httpx.AsyncClient, beginning: bytes) -> None:
    slow = Slow()
    slow_ones = [
        asyncio.create_task(client.post("/short", content=slow.body(beginning), headers=JSON))
        for _ in range(4 * LARGE_AT_ONCE)
    ]
    await asyncio.sleep(0.05)
    for body, headers in ((gzipped(WISH), {"Content-Encoding": "gzip"}), (WISH + b" " * 500_000, {})):
        async with asyncio.timeout(3):
            answer = await client.post("/short", content=body, headers=JSON | headers)
        assert answer.status_code == 200
    slow.go_on.set()
    assert [answer.status_code for answer in await asyncio.gather(*slow_ones)] == [200] * len(slow_ones)


async def test_what_unfinished_bodies_hold_is_bounded_for_each_caller_and_for_all(client: httpx.AsyncClient) -> None:
    slow, statuses = Slow(), list[int]()

    async def send(caller: str) -> None:
        headers = JSON | {"X-Caller": caller}
        answer = await client.post("/short", content=slow.body(b" " * 1_000_000), headers=headers)
        statuses.append(answer.status_code)
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) >= 1

    greedy = [asyncio.create_task(send("greedy")) for _ in range(20)]
    await asyncio.sleep(0.2)
    assert statuses == [503] * (20 - MOST_OF_ONE_CALLER // 1_000_000)
    other = asyncio.create_task(send("other"))
    crowd = [asyncio.create_task(send(f"caller-{number}")) for number in range(40)]
    await asyncio.sleep(0.3)
    held = len(greedy) + 1 + len(crowd) - len(statuses)
    assert held <= MOST_BYTES // 1_000_000
    slow.go_on.set()
    await asyncio.gather(*greedy, other, *crowd)
    assert statuses.count(200) == held
    assert not other.cancelled()
    again = [asyncio.create_task(send("greedy")) for _ in range(5)]
    await asyncio.gather(*again)
    assert statuses[-5:] == [200] * 5


@pytest.mark.parametrize(
    ("body", "location"),
    [
        (b'{"number": true}', "body.number"),
        (b'{"number": false}', "body.number"),
        (b'{"number": "1"}', "body.number"),
        (b'{"number": 1, "whole": true}', "body.whole"),
        (b'{"number": 1, "whole": "3"}', "body.whole"),
        (b'{"number": 1, "whole": 3.5}', "body.whole"),
        (b'{"number": 1, "flag": 1}', "body.flag"),
        (b'{"number": 1, "flag": "true"}', "body.flag"),
        (b'{"number": 1, "text": 5}', "body.text"),
        (b'{"number": 1, "when": 1700000000}', "body.when"),
        (b'{"number": 1, "mood": "rainy"}', "body.mood"),
        (b'{"number": NaN}', "body"),
        (b'{"number": Infinity}', "body"),
        (b'{"number": -Infinity}', "body"),
        (b'{"number": 1, "number": 2}', "body.number"),
        (b'{"number": 1, "nu\\u006dber": 2}', "body.number"),
        (b'{"number": 1, "unknown": {"a": 1, "a": 2}}', "body.unknown.a"),
        (
            b'{"number": 1, "unknown": [1, [2, {}], {"a": {"b": 1}, "c": [3,4,5,{"d": 1, "\\u0064": 2}]}]}',
            "body.unknown.2.c.3.d",
        ),
        (b'{"a": [{"b": 1}, {"b": 1}, {"b": [1, 2], "c": "x,y", "b": 3}]}', "body.a.2.b"),
        (b'{"number": 1, "numbre": 2}', "body.numbre"),
        (b'{"number": 1,}', "body"),
        (b"{'number': 1}", "body"),
        (b'{"number": 1} {}', "body"),
        (b'{"number": 1} // why', "body"),
        (b'{"number": 0x1}', "body"),
        (b'{"number": 1', "body"),
        (b"\x00", "body"),
        (b"[" * 100_000, "body"),
        (b"", "body"),
        (b"null", "body"),
        (b"[]", "body"),
    ],
)
async def test_what_json_does_not_say_is_not_guessed(
    client: httpx.AsyncClient, endpoint: tuple[str, str], body: bytes, location: str
) -> None:
    answer = await send(client, endpoint, body)
    assert answer.status_code == 422, answer.text
    assert location in [error["location"] for error in answer.json()["errors"]]


@pytest.mark.parametrize(
    "body",
    [b'{"number": 1, "text": "\xff"}', WISH.decode().encode("utf-16"), BOM_UTF16_LE, b'{"text": "\xed\xa0\x80"}'],
)
async def test_what_is_not_utf8_is_a_400(client: httpx.AsyncClient, endpoint: tuple[str, str], body: bytes) -> None:
    answer = await send(client, endpoint, body)
    assert answer.status_code == 400, answer.text
    assert "UTF-8" in answer.json()["detail"]


@pytest.mark.parametrize(("name", "meant"), [("numbr", "number"), ("Text", "text"), ("moood", "mood"), ("zzz", None)])
async def test_an_unknown_field_is_named_with_the_one_that_was_meant_or_all_that_there_are(
    client: httpx.AsyncClient, endpoint: tuple[str, str], name: str, meant: str | None
) -> None:
    answer = await send(client, endpoint, json.dumps({"number": 1, name: 1}).encode())
    (error,) = answer.json()["errors"]
    expected = f"did you mean {meant!r}?" if meant else "there is number, whole, flag, text, mood, when, who"
    assert error == {"location": f"body.{name}", "message": f"unknown field; {expected}"}


@pytest.mark.parametrize(
    ("method", "target", "location"),
    [
        ("PUT", "/long/x?modelname=y", "query.modelname"),
        ("PUT", "/long/x?model_name=y&Model_Name=z", "query.Model_Name"),
        ("PUT", "/long/x?model_name=y&model_name=z", "query.model_name"),
        ("POST", "/short?x", "query.x"),
        ("GET", "/list?limt=3", "query.limt"),
        ("GET", "/list?limit=3&offset=1", "query.offset"),
        ("GET", "/list?%00=1", "query.\0"),
    ],
)
async def test_an_unknown_or_repeated_parameter_is_named(
    client: httpx.AsyncClient, method: str, target: str, location: str
) -> None:
    answer = await client.request(method, target, content=WISH, headers=JSON)
    assert answer.status_code == 422
    assert location in [error["location"] for error in answer.json()["errors"]]


async def test_a_parameter_of_the_query_that_stands_in_the_body_is_told_where_it_belongs(
    client: httpx.AsyncClient,
) -> None:
    answer = await send(client, ("PUT", "/long/x"), b'{"number": 1, "model_name": "y"}')
    assert answer.json()["errors"] == [
        {"location": "body.model_name", "message": "unknown field; it belongs in the query: ?model_name=…"}
    ]


@pytest.mark.parametrize(
    ("target", "hint"),
    [("/list?limt=3", "; did you mean 'limit'?"), ("/list?offset=1", "; there is limit"), ("/short?zzz=1", "")],
)
async def test_an_unknown_parameter_comes_with_what_was_meant_or_all_that_there_are(
    client: httpx.AsyncClient, target: str, hint: str
) -> None:
    method = "GET" if target.startswith("/list") else "POST"
    (error,) = (await client.request(method, target, content=WISH, headers=JSON)).json()["errors"]
    assert error["message"] == f"unknown parameter{hint}"


async def test_parameters_that_are_known_work(client: httpx.AsyncClient) -> None:
    assert (await client.get("/list?limit=3")).json() == 3
    assert (await client.put("/long/x?model_name=y", content=WISH, headers=JSON)).status_code == 200


async def test_who_may_not_learns_nothing_about_the_body(client: httpx.AsyncClient) -> None:
    assert (await client.put("/guarded", content=b"nonsense")).status_code == 401


def test_the_document_is_what_it_would_be_otherwise() -> None:
    body = wishes().openapi()["paths"]["/long/{name}"]["put"]["requestBody"]
    assert body["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Wish"}


@pytest.mark.parametrize("element", [b"{}", b"[]", b"1", b'"a"', b"[[]]", b'{"a":1}', b"null"])
def test_nothing_is_built_of_more_values_than_there_may_be(element: bytes) -> None:
    body = b"[" + b",".join([element] * 1_000_000) + b"]"
    tracemalloc.start()
    with pytest.raises(BodyTooLarge):
        check_structure(body)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1_000_000


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def count(value: object) -> int:
    """Values within a value, itself included."""
    if isinstance(value, dict):
        return 1 + sum(map(count, value.values()))
    return 1 + sum(map(count, value)) if isinstance(value, list) else 1


@given(values, st.booleans())
def test_every_json_passes_and_is_not_overcounted(value: object, ascii_only: bool) -> None:
    """A comma begins another value, and so does a bracket: at most twice as many are counted as there are."""
    body = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    check_structure(body, max_values=2 * count(value) + 1)
    if count(value) > 3:
        with pytest.raises(BodyTooLarge):
            check_structure(body, max_values=count(value) // 3)


@given(values, st.lists(st.text() | st.integers(0, 5), max_size=6), st.text(), st.booleans())
def test_a_repeated_key_is_told_with_its_path(value: object, path: list[str | int], key: str, ascii_only: bool) -> None:
    """Whatever stands beside it, and however deep it lies: a number is the place in a list, a text a key."""
    name, other = json.dumps(key, ensure_ascii=ascii_only), json.dumps(value, ensure_ascii=ascii_only)
    body = f"{{{name}: {other}, {name}: {other}}}"
    for step in reversed(path):
        if isinstance(step, int):
            body = f"[{', '.join([*[other] * step, body, other])}]"
        else:
            body = f"{{{json.dumps(step)}: {body}}}"
    with pytest.raises(InvalidRequest) as raised:
        check_structure(body.encode("utf-8", "surrogatepass"), max_values=100_000)
    (fault,) = raised.value.extensions["errors"]
    assert fault == {"location": place(("body", *path, key)), "message": "stands there twice"}


@given(st.binary(max_size=300) | st.text(alphabet='{}[]",:\\N1 a').map(str.encode))
def test_whatever_the_bytes_are_there_is_an_answer(body: bytes) -> None:
    with suppress(InvalidRequest, BodyTooLarge):
        check_structure(body)


@given(st.text(alphabet='{}[]",:\\N1 a', max_size=12), st.integers(0, 10))
def test_nothing_but_a_single_text_is_passed_over(odd: str, place: int) -> None:
    usual = '{"a": "b"}'
    body = usual[:place] + odd + usual[place:]
    assume(ONE_TEXT.fullmatch(body.encode()))
    try:
        pairs = json.loads(body, object_pairs_hook=list)
    except ValueError:
        return  # as the parser will say
    assert [(type(key), type(value)) for key, value in pairs] == [(str, str)]


def test_depth_has_a_bound() -> None:
    check_structure(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    with pytest.raises(InvalidRequest):
        check_structure(b"[" * (MAX_DEPTH + 1))
    check_structure(b"[" + b",".join([b"1"] * (MAX_VALUES - 2)) + b"]")
