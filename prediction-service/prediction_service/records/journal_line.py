"""A line of the journal: what one request adds to the record, with a checksum before it.

Without a response that is kept: `<CRC-32> [<record>, …]`. With one, hashes as hexadecimal digits: `<CRC-32> {"key": …,
"fingerprint": …, "response": …, "records": […]}`.
"""

from datetime import datetime
from typing import Any
from zlib import crc32

import orjson

from prediction_service.records.addition import Addition, KeptResponse
from prediction_service.records.record import Record, filled

CHECKSUM_DIGITS = 8


def encode(addition: Addition) -> bytes:
    """The line of one request: checksum, space, JSON without line ends."""
    records = [filled(record) for record in addition.records]
    kept = addition.kept
    body = orjson.dumps(
        records
        if kept is None
        else {
            "key": kept.key.hex(),
            "fingerprint": kept.fingerprint.hex(),
            "response": kept.body.decode(),
            "records": records,
        }
    )
    return b"%08x %s\n" % (crc32(body), body)


def decode(line: bytes) -> Addition:
    """What a line adds. Raises ValueError if it was damaged."""
    checksum, _, body = line.rstrip(b"\n").partition(b" ")
    if checksum != b"%08x" % crc32(body):
        raise ValueError("the check sum does not match")
    try:
        found = orjson.loads(body)
        if isinstance(found, list):
            return Addition(records_in(found))
        kept = KeptResponse(
            bytes.fromhex(found["key"]), bytes.fromhex(found["fingerprint"]), found["response"].encode()
        )
        return Addition(records_in(found["records"]), kept)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"not a record of this version: {error}") from error


def records_in(found: list[dict[str, Any]]) -> list[Record]:
    """As they were when they were written."""
    return [Record(**{**fields, "created_at": datetime.fromisoformat(fields["created_at"])}) for fields in found]


def keeps_response(line: bytes) -> bool:
    """Whether there is one in it; only a glance, so the line may be damaged all the same."""
    return line[CHECKSUM_DIGITS : CHECKSUM_DIGITS + 2] == b" {"
