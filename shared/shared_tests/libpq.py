"""How libpq itself, from the embedded Postgres, reads a connection string."""

import ctypes
from functools import cache
from pathlib import Path

from shared.embedded import postgres


class Option(ctypes.Structure):
    _fields_ = (
        ("keyword", ctypes.c_char_p),
        ("envvar", ctypes.c_char_p),
        ("compiled", ctypes.c_char_p),
        ("val", ctypes.c_char_p),
        ("label", ctypes.c_char_p),
        ("dispchar", ctypes.c_char_p),
        ("dispsize", ctypes.c_int),
    )


@cache
def library() -> ctypes.CDLL:
    found = ctypes.CDLL(str(Path(postgres.program("postgres")).parents[1] / "lib" / "libpq.so.5"))
    found.PQconninfoParse.restype = found.PQconndefaults.restype = ctypes.POINTER(Option)
    found.PQconninfoParse.argtypes = [ctypes.c_char_p, ctypes.POINTER(ctypes.c_char_p)]
    return found


def options(first: "ctypes._Pointer[Option]") -> list[Option]:
    found = []
    while first[len(found)].keyword is not None:
        found.append(first[len(found)])
    return found


def keywords() -> set[str]:
    """Every parameter that libpq has."""
    return {option.keyword.decode() for option in options(library().PQconndefaults())}


def parse(url: str) -> dict[str, str] | None:
    """What libpq takes from a URL; None when it refuses it."""
    error = ctypes.c_char_p()
    found = library().PQconninfoParse(url.encode(), ctypes.byref(error))
    if not found:
        return None
    return {option.keyword.decode(): option.val.decode() for option in options(found) if option.val is not None}
