"""Who holds a key, as the gateway tells the services: under a seal that nobody else can make."""

import random

import pytest

from shared.contracts.rights import Right
from shared.http.key_holder import HOLDER_HEADER, HolderNotBelieved, KeyHolder, holder_of, opened, sealed

KEY_ID = "6f2c1a52-3c0e-4d2e-9a54-1f0d7b0c9a11"
SECRET = "sixteen-letters-1"


@pytest.mark.parametrize("rights", [[], ["predict"], ["admin", "read"], list(Right)])
def test_what_was_sealed_is_read_again(rights: list[str]) -> None:
    holder = KeyHolder(KEY_ID, frozenset(map(Right, rights)))
    assert opened(sealed(holder, SECRET), SECRET) == holder


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
