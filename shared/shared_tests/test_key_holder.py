"""Who holds a key, as the gateway tells the services: under a seal that nobody else can make."""

import random

import pytest

from shared.contracts.rights import Right
from shared.http.key_holder import HOLDER_HEADER, HolderNotBelieved, KeyHolder, has_models, holder_of, opened, sealed

KEY_ID = "6f2c1a52-3c0e-4d2e-9a54-1f0d7b0c9a11"
SECRET = "sixteen-letters-1"


@pytest.mark.parametrize("rights", [[], ["predict"], ["admin", "read"], list(Right)])
def test_what_was_sealed_is_read_again(rights: list[str]) -> None:
    holder = KeyHolder(KEY_ID, frozenset(map(Right, rights)))
    assert opened(sealed(holder, SECRET), SECRET) == holder


SOME = {Right.PREDICT: frozenset({"sentiment", "spam-words.v2"}), Right.ADMIN: frozenset({"a" * 100})}


@pytest.mark.parametrize("rights", [[], ["read"], list(Right)])
def test_models_are_sealed_with_the_rights_that_are_for_them(rights: list[str]) -> None:
    holder = KeyHolder(KEY_ID, frozenset(map(Right, rights)).union(SOME), SOME)
    value = sealed(holder, SECRET)
    assert opened(value, SECRET) == holder
    assert has_models({"headers": [(HOLDER_HEADER, value)]})
    for other in (
        value.replace(b"sentiment", b"sentimens"),
        value.replace(b"predict=", b"analyze="),
        without_models(value),
    ):
        with pytest.raises(HolderNotBelieved):
            opened(other, SECRET)


def without_models(value: bytes) -> bytes:
    key_id, rights, _, seal = value.split(b" ")
    return b" ".join([key_id, rights, seal])


def test_a_key_without_models_is_told_as_before_there_were_any() -> None:
    value = sealed(KeyHolder(KEY_ID, frozenset({Right.READ, Right.PREDICT})), SECRET)
    assert value.split(b" ")[:2] == [KEY_ID.encode(), b"predict,read"]
    assert not has_models({"headers": [(HOLDER_HEADER, value)]})
    assert not has_models({"headers": []})


def test_a_right_is_for_all_models_as_soon_as_one_that_is_enough_is() -> None:
    holder = KeyHolder(KEY_ID, frozenset({Right.READ}).union(SOME), SOME)
    assert holder.models_for(Right.READ) is None
    assert holder.models_for(Right.PREDICT) == SOME[Right.PREDICT] | SOME[Right.ADMIN]
    assert holder.models_for(Right.FEEDBACK) == holder.models_for() == SOME[Right.ADMIN]
    assert holder.models_for(*Right) is None
    assert KeyHolder(KEY_ID, frozenset({Right.READ})).models_for(Right.PREDICT) == frozenset()


def test_nothing_that_differs_from_it_is_believed() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    value = sealed(KeyHolder(KEY_ID, frozenset({Right.READ})), SECRET)
    for _ in range(500):
        forged = bytearray(value)
        forged[rng.randrange(len(forged))] = rng.randrange(256)
        if forged != value:
            with pytest.raises(HolderNotBelieved):
                opened(bytes(forged), SECRET)
    for other in (value.replace(b" read ", b" admin "), value.upper(), value + b" ", b"", value[:-1]):
        with pytest.raises(HolderNotBelieved):
            opened(other, SECRET)
    with pytest.raises(HolderNotBelieved):
        opened(value, "another-secret-1")


def test_without_the_header_nobody_has_shown_a_key() -> None:
    assert holder_of({"headers": []}, SECRET) is None
    value = sealed(KeyHolder(KEY_ID, frozenset({Right.READ})), SECRET)
    assert holder_of({"headers": [(HOLDER_HEADER, value)]}, SECRET) == KeyHolder(KEY_ID, frozenset({Right.READ}))
