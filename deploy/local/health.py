"""When the stack counts as started, and what is wrong with it then.

All is well, or every service answers and what is not well stays so for a while: a folder that cannot be served, a Redis
that is away. Neither is a reason to stop what works. What says that it is still starting is waited for.
"""

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO, Any

from local.errors import CannotRunError
from local.settings import LocalSettings
from local.stack import START_SECONDS
from shared.contracts.health import SystemHealth
from shared.settings.listen_address import reached_by

WITHOUT_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Proxies of the environment are for calls outside."""

RESPONSE_SECONDS = 2
"""The gateway answers within one, whatever its services do."""

MOST_BYTES, READ_BYTES = 4 << 20, 65_536

UNREADABLE = (OSError, http.client.HTTPException, ValueError)
"""No connection, no HTTP, no health: as good as no response, for it may come yet."""

SETTLED_SECONDS = 3
"""A service connects to its stores within a second or so; what is still amiss after three is amiss."""

Health = Mapping[str, Any]


def base_url(settings: LocalSettings) -> str:
    """How this machine reaches the gateway."""
    host = reached_by(settings.host)
    return f"http://{'localhost' if host == '127.0.0.1' else host}:{settings.port}"


def wait_until_started(settings: LocalSettings, still_runs: Callable[[], None]) -> list[str]:
    """What is not well, as lines; empty: nothing. Raises CannotRunError when a service does not answer for a minute."""
    url = f"http://{reached_by(settings.host)}:{settings.port}/health"
    end = time.monotonic() + START_SECONDS
    seen: list[str] = []
    since = time.monotonic()
    while (health := ask(url)).get("status") != "ok":
        still_runs()
        now = time.monotonic()
        if (found := troubles(health)) != seen:
            seen, since = found, now
        has_settled = now - since >= SETTLED_SECONDS and not is_starting(health)
        if seen and not unreachable(health) and (has_settled or now > end):
            return seen
        if now > end:
            raise CannotRunError(f"not healthy after {START_SECONDS} s: {'; '.join(seen) or 'no answer'}")
        time.sleep(0.1)
    return []


def ask(url: str) -> Health:
    """The gateway's response about health, whatever its status; empty when there is none that can be read."""
    try:
        with WITHOUT_PROXY.open(url, timeout=RESPONSE_SECONDS) as response:
            return parsed(content_of(response))
    except urllib.error.HTTPError as error:
        with error, suppress(*UNREADABLE):
            return parsed(content_of(error)) if error.code == 503 else {}
    except UNREADABLE:
        pass
    return {}


def content_of(response: IO[bytes]) -> bytes:
    """What a response says, as far as it comes in time and is no longer than health can be."""
    end, content = time.monotonic() + RESPONSE_SECONDS, b""
    while piece := response.read1(READ_BYTES):  # type: ignore[attr-defined]  # both kinds of responses have it
        content += piece
        if len(content) > MOST_BYTES or time.monotonic() > end:
            return b""
    return content


def parsed(content: bytes) -> Health:
    """Health as the gateway tells it. Raises ValueError for anything else."""
    return SystemHealth.model_validate_json(content).model_dump(mode="json")


def unreachable(health: Health) -> bool:
    """Whether a service has not said how it is."""
    return any(service["version"] == "unknown" for service in health["services"].values())


def is_starting(health: Health) -> bool:
    """Whether a part says that it is not ok yet."""
    services = health.get("services", {}).values()
    return any(part["is_starting"] for service in services for part in service["components"].values())


def troubles(health: Health) -> list[str]:
    """`service, part: what is wrong`, for every part that is not ok."""
    found = []
    for name, service in health.get("services", {}).items():
        parts = {part: state for part, state in (service.get("components") or {}).items() if state["status"] != "ok"}
        found += [f"{name}, {part}: {state.get('detail') or state['status']}" for part, state in parts.items()]
        if service["status"] != "ok" and not parts:
            found.append(f"{name}: {service.get('detail') or service['status']}")
    return found
