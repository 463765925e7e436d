"""How a CSV is written: its encoding and what stands between its cells, as spreadsheets and libraries differ."""

import codecs
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from modelserver.errors import UsageError

DELIMITERS = ",;\t|"

UTF8 = "utf-8"

EXCEL_HINT = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
"""A first line by which Excel is told."""

MARKS = {codecs.BOM_UTF8: UTF8, codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}

OUTSIDE_QUOTES = re.compile(r'"[^"]*"')


@dataclass(frozen=True, slots=True)
class Dialect:
    """`decimal`: what stands before the decimals of a number."""

    encoding: str = UTF8
    delimiter: str = ","
    decimal: str = "."

    @property
    def is_the_servers(self) -> bool:
        """Whether rows can be sent as they are."""
        return self.delimiter == "," and self.decimal == "."


def find_dialect(beginning: bytes, encoding: str | None, delimiter: str | None, decimal: str) -> Dialect:
    """From the first bytes of a file, as far as it is not said. Raises UsageError."""
    encoding = checked(encoding) or next((name for mark, name in MARKS.items() if beginning.startswith(mark)), UTF8)
    if delimiter is None:
        text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(beginning).removeprefix("\ufeff")
        hint = EXCEL_HINT.match(text)
        header = OUTSIDE_QUOTES.sub("", text).split("\n", 1)[0]
        delimiter = hint.group(1) if hint else max(DELIMITERS, key=header.count)
    if decimal == delimiter:
        raise UsageError(f"--decimal and the delimiter are both {decimal!r}")
    return Dialect(encoding, delimiter, decimal)


async def as_utf8(blocks: AsyncIterator[bytes], encoding: str) -> AsyncIterator[tuple[bytes, int]]:
    """UTF-8 without a byte order mark and without Excel's hint; and how many bytes of the input it took.

    Bytes that are no UTF-8 where it should be stay as they are: the server says so row by row. Raises UsageError for
    bytes that another encoding does not have.
    """
    decoder = None if is_utf8(encoding) else codecs.getincrementaldecoder(encoding)()
    taken, begun, held = 0, False, b""
    async for block in blocks:
        taken += len(block)
        data = block if decoder is None else decoded(decoder, block, taken)
        if begun:
            yield data, taken
            continue
        held += data
        if len(held) < len("sep=;\r\n") + len(codecs.BOM_UTF8):
            continue  # a pipe may give byte by byte
        begun = True
        yield beginning_of(held), taken
    if not begun:
        yield beginning_of(held), taken
    if decoder is not None:
        decoded(decoder, b"", taken, final=True)


def decoded(decoder: codecs.IncrementalDecoder, block: bytes, taken: int, *, final: bool = False) -> bytes:
    """As UTF-8. Raises UsageError."""
    try:
        return decoder.decode(block, final).encode()
    except UnicodeError as error:
        place = taken - len(block)
        raise UsageError(f"the input is not what --encoding says, from byte {place} on: {error}") from None


def checked(encoding: str | None) -> str | None:
    """The same. Raises UsageError for an encoding of texts that does not exist."""
    try:
        "".encode(encoding or UTF8)
    except LookupError:
        raise UsageError(f"--encoding {encoding}: there is no such encoding") from None
    return encoding


def is_utf8(encoding: str) -> bool:
    """Whether nothing has to be converted."""
    return codecs.lookup(encoding).name in {UTF8, "utf-8-sig", "ascii"}


def beginning_of(data: bytes) -> bytes:
    """Without what is no part of the first row."""
    data = data.removeprefix(codecs.BOM_UTF8)
    hint = re.match(EXCEL_HINT.pattern.encode(), data, re.IGNORECASE)
    return data[hint.end() :] if hint else data
