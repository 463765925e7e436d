"""Responses whose JSON is written where what is in it is known to be right, instead of being validated once more."""

from typing import Any

import orjson
from starlette.responses import Response

Json = dict[str, Any]
"""An object of JSON; times and NumPy's arrays among its values are written as Pydantic's models write them."""


def json_bytes(content: Json) -> bytes:
    """The bytes that a model of Pydantic's with the same fields would give."""
    return orjson.dumps(content, option=orjson.OPT_UTC_Z | orjson.OPT_SERIALIZE_NUMPY)


class WrittenJson(Response):
    """A response, 200, of JSON that is written already; the server says how long it is."""

    def __init__(self, body: bytes) -> None:
        self.status_code, self.body, self.background = 200, body, None
        self.raw_headers = [(b"content-type", b"application/json")]
