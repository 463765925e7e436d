"""With many labels no one of them says much; all together do."""

import random
from collections import Counter
from fractions import Fraction
from itertools import product
from math import comb, prod

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metrics_service.drift.certainty import FALSE_ALARMS
from metrics_service.drift.comparison import Comparison, compare
from metrics_service.drift.joint_chance import least_chance, likelihood_ratio
from metrics_service.drift.splits import splits
from shared.contracts.drift import DriftStatus

STABLE, SLIGHT, MODERATE, SIGNIFICANT, NOT_ENOUGH_DATA = DriftStatus
CLAIMS = (SLIGHT, MODERATE, SIGNIFICANT)
MEASURES = 3
SEED = 20

Shares = dict[str, float]


def equal(labels: int) -> Shares:
    return {f"label {number:03}": 1.0 for number in range(labels)}


def falling(labels: int) -> Shares:
    return {name: 1 / number for number, name in enumerate(equal(labels), start=1)}


def renamed(shares: Shares, every: int) -> Shares:
    return {
        name if number % every else f"new {name}": share for number, (name, share) in enumerate(shares.items(), start=1)
    }


def drawn(generator: random.Random, size: int, shares: Shares) -> Counter[str]:
    return Counter(generator.choices(list(shares), list(shares.values()), k=size))


def verdicts(size: tuple[int, int], before: Shares, now: Shares, times: int = 40) -> list[DriftStatus]:
    generator = random.Random(SEED)
    print(f"seed {SEED}")
    return [
        compare(drawn(generator, size[0], before), drawn(generator, size[1], now), measures=MEASURES).status
        for _ in range(times)
    ]


@pytest.mark.parametrize("labels", [2, 10, 20, 100, 300])
@pytest.mark.parametrize("size", [(1000, 50), (50, 1000), (100, 100), (250, 250), (1000, 1000), (100_000, 50)])
@pytest.mark.parametrize("shares", [equal, falling])
def test_labels_that_are_all_new_are_found_and_significant(labels: int, size: tuple[int, int], shares) -> None:
    found = verdicts(size, shares(labels), renamed(shares(labels), every=1), times=10)
    assert set(found) == {SIGNIFICANT}


@pytest.mark.parametrize("labels", [2, 10, 20, 100])
def test_five_predictions_of_labels_that_a_thousand_never_had_are_found(labels: int) -> None:
    assert set(verdicts((1000, 5), equal(labels), renamed(equal(labels), every=1))) == {SIGNIFICANT}


@pytest.mark.parametrize(("labels", "size"), [(20, (1000, 50)), (20, (100, 100)), (100, (250, 250)), (9, (60, 60))])
def test_half_of_the_labels_replaced_is_found(labels: int, size: tuple[int, int]) -> None:
    found = verdicts(size, equal(labels), renamed(equal(labels), every=2))
    assert sum(status in CLAIMS for status in found) >= 38, Counter(found)


@pytest.mark.parametrize(
    ("labels", "size"), [(20, (1000, 100)), (20, (200, 200)), (100, (200, 200)), (50, (150, 1000))]
)
def test_shares_that_labels_have_traded_are_found(labels: int, size: tuple[int, int]) -> None:
    shares = falling(labels)
    traded = dict(zip(shares, reversed(shares.values()), strict=True))
    assert set(verdicts(size, shares, traded)) == {SIGNIFICANT}


def test_a_change_that_no_label_shows_alone_is_found_by_all_together() -> None:
    """Of 50 labels every other one is a third more frequent: in single ones that is too little to be certain."""
    shares = equal(50)
    now = {name: 1 + (1 if number % 2 else -1) / 3 for number, name in enumerate(shares)}
    assert set(verdicts((3000, 3000), shares, now, times=20)) <= {MODERATE, SLIGHT}


@pytest.mark.parametrize("labels", [3, 20, 100, 300])
@pytest.mark.parametrize("size", [(50, 50), (1000, 30), (300, 300)])
@pytest.mark.parametrize("shares", [equal, falling])
def test_without_a_change_nothing_is_claimed(labels: int, size: tuple[int, int], shares) -> None:
    """By the promise at most a third of 1,000 pairs claims one on average, as labels are one measure of three."""
    found = verdicts(size, shares(labels), shares(labels), times=300)
    assert sum(status in CLAIMS for status in found) <= 2


@pytest.mark.parametrize(("before", "now"), [(20, 20), (50, 50)])
def test_stable_is_not_said_where_not_even_new_labels_would_have_been_found(before: int, now: int) -> None:
    shares = equal(300)
    assert set(verdicts((before, now), shares, shares)) == {NOT_ENOUGH_DATA}
    assert set(verdicts((before, now), shares, renamed(shares, every=1))) == {NOT_ENOUGH_DATA}


@pytest.mark.parametrize("labels", [3, 10, 40])
def test_what_is_said_to_be_detectable_is_found_however_it_is_spread(labels: int) -> None:
    size, shares = (4000, 2000), equal(labels)
    told = compare(dict.fromkeys(shares, 4000 // labels), dict.fromkeys(shares, 2000 // labels), measures=MEASURES)
    assert told.detectable_psi is not None
    # Of shares that are alternately higher and lower by a part, PSI is about that part's square.
    part = told.detectable_psi**0.5
    now = {name: 1 + (part if number % 2 else -part) for number, name in enumerate(shares)}
    found = verdicts(size, shares, now, times=60)
    assert sum(status in CLAIMS for status in found) >= 52, (told.detectable_psi, Counter(found))


tables = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=5).filter(
    lambda bins: any(before for before, _ in bins) and any(now for _, now in bins)
)


def exactly(bins: list[tuple[int, int]]) -> Fraction:
    """How often a random deal is at least as far apart, by counting every deal."""
    bins = [one for one in bins if sum(one)]
    held, drawn = [sum(one) for one in bins], sum(now for _, now in bins)
    share = drawn / sum(held)

    def ratio(nows: tuple[int, ...]) -> float:
        return sum(likelihood_ratio(now, size, share) for now, size in zip(nows, held, strict=True))

    seen, ways = ratio(tuple(now for _, now in bins)), 0
    for nows in product(*(range(size + 1) for size in held)):
        if sum(nows) == drawn and ratio(nows) >= seen - 1e-9:
            ways += prod(comb(size, now) for size, now in zip(held, nows, strict=True))
    return Fraction(ways, comb(sum(held), drawn))


@given(tables)
@example([(4, 0), (4, 0), (0, 4), (0, 4), (0, 1)])
def test_the_joint_chance_is_never_understated(bins: list[tuple[int, int]]) -> None:
    assert least_chance(bins) >= float(exactly(bins)) * (1 - 1e-9)


@given(st.lists(st.tuples(st.integers(0, 10_000_000), st.integers(0, 60)), min_size=2, max_size=9))
@example([(10_000_000, 1), (5_000_000, 0), (3, 2)])
def test_the_joint_chance_is_the_same_whichever_side_is_called_the_window(bins: list[tuple[int, int]]) -> None:
    """And costs no more: of ten million on one side no number is looked at one by one."""
    turned = [(now, before) for before, now in bins]
    assert least_chance(turned) == pytest.approx(least_chance(bins), rel=1e-6)


@pytest.mark.parametrize(("size", "labels"), [((60, 60), 12), ((400, 20), 30), ((500, 500), 8), ((3000, 3000), 20)])
def test_the_joint_chance_of_larger_tables_is_not_understated_either(size: tuple[int, int], labels: int) -> None:
    """Held against how often random deals come as low: a chance of at most 0.02 at most twice in 100."""
    generator, times = random.Random(SEED), 1500
    print(f"seed {SEED}")
    low = 0
    for _ in range(times):
        before, now = (drawn(generator, n, falling(labels)) for n in size)
        low += least_chance([(before[name], now[name]) for name in before.keys() | now.keys()]) <= 0.02
    assert low <= 0.02 * times


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)).filter(any), min_size=1, max_size=12))
def test_every_split_leaves_something_on_both_sides(bins: list[tuple[int, int]]) -> None:
    total = sum(map(sum, bins))
    for is_ordered in (False, True):
        sides = splits(bins, is_ordered=is_ordered)
        assert len(sides) >= 1
        assert len(bins) == 1 or all(0 < sum(side) < total for side in sides)


def test_a_thousand_labels_are_compared_in_a_moment_and_ten_thousand_have_a_verdict() -> None:
    for labels in (1000, 10_000):
        reference = dict.fromkeys(equal(labels), 100)
        found: Comparison = compare(reference, {f"new {name}": 10 for name in reference}, measures=MEASURES)
        assert found.status is SIGNIFICANT
        assert found.p_value is not None
        assert found.p_value < FALSE_ALARMS
