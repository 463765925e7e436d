"""A label is whatever a model was taught, as long as it can be seen and told apart."""

import pytest

from shared.contracts.labels import check_label

FLAG_OF_ENGLAND = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
"""Written with a joiner between two of its letters."""


@pytest.mark.parametrize("label", ["C#", "n/a", "良い", "👩\u200d💻", PERSIAN, FLAG_OF_ENGLAND, "\ue000", "\u0378"])
def test_a_label_that_can_be_seen_is_one(label: str) -> None:
    assert check_label(label) == label


@pytest.mark.parametrize("label", [" a", "a ", "a\u202eb", "a\u200bb", "a\u200db", "a\u2028b", "a\x00b", "\ud800"])
def test_a_label_that_looks_like_another_is_none(label: str) -> None:
    with pytest.raises(ValueError, match="cannot be printed"):
        check_label(label)
