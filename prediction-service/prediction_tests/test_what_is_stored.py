"""Which texts and inputs are recorded: of all models, of some, and never those that are named."""

import pytest

from prediction_service.stored import Stored, parse_inputs, parse_models


def test_words_of_a_setting_are_a_switch_or_names_of_models() -> None:
    assert [parse_models(word) for word in ("true", "off", "1", "no")] == [True, False, True, False]
    assert parse_models("churn, house-prices") == {"churn", "house-prices"}
    assert parse_models("churn") == {"churn"}
    assert parse_inputs("churn/email, */iban") == (("churn", "email"), ("*", "iban"))


@pytest.mark.parametrize("wrong", ["", ",", "a b", "../x", "true,../x"])
def test_what_is_neither_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="names"):
        parse_models(wrong)


def test_a_text_is_stored_of_the_models_that_are_named_and_never_against_a_ban() -> None:
    assert Stored(texts=True, inputs=False).text_of("a", "hello") == "hello"
    assert Stored(texts=False, inputs=True).text_of("a", "hello") == "hello"
    assert Stored(texts=frozenset({"a"}), inputs=False).text_of("a", "hello") == "hello"
    assert Stored(texts=frozenset({"b"}), inputs=False).text_of("a", "hello") is None
    for ban in (("a", "text"), ("*", "text"), ("a", "txet")):
        assert Stored(texts=True, inputs=True, never=(ban,)).text_of("a", "hello") is None, ban
    for ban in (("b", "text"), ("*", "iban")):
        assert Stored(texts=True, inputs=True, never=(ban,)).text_of("a", "hello") == "hello", ban
