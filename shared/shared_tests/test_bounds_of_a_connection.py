"""Everything that a client can make the server hold has a bound, and everything it can make it wait for has a timer."""

import asyncio
import json
import socket
import time

import httpx
import psutil
import pytest

from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.testing.http_reference import next_response
from shared_tests.conftest import StartEcho

GET = b"GET / HTTP/1.1\r\nHost: door\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: door\r\n"
LARGE_ANSWER = b"GET /" + b"x" * 20_000 + b"/in-the-body HTTP/1.1\r\nHost: door\r\n\r\n"
"""The answer is twice as long as the request."""


@pytest.fixture(scope="module")
def quick(start_echo: StartEcho) -> ServerProcess:
    """With timers that a test can wait for."""
    return start_echo(
        FIRST_BYTE_SECONDS=0.5, HEAD_SECONDS=0.5, IDLE_SECONDS=0.5, PROGRESS_SECONDS=1, PROGRESS_BYTES=100,
        LINGER_SECONDS=1, LINGER_BYTES=1_000_000,
    )  # fmt: skip


@pytest.fixture(scope="module")
def usual(start_echo: StartEcho) -> ServerProcess:
    """With the settings as they are."""
    return start_echo()


async def connect(server: ServerProcess) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", server.port)


async def everything(reader: asyncio.StreamReader) -> bytes:
    """What comes until the server closes, which it must."""
    async with asyncio.timeout(15):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def test_a_connection_that_sends_nothing_is_closed(quick: ServerProcess) -> None:
    reader, _ = await connect(quick)
    assert await everything(reader) == b""


@pytest.mark.parametrize("beginning", [b"G", b"GET / HTTP/1.1\r\n", GET[:-1]])
async def test_a_head_that_does_not_come_to_its_end_is_a_408(quick: ServerProcess, beginning: bytes) -> None:
    reader, writer = await connect(quick)
    writer.write(beginning)
    assert (await everything(reader)).startswith(b"HTTP/1.1 408")


async def drip(server: ServerProcess, start: bytes, piece: bytes, pieces: int, seconds: float) -> bytes:
    """Sends a start and then pieces, with a pause before each, until the server closes; what came back."""
    reader, writer = await connect(server)
    answer = asyncio.create_task(everything(reader))
    writer.write(start)
    for _ in range(pieces):
        await asyncio.wait([answer], timeout=seconds)
        if answer.done():
            break
        writer.write(piece)
    return await answer


async def test_a_head_that_drips_is_a_408(quick: ServerProcess) -> None:
    assert (await drip(quick, b"GET / HTTP/1.1\r\nX: ", b"x", 100, 0.03)).startswith(b"HTTP/1.1 408")


async def test_a_connection_that_asks_nothing_more_is_closed(quick: ServerProcess) -> None:
    reader, writer = await connect(quick)
    writer.write(GET)
    assert (await everything(reader)).count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize(
    "beginning",
    [
        b"Content-Length: 1000\r\n\r\n",
        b"Content-Length: 1000\r\n\r\nhalf",
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nff\r\nhalf",
    ],
)
async def test_a_body_that_does_not_come_is_a_408(quick: ServerProcess, beginning: bytes) -> None:
    reader, writer = await connect(quick)
    writer.write(POST + beginning)
    assert b"HTTP/1.1 408" in await everything(reader)


async def test_a_body_that_drips_is_a_408_and_one_that_is_merely_slow_is_not(quick: ServerProcess) -> None:
    head = POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n"
    dripping, slow = await asyncio.gather(
        drip(quick, head % 100, b"x", 100, 0.1), drip(quick, head % 3000, b"x" * 100, 30, 0.1)
    )
    assert dripping.startswith(b"HTTP/1.1 408")
    assert slow.startswith(b"HTTP/1.1 200")


async def test_answers_that_nobody_reads_are_cut_and_one_that_is_read_slowly_is_not(quick: ServerProcess) -> None:
    """The client asks on and never reads: its answers fill every buffer on the way, then the server waits for it."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", quick.port))
    with pytest.raises(ConnectionError):  # noqa: PT012 - the loop is how one waits for it
        async with asyncio.timeout(20):
            while True:
                await loop.sock_sendall(sock, LARGE_ANSWER)
                await asyncio.sleep(0.001)
    sock.close()
    reader, writer = await connect(quick)
    writer.write(LARGE_ANSWER)
    answer = await next_response(reader, "GET")
    assert answer is not None
    assert answer.status == 200


async def test_the_rest_of_a_body_after_an_early_answer_may_be_so_long_and_take_so_long(quick: ServerProcess) -> None:
    reader, writer = await connect(quick)
    writer.write(POST.replace(b"/", b"/early", 1) + b"Content-Length: 100000000\r\n\r\nx")
    started = time.monotonic()
    assert (await everything(reader)).startswith(b"HTTP/1.1 200")
    with pytest.raises(ConnectionError):  # noqa: PT012 - the loop is how one waits for it
        async with asyncio.timeout(20):
            while True:
                writer.write(b"x" * 1000)
                await writer.drain()
                await asyncio.sleep(0.05)
    assert 0.5 < time.monotonic() - started < 10
    _, writer = await connect(quick)
    writer.write(POST.replace(b"/", b"/early", 1) + b"Content-Length: 100000000\r\n\r\nx")
    with pytest.raises(ConnectionError):  # noqa: PT012 - as above
        for _ in range(1000):
            writer.write(b"x" * 100_000)
            await writer.drain()


async def test_so_many_requests_wait_behind_one_another_then_reading_stops(start_echo: StartEcho) -> None:
    server = start_echo(MAX_PIPELINED_REQUESTS=16, PROGRESS_SECONDS=60)
    reader, writer = await connect(server)
    writer.write(POST + b"Content-Length: 1\r\n\r\n")  # is answered once its body is here, and so are all behind it
    sent = 0
    memory = psutil.Process(server.pid).memory_info().rss
    writer.write(b"x")
    try:
        async with asyncio.timeout(3):
            while True:
                writer.write(GET * 1000)
                await writer.drain()
                sent += 1000
    except TimeoutError:
        pass
    grown = psutil.Process(server.pid).memory_info().rss - memory
    assert grown < 16 * 2**20, f"{grown} bytes more after {sent} requests whose answers nobody read"
    first = await next_response(reader, "POST")
    assert first is not None
    answered = 1
    async with asyncio.timeout(30):
        while answered < 1000:
            assert (await next_response(reader, "GET")) is not None
            answered += 1
    writer.transport.abort()


async def test_small_requests_without_end_leave_no_trace(usual: ServerProcess) -> None:
    """Eleven mebibytes of them, or what is answered within five seconds."""
    process = psutil.Process(usual.pid)
    before = most = process.memory_info().rss
    reader, writer = await connect(usual)

    async def drop_answers() -> None:
        while await reader.read(1 << 20):
            pass

    dropping = asyncio.create_task(drop_answers())
    end = time.monotonic() + 5
    for _ in range(11 * 2**20 // (len(GET) * 1000)):
        writer.write(GET * 1000)
        await writer.drain()
        most = max(most, process.memory_info().rss)
        if time.monotonic() > end:
            break
    writer.transport.abort()
    dropping.cancel()
    assert most - before < 16 * 2**20


async def test_so_many_connections_and_one_more_is_told_why(start_echo: StartEcho) -> None:
    server = start_echo(MAX_CONNECTIONS=20)
    held = [await connect(server) for _ in range(20)]
    for reader, writer in held:
        writer.write(GET)
        assert (await next_response(reader, "GET")) is not None
    reader, _ = await connect(server)
    refusal = await everything(reader)
    assert refusal.startswith(b"HTTP/1.1 503")
    assert json.loads(refusal.partition(b"\r\n\r\n")[2])["request_id"].encode() in refusal.partition(b"\r\n\r\n")[0]
    held[0][1].close()
    async with asyncio.timeout(10):
        while True:
            reader, writer = await connect(server)
            writer.write(GET)
            answer = await next_response(reader, "GET")
            if answer is not None and answer.status == 200:
                break
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("version", [b"1.1\r\nConnection: close", b"1.0"])
async def test_what_follows_a_last_request_does_not_cost_its_answer(usual: ServerProcess, version: bytes) -> None:
    for _ in range(20):
        reader, writer = await connect(usual)
        writer.write(b"GET / HTTP/%b\r\nHost: door\r\n\r\n" % version)
        answer = await reader.readuntil(b"\r\n")  # the server has answered and is about to close
        for _ in range(3):
            writer.write(GET * 100)
            await asyncio.sleep(0)
        rest = await asyncio.wait_for(reader.read(), 3)  # a reset would be a ConnectionResetError
        assert (answer, rest.count(b"HTTP/1.1")) == (b"HTTP/1.1 200 OK\r\n", 0)
        writer.close()


async def test_who_keeps_the_connection_after_a_last_answer_is_cut_off(quick: ServerProcess) -> None:
    before = set(psutil.Process(quick.pid).net_connections())
    reader, writer = await connect(quick)
    writer.write(b"GET / HTTP/1.0\r\nHost: door\r\n\r\n")
    assert (await everything(reader)).startswith(b"HTTP/1.1 200")
    async with asyncio.timeout(10):
        while set(psutil.Process(quick.pid).net_connections()) - before:
            await asyncio.sleep(0.05)
    writer.close()


async def test_connections_that_are_closed_without_a_word_are_counted(start_echo: StartEcho) -> None:
    port = next(free_ports())
    server = start_echo(MAX_CONNECTIONS=16, TELEMETRY_PORT=port)
    open_ones = [await connect(server) for _ in range(300)]
    async with asyncio.timeout(20), httpx.AsyncClient() as client:
        while (
            'http_connections_cut_total{reason="connections"} 28.0'
            not in (await client.get(f"http://127.0.0.1:{port}/metrics")).text
        ):
            await asyncio.sleep(0.05)
    for _, writer in open_ones:
        writer.close()
