"""Every line that a model prints is in the log or among those that are told as left out, however its pieces come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from prediction_service.models.runtimes.python import printed
from prediction_service.models.runtimes.python.printed import MOST_LINES, PrintedLines

LINES = 4 * MOST_LINES
TEXT = b"".join(b"line %d\n" % number for number in range(LINES))


@given(cuts=st.lists(st.integers(0, len(TEXT)), max_size=30), seconds=st.lists(st.booleans(), min_size=31, max_size=31))
def test_none_is_lost_and_none_is_told_in_part(cuts: list[int], seconds: list[bool]) -> None:
    places = [0, *sorted(cuts), len(TEXT)]
    second = 0
    with pytest.MonkeyPatch.context() as patch, capture_logs() as logged:
        patch.setattr(printed, "monotonic", lambda: second)
        lines = PrintedLines("own")
        for start, stop, is_next in zip(places, places[1:], seconds, strict=False):
            second += is_next
            if start < stop:
                lines.take(TEXT[start:stop])
        lines.end()
    told = [entry["line"] for entry in logged if entry["event"] == "model printed"]
    left_out = sum(entry["lines_left_out"] for entry in logged if entry["event"] == "model prints too much")
    assert len(told) + left_out == LINES
    assert set(told) <= {line.decode() for line in TEXT.splitlines()}
