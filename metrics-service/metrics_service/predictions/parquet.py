"""Parquet of lines of JSON, as they come: a row group whenever enough is there, so that memory does not grow."""

import asyncio
from collections.abc import AsyncGenerator
from io import BytesIO, RawIOBase
from typing import Any

GROUP_BYTES = 8 * 1024 * 1024
"""Lines of one row group, in bytes: some twenty thousand predictions."""

TYPES = {
    "timestamp": "timestamp[us, tz=UTC]",
    "confidence": "float64",
    "prediction_value": "float64",
    "inference_time_ms": "float64",
    "actual_value": "float64",
    "input_length": "int64",
    "feedback_given_at": "timestamp[us, tz=UTC]",
    "feedback_is_trusted": "bool",
}
"""Of the columns that are no text."""


async def parquet_of(lines: AsyncGenerator[bytes, None], names: tuple[str, ...]) -> AsyncGenerator[bytes, None]:
    """A file with these columns, piece by piece; one without rows is a file, too."""
    file = await asyncio.to_thread(ParquetFile, names)
    waiting: list[bytes] = []
    size = 0
    async for piece in lines:
        waiting.append(piece)
        size += len(piece)
        if size >= GROUP_BYTES:
            whole, _, rest = b"".join(waiting).rpartition(b"\n")
            waiting, size = [rest], len(rest)
            yield await asyncio.to_thread(file.add, whole)
    yield await asyncio.to_thread(file.end, b"".join(waiting))


class ParquetFile:
    """Written in memory and taken out piece by piece; every method blocks, and gives what is ready to be sent.

    The library is large and seldom needed, so it is imported here and not when the service starts.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        import pyarrow as arrow
        from pyarrow import json, parquet

        self._arrow: Any = arrow
        self._json: Any = json
        self._schema = arrow.schema([(name, self._type(TYPES.get(name, "string"))) for name in names])
        self._outlet = Outlet()
        self._writer = parquet.ParquetWriter(arrow.PythonFile(self._outlet, mode="w"), self._schema, compression="zstd")

    def _type(self, name: str) -> Any:
        """A type of the library by its name."""
        return self._arrow.timestamp("us", "UTC") if name.startswith("timestamp") else self._arrow.type_for_alias(name)

    def add(self, lines: bytes) -> bytes:
        """One more row group."""
        if lines.strip():
            table = self._json.read_json(
                BytesIO(lines),
                read_options=self._json.ReadOptions(use_threads=False, block_size=len(lines) + 1),
                parse_options=self._json.ParseOptions(explicit_schema=self._schema, unexpected_field_behavior="error"),
            )
            self._writer.write_table(table.select(self._schema.names))
        return self._outlet.taken()

    def end(self, lines: bytes) -> bytes:
        """The last row group, and the end of the file."""
        last = self.add(lines)
        self._writer.close()
        return last + self._outlet.taken()


class Outlet(RawIOBase):
    """A file that keeps what was written until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        """It is there for that."""
        return True

    def write(self, data: Any) -> int:
        """Keeps a copy."""
        self._pieces.append(bytes(data))
        return len(self._pieces[-1])

    def taken(self) -> bytes:
        """What was written since the last time."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
