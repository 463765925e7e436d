"""An e-value is at most 1 on average while the claim holds, which is all that the guards' promise rests on: exactly."""

from itertools import product
from math import comb, exp, log

import pytest

from metrics_service.guards.e_value import Alternative, Block, Outcomes, log_e_value, log_e_value_of_limit
from metrics_service.guards.evidence import Evidence

ROUNDING = 1 + 1e-9
SHARES = (0.0, 0.001, 0.05, 0.3, 0.5, 0.9, 1.0)
ALTERNATIVES = (Alternative(0.1, 0.01), Alternative(0.5, 0.02), Alternative(0.9, 0.6), Alternative(0.99, 0.001))


def probability(bad: int, number: int, share: float) -> float:
    return comb(number, bad) * share**bad * (1 - share) ** (number - bad)


def average(n: int, m: int, p: float, q: float, alternative: Alternative, tolerance: float) -> float:
    """The e-value over every block that there can be, by how probable it is."""
    return sum(
        probability(a, n, p)
        * probability(b, m, q)
        * exp(log_e_value(Block(Outcomes(n, a), Outcomes(m, b)), alternative, tolerance))
        for a, b in product(range(n + 1), range(m + 1))
    )


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize("tolerance", [0.0, 0.001, 0.05, 0.2])
@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 9), (7, 1), (5, 5), (2, 30)])
def test_on_average_it_is_at_most_one_wherever_the_claim_holds(
    n: int, m: int, tolerance: float, alternative: Alternative
) -> None:
    shares = [(p, q) for p, q in product((*SHARES, 0.051, 0.35, 0.7), SHARES) if p <= q + tolerance]
    assert max(average(n, m, p, q, alternative, tolerance) for p, q in shares) <= ROUNDING


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_beyond_the_claim_it_grows(alternative: Alternative) -> None:
    growth = sum(
        probability(a, 5, alternative.candidate)
        * probability(b, 20, alternative.stable)
        * log_e_value(Block(Outcomes(5, a), Outcomes(20, b)), alternative, 0.0)
        for a, b in product(range(6), range(21))
    )
    assert growth > 0.1


@pytest.mark.parametrize("limit", [0.001, 0.05, 0.6])
def test_against_a_limit_it_is_at_most_one_as_well(limit: float) -> None:
    for share, n in product((*(s for s in SHARES if s <= limit), limit), (1, 4, 20)):
        of_all = sum(
            probability(bad, n, share) * exp(log_e_value_of_limit(Outcomes(n, bad), 0.7, limit)) for bad in range(n + 1)
        )
        assert of_all <= ROUNDING


def test_outcomes_that_hang_together_prove_no_more_than_one() -> None:
    """Of both versions a look is all bad or all good, with the same chance: counted one by one that would kill."""
    alternative, chance = Alternative(0.5, 0.05), 0.1
    looks = [(a, b, probability(a, 1, chance) * probability(b, 1, chance)) for a, b in product((0, 1), repeat=2)]

    def expectation(count: int, *, as_one: bool) -> float:
        blocks = [(Block(Outcomes(count, count * a), Outcomes(count, count * b)), p) for a, b, p in looks]
        if as_one:
            blocks = [(Block(block.candidate.as_one(), block.stable.as_one()), p) for block, p in blocks]
        return sum(p * exp(log_e_value(block, alternative, 0.0)) for block, p in blocks)

    assert expectation(50, as_one=False) > 1000
    assert expectation(50, as_one=True) <= ROUNDING


def test_numbers_between_good_and_bad_are_outcomes_too() -> None:
    """Confidences: any distribution on [0, 1] has an average e-value of at most 1; here of values that lie apart."""
    values, alternative = (0.0, 0.2, 0.45, 1.0), Alternative(0.4, 0.2)
    pairs = list(product(values, repeat=2))
    of_all = sum(exp(log_e_value(Block(Outcomes(1, a), Outcomes(1, b)), alternative, 0.0)) for a, b in pairs)
    assert of_all / len(pairs) <= ROUNDING


def test_a_version_alone_proves_nothing() -> None:
    for block in (Block(Outcomes(50, 50), Outcomes()), Block(Outcomes(), Outcomes(50, 0))):
        assert log_e_value(block, Alternative(0.3, 0.01), 0.0) == pytest.approx(0)
    assert Evidence().log_e == pytest.approx(log(1))
