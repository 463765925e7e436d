"""The bytes of a request's body, whatever its Content-Encoding."""

import asyncio
import zlib

from fastapi import Request

from prediction_service.inference_protocol.errors import BadInference
from shared.runtime.problems import Problem

ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})
"""What `zlib` reads; `request_compression_algorithm` of Triton's client is one of these."""

MAX_BYTES = 16 * 1024 * 1024
"""A body once it is decompressed. The largest that can be accepted, 256 texts of 10,000 characters, is 10 MB in UTF-8;
a megabyte of zeros sent compressed would otherwise become a gigabyte here."""

GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


class UnknownEncoding(Problem):
    """A Content-Encoding that is not read here."""

    status = 415
    title = "Unsupported Media Type"

    def __init__(self) -> None:
        super().__init__("Content-Encoding is gzip, deflate or none.", headers={"Accept-Encoding": "gzip, deflate"})


class BodyTooLarge(Problem):
    """More than a request can have to say."""

    status = 413
    title = "Content Too Large"


async def read_body(request: Request) -> bytes:
    """The body, decompressed. Raises UnknownEncoding, BodyTooLarge, BadInference."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ENCODINGS | {"identity"}:
        raise UnknownEncoding
    body = await request.body()
    return body if encoding == "identity" else await asyncio.to_thread(decompressed, body)


def decompressed(body: bytes) -> bytes:
    """At most MAX_BYTES; no more than that is ever produced."""
    stream = zlib.decompressobj(GZIP_OR_ZLIB)
    try:
        data = stream.decompress(body, MAX_BYTES + 1)
    except zlib.error:
        raise BadInference("The body is not what its Content-Encoding says.") from None
    if len(data) > MAX_BYTES:
        raise BodyTooLarge(f"The body is larger than {MAX_BYTES} bytes once it is decompressed.")
    if not stream.eof or stream.unused_data:
        raise BadInference("The compressed body ends too early, or there is something behind it.")
    return data
