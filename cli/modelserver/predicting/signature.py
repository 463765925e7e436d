"""What a model takes, as the server says: needed where columns are to be told apart."""

from typing import Any

import aiohttp

from modelserver.errors import UsageError
from modelserver.predicting.patience import IncompleteError
from modelserver.predicting.request import CONNECT_SECONDS, Target
from modelserver.problems import words_of

ONE_TEXT = {"text": "text"}
"""Of a model without declared inputs."""


async def inputs_of(target: Target, name: str | None, version: str | None) -> dict[str, str]:
    """Name of an input → its type. Raises UsageError without such a model, IncompleteError without an answer."""
    timeout = aiohttp.ClientTimeout(total=CONNECT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.get(f"{target.url}/models", headers=target.headers) as response,
        ):
            body = await response.read()
            if response.status != 200:
                raise IncompleteError(f"{target.url}/models: {response.status} {words_of(body)}")
            models: list[dict[str, Any]] = (await response.json())["models"]
    except (TimeoutError, aiohttp.ClientError, ValueError, KeyError) as error:
        raise IncompleteError(f"{target.url}/models: {str(error) or type(error).__name__}") from error
    for model in models:  # the default model first, the newest version of a model first
        if name in {None, model["name"]} and version in {None, model["version"]}:
            return {one["name"]: one["type"] for one in model["inputs"]} or ONE_TEXT
    raise UsageError(f"there is no model {name or ''} {version or ''} at {target.url}")
