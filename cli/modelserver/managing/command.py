"""What `modelserver keys` does: each action a request or two."""

import asyncio
import json
import re
import sys
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any

import aiohttp

from modelserver.errors import RefusedError, UsageError
from modelserver.managing import display
from modelserver.managing.gateway import Gateway
from modelserver.managing.wishes import lifetime_of, wanted_of, words_for_audit
from modelserver.server import TOKEN_VARIABLE, authorization_of

PAGE = 1000
"""Keys of one request: as many as the server gives."""

ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def manage(options: Namespace) -> int:
    """Does it, and says so. Raises CommandError."""
    return asyncio.run(managed(options))


async def managed(options: Namespace) -> int:
    """The action, in its event loop."""
    headers = authorization_of(options)
    if not headers:
        raise UsageError(f"keys are for operators: the admin token in {TOKEN_VARIABLE} or --token-file FILE")
    async with aiohttp.ClientSession(headers=headers, trust_env=True) as session:
        await ACTIONS[options.action](Gateway(session, options.url.rstrip("/")), options)
    return 0


async def list_keys(gateway: Gateway, options: Namespace) -> None:
    """Page by page, however many there are."""
    header = True
    async for keys in pages(gateway, ""):
        write_rows(options, keys, display.table(keys, display.KEY_COLUMNS, header=header))
        header = False


async def show(gateway: Gateway, options: Namespace) -> None:
    """One."""
    key = await find(gateway, options.key)
    write_rows(options, [key], display.fields(key))


async def create(gateway: Gateway, options: Namespace) -> None:
    """Makes one."""
    if options.rights is None:
        raise UsageError("--rights: what is it for? predict, read, feedback, analyze, admin, one or several")
    made = await gateway.ask("POST", "/keys", "key", body=wanted_of(options) | words_for_audit(options))
    write_secret(options, made, "made")


async def change(gateway: Gateway, options: Namespace) -> None:
    """Of the revision that is there now."""
    wanted = wanted_of(options)
    if not wanted:
        raise UsageError("what shall change? --name, --rights, --models, --limits, --max-in-flight, --expires, --note")
    key = await find(gateway, options.key)
    body = wanted | words_for_audit(options) | {"revision": key["revision"]}
    changed = await gateway.ask("PATCH", f"/keys/{key['key_id']}", "key_id", body=body)
    write_rows(options, [changed], display.fields(changed))


async def rotate(gateway: Gateway, options: Namespace) -> None:
    """Of the revision that is there now."""
    lifetime = {} if options.old_lives is None else {"old_lives_seconds": lifetime_of(options.old_lives)}
    key = await find(gateway, options.key)
    body = lifetime | words_for_audit(options) | {"revision": key["revision"]}
    rotated = await gateway.ask("POST", f"/keys/{key['key_id']}/rotate", "key", body=body)
    write_secret(options, rotated, "rotated")


async def revoke(gateway: Gateway, options: Namespace) -> None:
    """For good, so that it is asked before."""
    key = await find(gateway, options.key)
    if not options.yes:
        require_meant(key)
    revoked = await gateway.ask("DELETE", f"/keys/{key['key_id']}", "key_id", query=words_for_audit(options))
    write_rows(options, [revoked], display.fields(revoked))


async def audit(gateway: Gateway, options: Namespace) -> None:
    """Of one key, or of all."""
    query = {"limit": str(options.limit)}
    if options.key is not None:
        query["key_id"] = (await find(gateway, options.key))["key_id"]
    events = (await gateway.ask("GET", "/keys/audit", "events", query))["events"]
    rows = [{**event, "name": event["key"]["name"]} for event in events]
    write_rows(options, events, display.table(rows, display.EVENT_COLUMNS))


async def usage(gateway: Gateway, options: Namespace) -> None:
    """Day by day, and what that adds up to."""
    query = {name: day for name, day in (("since", options.since), ("until", options.until)) if day is not None}
    key = await find(gateway, options.key)
    use = await gateway.ask("GET", f"/keys/{key['key_id']}/usage", "days", query)
    rows = [*use["days"], {"day": "total", **use["total"]}]
    write_rows(options, use["days"], display.table(rows, display.USE_COLUMNS))


async def report(gateway: Gateway, options: Namespace) -> None:
    """On what came with a key, beside all callers; by its id it needs the rights `analyze` and `read` alone."""
    by_id = ID.fullmatch(options.key) is not None
    key_id = options.key if by_id else (await find(gateway, options.key))["key_id"]
    about = {} if options.model is None else {"model_name": options.model}
    question = {"key_id": key_id, "time_window_minutes": options.hours * 60, **about}
    said = await gateway.ask_for_report(question)
    write_rows(options, [said], display.report(said))


ACTIONS: Mapping[str, Callable[[Gateway, Namespace], Awaitable[None]]] = {
    "list": list_keys, "show": show, "create": create, "change": change, "rotate": rotate, "revoke": revoke,
    "audit": audit, "usage": usage, "report": report,
}  # fmt: skip


async def find(gateway: Gateway, key: str) -> dict[str, Any]:
    """The key of this id or name. Raises RefusedError without one."""
    if ID.fullmatch(key):
        return await gateway.ask("GET", f"/keys/{key}", "key_id")
    async for keys in pages(gateway, key[:-1]):  # what a name begins with comes before it
        for one in keys:
            if one["name"] == key:
                return one
    raise RefusedError(
        f"there is no key {display.printable(key)} that is not revoked; revoked ones have their id alone"
    )


async def pages(gateway: Gateway, after: str) -> AsyncIterator[list[dict[str, Any]]]:
    """Keys that are not revoked, by name, behind `after`."""
    while True:
        page = await gateway.ask("GET", "/keys", "keys", {"after": after, "limit": str(PAGE)})
        yield page["keys"]
        if page["next_after"] is None:
            return
        after = page["next_after"]


def require_meant(key: Mapping[str, Any]) -> None:
    """Asks who sits at the terminal. Raises UsageError where nobody does, RefusedError for a no."""
    if not sys.stdin.isatty():
        raise UsageError("a revoked key is revoked for good: say --yes")
    sys.stderr.write(f"Revoke {display.words(key['name'])} ({key['key_id']}), for good? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise RefusedError("nothing was done")


def write_secret(options: Namespace, key: Mapping[str, Any], done: str) -> None:
    """The key alone on standard output, so that it can go into a file; what else it is where a person reads it."""
    if options.json:
        write_rows(options, [key], ())
        return
    about = {name: value for name, value in key.items() if name != "key"}
    write(sys.stderr, (f"{done}; the key is shown this once:", *display.fields(about)))
    write(sys.stdout, (key["key"],))


def write_rows(options: Namespace, rows: Iterable[Mapping[str, Any]], lines: Iterable[str]) -> None:
    """JSON where that is wanted, an object a line; else the lines."""
    write(sys.stdout, map(json.dumps, rows) if options.json else lines)


def write(file: Any, lines: Iterable[str]) -> None:
    """At once: there may be a person waiting for it."""
    for line in lines:
        file.write(line + "\n")
    file.flush()
