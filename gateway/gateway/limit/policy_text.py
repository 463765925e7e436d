"""Limits as people write them, in a setting or of a key: `60/60s`, `10/1s,60/60s`, `analyze:5/60s`, `9000rows/60s`."""

import re
from collections import Counter
from functools import lru_cache
from typing import Any

from gateway.limit.window import Policy, Window
from gateway.request.route_class import RouteClass

KEPT_POLICIES = 4096
"""Different policies of keys that are kept: keys with the same limits have the same object."""

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LIMIT = re.compile(r"(?:([a-z]+):)?(\d{1,18})(rows)?/(\d{1,18})?([smhd])", re.ASCII)
MAX_QUOTA, MAX_SECONDS = 1_000_000, 86_400
MAX_WINDOWS, MAX_ALIKE = 8, 4
"""In all, and of the same requests: they are an array of each client's row."""


def parse_limits(text: Any) -> Any:
    """Requests per window, such as `60/60s` or `10/1s,60/60s`; several are separated by commas. ValueError otherwise.

    One such as `read:100/60s` counts requests of that class alone, one without a class predictions, feedback and
    reports together, one such as `9000rows/60s` rows of predictions.
    """
    if not isinstance(text, str):
        return text
    if not text:
        raise ValueError("is empty; there is always a limit: leave the variable out for the default")
    windows = sorted(map(parse_window, text.split(",")), key=lambda window: (window.seconds, *counted_in(window)))
    if len(windows) > MAX_WINDOWS:
        raise ValueError(f"at most {MAX_WINDOWS} windows")
    if max(Counter(map(counted_in, windows)).values()) > MAX_ALIKE:
        raise ValueError(f"at most {MAX_ALIKE} windows for the same requests")
    if len({(window.seconds, *counted_in(window)) for window in windows}) != len(windows):
        raise ValueError("two windows of the same length for the same requests")
    return Policy(tuple(windows))


def counted_in(window: Window) -> tuple[str, bool]:
    """What tells the things apart that windows count."""
    return window.route_class or "", window.in_rows


def parse_plain_limits(text: Any) -> Any:
    """As `parse_limits`, where there are neither classes of requests nor rows."""
    policy = parse_limits(text)
    if isinstance(policy, Policy) and any(counted_in(window) != ("", False) for window in policy.windows):
        raise ValueError("takes limits without a class alone, and not in rows, such as 20/60s")
    return policy


def parse_window(text: str) -> Window:
    """One `requests/length` pair, such as `60/60s` or `1000/h`, perhaps of a class, such as `analyze:5/60s`."""
    match = LIMIT.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"{text.strip()!r} is not of the form 60/60s, predict:60/60s or 60rows/60s "
            "(requests/length, with s, m, h or d)"
        )
    name, quota, in_rows, count, unit = match[1], int(match[2]), match[3] is not None, int(match[4] or 1), match[5]
    if name is not None and name not in set(RouteClass):
        raise ValueError(f"{name!r} in {text.strip()!r} is none of {', '.join(RouteClass)}")
    if name is not None and in_rows:
        raise ValueError(f"{text.strip()!r} names a class; rows are of predictions alone, such as 9000rows/60s")
    seconds = count * UNITS[unit]
    if not (1 <= quota <= MAX_QUOTA and 1 <= seconds <= MAX_SECONDS):
        raise ValueError(f"{text.strip()!r} is not 1 to {MAX_QUOTA:,} requests per 1 second to 1 day")
    return Window(quota, seconds, None if name is None else RouteClass(name), in_rows)


@lru_cache(maxsize=KEPT_POLICIES)
def policy_of_text(text: str) -> Policy:
    """As `parse_limits`, remembered."""
    policy: Policy = parse_limits(text)
    return policy
