"""Two instances have one key only if they are the same; what is kept is no larger than it is counted."""

import gc
import math
import tracemalloc
from collections.abc import Callable
from sys import getsizeof

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prediction_service.caching.kept import Kept
from prediction_service.caching.keys import key_of
from prediction_service.caching.sizes import on_its_own, size_of

BUSY = settings(suppress_health_check=[HealthCheck.too_slow])
"""Whatever else the machine does."""

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from([-1.0, -0.0, 0.0, 1.0, 2.0, math.nan, math.inf]),
    st.sampled_from(["", "a", "ä", "1", "1.0", "None", "True", "\x00", "'", "\ud800"]), st.datetimes(),
    st.lists(st.integers(0, 1), max_size=2),
)  # fmt: skip


@BUSY
@given(one=st.tuples(scalars, scalars), other=st.tuples(scalars, scalars))
def test_rows_have_one_key_only_if_they_are_the_same_value_for_value_and_type_for_type(
    one: tuple[object, ...], other: tuple[object, ...]
) -> None:
    assert (key_of(one) == key_of(other)) == (repr(one) == repr(other))


def test_a_key_does_not_depend_on_who_else_refers_to_a_value() -> None:
    text, number = "".join(["a", "lovely", "day"]), float("1.25")
    mine = ("".join(["a", "lovely", "day"]), float("1.25"), "".join(["a", "lovely", "day"]))
    assert key_of((text, number, text)) == key_of(mine)


FLAT = np.zeros(6, np.float32)
TENSORS = [
    FLAT.reshape(2, 3), FLAT.reshape(3, 2), FLAT, np.zeros((2, 3), np.float64), np.zeros((2, 3), np.int32), FLAT[:0],
    FLAT.reshape(2, 3) * np.nan, np.array(["a", "b"], object), np.array(["ab", ""], object),
    np.array([["a", "b"]], object), np.array(["a', 'b"], object),
]  # fmt: skip


def test_tensors_differ_by_form_type_and_numbers() -> None:
    assert len({key_of((tensor,)) for tensor in TENSORS}) == len(TENSORS)
    assert len({key_of(("x", *[tensor] * 2)) for tensor in TENSORS}) == len(TENSORS)
    fortran = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    assert key_of((fortran,)) == key_of((fortran.copy("C"),))
    every_other = np.arange(6, dtype=np.float32)[::2]
    assert key_of((every_other,)) == key_of((every_other.copy(),))


def test_where_one_value_ends_and_the_next_begins_is_part_of_the_key() -> None:
    rows = [("ab", "c"), ("a", "bc"), ("", "abc"), ("abc", ""), ("abc",), ("'ab', 'c'",), ("ab'", "'c")]
    assert len({key_of(row) for row in rows}) == len(rows)
    assert len({key_of((*row, FLAT)) for row in rows}) == len(rows)


def test_what_is_kept_is_not_a_window_of_a_whole_call() -> None:
    call = np.arange(64_000, dtype=np.float32).reshape(64, 1000)
    kept = on_its_own({"a": call[3], "b": [call[4], {"c": call[5]}], "d": (call[6], 1.0), "e": "text"})
    arrays = (kept["a"], kept["b"][0], kept["b"][1]["c"], kept["d"][0])
    assert [array.base for array in arrays] == [None] * 4
    assert [array[0] for array in arrays] == [3000, 4000, 5000, 6000]
    assert type(kept["d"]) is tuple
    assert 16_000 < size_of(kept, 1 << 20) < 20_000


def test_the_size_of_texts_in_an_array_is_that_of_the_texts() -> None:
    assert size_of(np.array(["x" * 1000, "y" * 1000], object), 1 << 20) > 2000


@pytest.mark.parametrize("shape", [lambda text: text, lambda text: [text, 1], lambda text: {"x": [[text]]}])
def test_a_text_beyond_ascii_is_counted_with_the_utf8_that_writing_it_leaves_beside_it(
    shape: Callable[[str], object],
) -> None:
    text = "".join(["Şişli'de güzel bir gün. "] * 50)
    before, counted = getsizeof(text), size_of(shape(text), 1 << 20)
    orjson.dumps(text)
    assert before < getsizeof(text) <= counted


OUTPUTS: dict[str, Callable[[int], object]] = {
    "number": lambda row: row + 0.5,
    "probabilities": lambda row: [row + 0.1, row + 0.2, row + 0.7],
    "vector": lambda row: [row + number / 7 for number in range(100)],
    "array": lambda row: {"x": np.full(100, row, np.float32)},
    "window": lambda row: {"x": np.full((8, 100), row, np.float32)[3]},
    "texts": lambda row: {"x": np.array([f"Anna {row} {number}" for number in range(5)], object)},
    "entities": lambda row: {"entities": [{"text": f"Anna {row} {n}", "score": row + n / 9} for n in range(5)]},
    "empty": lambda row: [[] for _ in range(20)],
}


@pytest.mark.parametrize("kind", OUTPUTS)
def test_a_cache_takes_no_more_memory_than_it_counts(kind: str) -> None:
    rows, most = 1000, 300_000
    kept = Kept(rows, most)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for row in range(2 * rows):
            kept.keep(key_of(f"{row}"), OUTPUTS[kind](row))
            if row % 2:
                kept.find(key_of(f"{row}"))
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert taken < kept.size * 1.05
    assert 0.6 * most < kept.size <= most or len(kept) == rows


def test_a_cache_takes_no_more_than_it_counts_when_its_table_has_just_grown_either() -> None:
    kept, most = Kept(11_000, 1 << 30), 0.0
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for row in range(33_000):
            kept.keep(key_of(f"{row}"), row + 0.5)
            if row > 5000 and row % 100 == 0:
                most = max(most, (tracemalloc.get_traced_memory()[0] - before) / kept.size)
    finally:
        tracemalloc.stop()
    assert 0.8 < most < 1.0
