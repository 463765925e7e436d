"""What a person at the terminal sees, which is true whether or not a proxy holds the answers back."""

import sys
from collections import deque
from typing import Any

from tqdm import tqdm

SENT, ANSWERED = "sent, not answered yet", "answered"


class Progress:
    """A bar of the input's bytes: those whose rows are answered, or, as long as no answer comes, those sent.

    `at` and `words` are what it shows. `hidden` None: where no terminal is.
    """

    def __init__(self, total: int | None, rows: int, *, hidden: bool | None) -> None:
        self.words, self.at = SENT, 0
        self._bar: Any = tqdm(
            total=total, unit="B", unit_scale=True, desc=SENT, disable=hidden, file=sys.stderr, mininterval=0.2
        )
        self._places: deque[tuple[int, int]] = deque()  # rows up to here, bytes up to here; of what is under way
        self._answered_at, self._rows = 0, f"{rows:,} rows"

    def connected(self) -> None:
        """A new request: nothing is under way."""
        self._places.clear()
        self._show(SENT, self._answered_at)

    def sent(self, rows: int, at: int) -> None:
        """The server has been given these."""
        self._places.append((rows, at))
        if self.words == SENT:
            self._show(SENT, at)

    def answered(self, rows: int, failed: int) -> None:
        """So many rows have their lines."""
        while self._places and self._places[0][0] <= rows:
            self._answered_at = self._places.popleft()[1]
        self._rows = f"{rows:,} rows" + (f", {failed:,} failed" if failed else "")
        self._show(ANSWERED, self._answered_at)

    def _show(self, words: str, at: int) -> None:
        if words != self.words:
            self._bar.set_description(words, refresh=False)
        self._bar.set_postfix_str(self._rows, refresh=False)
        if at < self.at:
            self._bar.reset()
            self._bar.update(at)
        else:
            self._bar.update(at - self.at)
        self.words, self.at = words, at

    def say(self, words: str) -> None:
        """One line above the bar."""
        tqdm.write(words, file=sys.stderr)

    def close(self) -> None:
        """Leaves the bar as it is."""
        self._bar.close()
