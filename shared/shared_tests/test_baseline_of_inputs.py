"""What `baseline.json` says about inputs: which bins there are, which one a value is in, what makes no sense."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.contracts.baseline import MAX_INPUT_BINS, MISSING_BIN, CategoryInput, ModelBaseline, NumberInput

ROOMS = {"edges": [1, 2.5, 4], "counts": [10, 20, 30, 40], "missing": 5}
CITY = {"values": ["Ankara", "Izmir"], "counts": [7, 8], "other": 2}


def inputs(**named: object) -> ModelBaseline:
    return ModelBaseline.model_validate({"inputs": named})


def test_numbers_have_edges_and_categories_values() -> None:
    baseline = inputs(rooms=ROOMS, city=CITY)
    assert baseline.inputs["rooms"] == NumberInput(edges=[1.0, 2.5, 4.0], counts=[10, 20, 30, 40], missing=5)
    assert baseline.inputs["city"] == CategoryInput(values=["Ankara", "Izmir"], counts=[7, 8], other=2, missing=0)
    assert ModelBaseline.model_validate(baseline.model_dump(mode="json")) == baseline


@pytest.mark.parametrize(
    ("value", "found"),
    [(-1e300, 0), (0.99, 0), (1, 1), (2.499, 1), (2.5, 2), (4, 3), (float("inf"), 3), (float("-inf"), 0)],
)
def test_a_bin_begins_with_its_edge_and_ends_before_the_next(value: float, found: int) -> None:
    assert NumberInput.model_validate(ROOMS).bin_of(value) == found


def test_what_is_not_there_is_missing() -> None:
    assert NumberInput.model_validate(ROOMS).bin_of(None) == MISSING_BIN
    assert NumberInput.model_validate(ROOMS).bin_of(float("nan")) == MISSING_BIN
    assert CategoryInput.model_validate(CITY).bin_of(None) == MISSING_BIN


def test_a_value_that_is_not_listed_is_another() -> None:
    city = CategoryInput.model_validate(CITY)
    assert [city.bin_of(value) for value in ("Ankara", "Izmir", "Bursa", "ankara", "")] == [0, 1, 2, 2, 2]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50, unique=True), st.floats(-1e7, 1e7))
def test_every_number_is_in_the_bin_whose_edges_are_around_it(edges: list[float], value: float) -> None:
    edges.sort()
    found = NumberInput(edges=edges, counts=[0] * (len(edges) + 1)).bin_of(value)
    assert all(edge <= value for edge in edges[:found])
    assert all(edge > value for edge in edges[found:])


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ({"edges": [1, 1], "counts": [1, 1, 1]}, "must be above"),
        ({"edges": [2, 1], "counts": [1, 1, 1]}, "must be above"),
        ({"edges": [1, 2], "counts": [1, 1]}, "3 bins, not 2"),
        ({"edges": [], "counts": [1]}, "at least 1 item"),
        ({"edges": ["1"], "counts": [1, 1]}, "valid number"),
        ({"edges": [float("inf")], "counts": [1, 1]}, "finite"),
        ({"edges": [1], "counts": [1, -1]}, "greater than or equal"),
        ({"edges": [1], "counts": [1, 1], "values": ["a"]}, "Extra inputs"),
        ({"values": ["a", "a"], "counts": [1, 1]}, "twice"),
        ({"values": ["a"], "counts": [1, 1]}, "as many counts"),
        ({"values": ["(other)"], "counts": [1]}, "no value can be called"),
        ({"values": [], "counts": []}, "at least 1 item"),
        ({"counts": [1]}, "Field required"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(column: dict, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        inputs(column=column)


def test_all_inputs_together_have_a_bound() -> None:
    wide = {"values": [f"v{n}" for n in range(1000)], "counts": [1] * 1000}
    inputs(a=wide, b=wide, c=wide, d=wide)
    with pytest.raises(ValidationError, match=str(MAX_INPUT_BINS)):
        inputs(a=wide, b=wide, c=wide, d=wide, e=wide)
