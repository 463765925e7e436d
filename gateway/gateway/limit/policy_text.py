"""Limits as people write them, in a setting or of a key: `60/60s`, `10/1s,60/60s`."""

import re
from functools import lru_cache
from typing import Any

from gateway.limit.window import Policy, Window

KEPT_POLICIES = 4096
"""Different policies of keys that are kept: keys with the same limits have the same object."""

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LIMIT = re.compile(r"(\d{1,18})/(\d{1,18})?([smhd])", re.ASCII)
MAX_QUOTA, MAX_SECONDS, MAX_WINDOWS = 1_000_000, 86_400, 4


def parse_limits(text: Any) -> Any:
    """`60/60s` or `10/1s,60/60s`: requests per window, several windows separated by commas; ValueError otherwise."""
    if not isinstance(text, str):
        return text
    if not text:
        raise ValueError("is empty; there is always a limit: leave the variable out for the default")
    windows = sorted(map(parse_window, text.split(",")), key=lambda window: window.seconds)
    if len(windows) > MAX_WINDOWS:
        raise ValueError(f"at most {MAX_WINDOWS} windows")
    if len({window.seconds for window in windows}) != len(windows):
        raise ValueError("two windows of the same length")
    return Policy(tuple(windows))


def parse_window(text: str) -> Window:
    """One `requests/length` pair, such as `60/60s` or `1000/h`."""
    match = LIMIT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text.strip()!r} is not of the form 60/60s (requests/length, with s, m, h or d)")
    quota, count, unit = int(match[1]), int(match[2] or 1), match[3]
    seconds = count * UNITS[unit]
    if not (1 <= quota <= MAX_QUOTA and 1 <= seconds <= MAX_SECONDS):
        raise ValueError(f"{text.strip()!r} is not 1 to {MAX_QUOTA:,} requests per 1 second to 1 day")
    return Window(quota, seconds)


@lru_cache(maxsize=KEPT_POLICIES)
def policy_of_text(text: str) -> Policy:
    """As `parse_limits`, remembered."""
    policy: Policy = parse_limits(text)
    return policy
