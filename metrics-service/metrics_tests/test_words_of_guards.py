"""A guard says how sure it is in numbers that people read."""

import pytest

from metrics_service.guards.words import times


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (8.2412, "8.24"),
        (166.67, "167"),
        (83853.9, "83,900"),
        (4.2e8, "420,000,000"),
        (1e260, "more than a billion"),
    ],
)
def test_how_seldom_something_is_has_no_exponent(number: float, said: str) -> None:
    assert times(number) == said
