"""What options ask for, as the API has it."""

import re
from argparse import Namespace
from datetime import UTC, datetime, timedelta
from typing import Any

from modelserver.errors import UsageError
from modelserver.keys import NOTHING

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

DURATION = re.compile(r"([0-9]{1,9})([smhd])")

LONGEST = timedelta(days=36_500)
"""Beyond any date that a server takes, and within those that Python has."""


def wanted_of(options: Namespace) -> dict[str, Any]:
    """What a key shall be like, as far as it is said. Raises UsageError."""
    wanted: dict[str, Any] = {}
    if options.name is not None:
        wanted["name"] = options.name
    if options.rights is not None:
        wanted["rights"] = [right.strip() for right in options.rights.split(",")]
    if options.models is not None:
        wanted["models"] = models_of(options.models)
    if options.limits is not None:
        wanted["limits"] = None if options.limits == NOTHING else options.limits
    if options.max_in_flight is not None:
        wanted["max_in_flight"] = None if options.max_in_flight == NOTHING else number_of(options.max_in_flight)
    if options.expires is not None:
        wanted["expires_at"] = None if options.expires == NOTHING else moment_of(options.expires)
    if options.note is not None:
        wanted["note"] = options.note
    return wanted


def words_for_audit(options: Namespace) -> dict[str, str]:
    """Who, and why, as far as it is said."""
    words = {"reason": options.reason, "changed_by": options.by}
    return {name: word for name, word in words.items() if word is not None}


def models_of(words: list[str]) -> dict[str, list[str]] | None:
    """Of each right those that it is for; None: all rights are for all. Raises UsageError."""
    if words == [NOTHING]:
        return None
    models: dict[str, list[str]] = {}
    for word in words:
        right, separator, names = word.partition("=")
        if not separator:
            raise UsageError(f"--models {word}: say for which right, such as predict=churn,sentiment; or {NOTHING}")
        models.setdefault(right.strip(), []).extend(name.strip() for name in names.split(","))
    return models


def number_of(text: str) -> int:
    """A number of requests. Raises UsageError."""
    if not re.fullmatch("[0-9]{1,9}", text):
        raise UsageError(f"--max-in-flight {text}: is neither a number such as 16 nor {NOTHING}")
    return int(text)


def moment_of(text: str) -> str:
    """A moment with its time zone, from a date or from now on. Raises UsageError."""
    seconds = seconds_of(text)
    if seconds is not None:
        return (datetime.now(UTC) + min(timedelta(seconds=seconds), LONGEST)).isoformat(timespec="seconds")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--expires {text}: is neither a moment such as 2027-01-31T08:30:00Z nor 90d") from None
    if moment.tzinfo is None:
        raise UsageError(f"--expires {text}: in which time zone? {text}{'' if 'T' in text else 'T00:00:00'}Z is UTC")
    return moment.isoformat()


def lifetime_of(text: str) -> int:
    """Seconds that an old key lives on. Raises UsageError."""
    seconds = 0 if text == "0" else seconds_of(text)
    if seconds is None:
        raise UsageError(f"--old-lives {text}: is no duration such as 0, 30m, 12h or 1d")
    return seconds


def seconds_of(text: str) -> int | None:
    """Of `12h`; None: it is none."""
    match = DURATION.fullmatch(text)
    return None if match is None else int(match[1]) * SECONDS[match[2]]
