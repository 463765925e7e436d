"""Ids of requests, traces and spans: they must differ from all others, and are no secret."""

from random import Random

_random = Random()  # noqa: S311 - see above; a system call for each would cost more than the rest


def new_id(bits: int) -> str:
    """So many random bits, not all of them 0, in hexadecimal digits."""
    return f"{_random.getrandbits(bits) or 1:0{bits // 4}x}"
