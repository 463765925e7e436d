"""Numbers as people write them: no exponents, no sixteen digits, no share of `0 %` that is not nothing; pure."""

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from math import floor, log10

DIGITS = 3
"""Significant digits: as many as anybody compares by eye."""

MOST_DIGITS = 9
"""As many as it takes to tell two numbers apart, but not more."""

SMALLEST = 0.001

MOST = 0.505
"""What is called most, is more than half also as it is printed."""

NAMES_TOLD = 4
LONGEST_NAME = 40


def number(value: float, digits: int = DIGITS) -> str:
    """`0.352`, `12.3`, `1,240`; what is less than 1 is not called 1 as long as nine digits can tell."""
    if value == 0:
        return "0"
    if abs(value) < SMALLEST and digits == DIGITS:
        return f"less than {SMALLEST}"
    places = digits - 1 - floor(log10(abs(value)))
    text = f"{round(value, places):,.{max(places, 0)}f}"
    if abs(value) < 1 and text.strip("-").startswith("1") and digits < MOST_DIGITS:
        return number(value, digits + 1)
    return text.rstrip("0").rstrip(".") if "." in text else text


def apart(one: float, other: float) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to see which is larger, if that can be seen at all."""
    for digits in range(DIGITS, MOST_DIGITS + 1):
        texts = number(one, digits), number(other, digits)
        if texts[0] != texts[1]:
            return texts
    return number(one), number(other)


def percent(part: float) -> str:
    """A share, 0 to 1 or more, as `0.8 %`, `12 %`, `99.5 %`; `0 %` and `100 %` only when it is exactly that."""
    hundredths = part * 100
    if 0 < hundredths < 0.1:
        return "less than 0.1 %"
    if 99.9 < hundredths < 100:
        return "more than 99.9 %"
    fine = hundredths < 10 or 90 < hundredths < 100
    text = f"{hundredths:,.1f}" if fine else f"{hundredths:,.0f}"
    return f"{text.removesuffix('.0')} %"


def percents(one: float, other: float) -> tuple[str, str]:
    """Two shares, told apart as far as they can be."""
    texts = percent(one), percent(other)
    if texts[0] != texts[1]:
        return texts
    return f"{number(one * 100, 5)} %", f"{number(other * 100, 5)} %"


def quantity(share: float) -> str:
    """`all`, `most (70 %)` above a half only, or the share itself."""
    return "all" if share == 1 else f"most ({percent(share)})" if share >= MOST else percent(share)


def plural(count: int, noun: str) -> str:
    """`1 prediction`, `5,000 predictions`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b, c, d and 3 more`."""
    told = [name_of(name) for name in names[:NAMES_TOLD]]
    more = len(names) - len(told)
    parts = [*told, f"{more} more"] if more else told
    return joined(parts)


def joined(parts: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def name_of(label: str) -> str:
    """A label as it can stand in a sentence: one line, short, without characters that change how the rest is read."""
    plain = "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in label).replace("`", "'")
    short = " ".join(plain.split()) or "?"
    return f"`{short if len(short) <= LONGEST_NAME else short[: LONGEST_NAME - 1] + '…'}`"


def moment(instant: datetime) -> str:
    """A time as people read it."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
