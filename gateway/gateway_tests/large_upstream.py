"""An upstream in a process of its own: three megabytes for `/models`, a few bytes for anything else."""

import asyncio
import sys

LARGE, SMALL = b"x" * 3_000_000, b"x" * 100
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
HEALTH = b'{"service": "upstream", "version": "1", "status": "ok"}'


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.lower().split(b"\r\n")
            await reader.readexactly(sum(int(line[15:]) for line in lines if line.startswith(b"content-length:")))
            path = head.split(b" ")[1]
            body = {b"/models": LARGE, b"/health": HEALTH}.get(path, SMALL)
            writer.write(HEAD % len(body) + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=1000)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
