"""What a model prints, as lines of the log under its name: few and short ones, however much it prints."""

from time import monotonic, sleep

import structlog

MOST_LINES = 20
"""A second, of one worker."""

MOST_CHARACTERS = 1000
"""Of a line."""

CHUNK_BYTES = 64 << 10

REST_SECONDS = 0.000_25
"""After a full chunk. A model that prints for ever is slowed to some 200 MB/s, which takes little of a processor."""

log = structlog.get_logger()


class PrintedLines:
    """Of one worker."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._begun = b""
        """A line that has no end yet."""
        self._is_torn = False
        """Whether what comes is the rest of a line whose beginning was left out."""
        self._second, self._lines, self._left_out = 0, 0, 0

    def take(self, chunk: bytes) -> None:
        """A piece of what it prints."""
        if len(chunk) == CHUNK_BYTES:
            sleep(REST_SECONDS)
        if self._is_full():
            self._left_out += chunk.count(b"\n")
            self._begun, self._is_torn = b"", not chunk.endswith(b"\n")
            return
        if self._is_torn:
            _, end, chunk = chunk.partition(b"\n")
            self._is_torn = not end
            self._left_out += len(end)
        *lines, begun = (self._begun + chunk).split(b"\n")
        self._begun = begun[: 4 * MOST_CHARACTERS]
        for index, line in enumerate(lines):
            if self._is_full():
                self._left_out += len(lines) - index
                return
            self._write(line)

    def end(self) -> None:
        """It prints no more."""
        if self._begun:
            self._write(self._begun)
        self._tell_left_out()

    def _is_full(self) -> bool:
        """Whether this second has had its lines."""
        second = int(monotonic())
        if second != self._second:
            self._tell_left_out()
            self._second, self._lines = second, 0
        return self._lines >= MOST_LINES

    def _write(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip()
        if text:
            self._lines += 1
            log.info("model printed", model=self._model, line=text[:MOST_CHARACTERS])

    def _tell_left_out(self) -> None:
        if self._left_out:
            log.warning("model prints too much", model=self._model, lines_left_out=self._left_out)
            self._left_out = 0
