"""A service that says how it read each request: `python echo_service.py`, settings as for any service."""

import base64
import hashlib
import json

from starlette.types import Receive, Scope, Send

from shared.service.assembly import run_service
from shared.settings.behind_the_gateway import SettingsBehindTheGateway

EARLY = "/early"
"""Paths that are answered before the body is read."""

IN_THE_BODY = "/in-the-body"
"""Paths whose answer is in the body as well, for clients that show nothing else."""


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = hashlib.sha256()
    early = scope["path"].startswith(EARLY)
    more = not early
    while more:
        message = await receive()
        body.update(message.get("body", b""))
        more = message.get("more_body", False)
    reading = {
        "method": scope["method"],
        "path": scope["raw_path"].decode(),
        "query": scope["query_string"].decode(),
        "version": scope["http_version"],
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "body": None if early else body.hexdigest(),
    }
    said = json.dumps(reading).encode()
    content = said if scope["path"].endswith(IN_THE_BODY) else b""
    headers = [(b"x-reading", base64.b64encode(said)), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


if __name__ == "__main__":
    run_service("echo", SettingsBehindTheGateway, lambda settings: echo)
