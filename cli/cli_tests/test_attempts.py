"""Ways to convert a model are tried one after the other, and none of them for ever."""

from collections.abc import Callable

import pytest

from modelserver.errors import RefusedError, UsageError
from modelserver.importing.attempts import bounded, first_of
from modelserver.importing.original import Converted

GOOD = Converted("good", b"", ())


def failing(error: Exception) -> Callable[[], Converted]:
    def convert() -> Converted:
        raise error

    return convert


def endless() -> None:
    while True:
        pass


def test_a_way_that_fails_is_left_out() -> None:
    assert list(first_of([("bad", failing(KeyError("node"))), ("good", lambda: GOOD)])) == [GOOD]


def test_when_all_fail_the_first_is_told() -> None:
    with pytest.raises(RefusedError, match="cannot be converted; one: ValueError: no such operator"):
        list(first_of([("one", failing(ValueError("no such operator"))), ("two", failing(KeyError("node")))]))


def test_a_missing_library_is_no_failure_of_the_way() -> None:
    with pytest.raises(UsageError, match="skl2onnx"):
        list(first_of([("one", failing(UsageError("skl2onnx is not installed"))), ("good", lambda: GOOD)]))


def test_one_that_never_ends_is_ended() -> None:
    with pytest.raises(TimeoutError, match=r"is not done after 0\.05 s"), bounded(0.05):
        endless()
    with bounded(60):
        pass
