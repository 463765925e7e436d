"""What a model gives for a text is probabilities, or it is not answered; nothing is put right in between."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_service.batching.batcher import Batcher
from prediction_service.batching.job import Outcome
from prediction_service.batching.problems import ModelFailed
from prediction_service.tasks.classification import Classification, judged
from prediction_service.tasks.task import BadOutput
from prediction_tests.gated_model import STAYS, GatedRuntime, batcher_of, busy, queued

checked = Classification(["a", "b"]).checked

NONSENSE = [
    [math.nan, 1.0],
    [math.inf, -math.inf],
    [math.inf, 0.0],
    [2.5, -1.5],
    [1.4, -0.4],
    [0.9, 0.9],
    [0.0, 0.0],
    [0.2, 0.3],
    [7.3],
    [-1e30, 1e30],
]


@pytest.mark.parametrize("row", NONSENSE, ids=str)
def test_numbers_that_are_no_probabilities_are_told_as_they_came(row: list[float]) -> None:
    (result,) = checked([row], 1)
    assert isinstance(result, BadOutput)
    assert f"{row[0]:.4g}" in str(result)


@given(st.lists(st.floats(0, 1, allow_subnormal=False), min_size=2, max_size=50).filter(lambda row: sum(row) > 1e-3))
def test_what_adds_up_is_answered_within_its_bounds(weights: list[float]) -> None:
    row = [weight / sum(weights) for weight in weights]
    (result,) = checked([row], 1)
    assert result == row


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=8))
def test_whatever_a_model_gives_the_answer_is_probabilities_or_a_fault(row: list[float]) -> None:
    (result,) = checked([row], 1)
    if isinstance(result, BadOutput):
        assert isinstance(judged(row), BadOutput)
    else:
        assert all(0.0 <= probability <= 1.0 for probability in result)
        assert sum(result) == pytest.approx(1.0, abs=0.01)


def test_rounding_is_no_fault() -> None:
    (result,) = checked([[1.0004, -0.0004]], 1)
    assert result == [1.0, 0.0]


async def test_a_neighbour_that_cannot_be_computed_fails_nobody_elses_request(
    batcher: Batcher, runtime: GatedRuntime
) -> None:
    first = await busy(batcher, runtime)
    mine, theirs = await queued(batcher, "mine"), await queued(batcher, "nan", "theirs")
    runtime.gate.set()
    await first
    (outcome,) = await mine
    assert isinstance(outcome, Outcome)
    failed, answered = await theirs
    assert isinstance(failed, ModelFailed)
    assert isinstance(answered, Outcome)
    assert runtime.calls[1:] == [["mine", "nan", "theirs"], ["nan"]]


async def test_what_fails_in_company_only_is_answered_alone() -> None:
    class Contagious(GatedRuntime):
        """One text spoils the numbers of all that are computed with it."""

        def compute(self, texts):
            rows = super().compute(texts)
            return [[math.nan]] * len(texts) if "nan" in texts else rows

    runtime = Contagious()
    batcher = batcher_of(runtime)
    first = await busy(batcher, runtime)
    mine, theirs = await queued(batcher, "mine"), await queued(batcher, "nan")
    runtime.gate.set()
    await first
    assert isinstance((await mine)[0], Outcome)
    assert isinstance((await theirs)[0], ModelFailed)
    await batcher.close()


async def test_on_the_event_loop_too_only_the_bad_text_fails(batcher: Batcher, runtime: GatedRuntime) -> None:
    runtime.gate.set()
    good, bad = await batcher.run(["quick", "nan"], STAYS)
    assert isinstance(good, Outcome)
    assert isinstance(bad, ModelFailed)
