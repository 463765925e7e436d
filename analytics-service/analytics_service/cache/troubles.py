"""Why Redis does not do what it is asked, in words that may be shown to anybody: no host, no user, no key's content."""

import re

from redis.exceptions import AuthenticationError, ResponseError

NO_ANSWER = "not reachable"
LOGIN = "the login is refused"
REFUSED = "refuses what it is asked"

BY_CODE = {
    "NOAUTH": LOGIN,
    "WRONGPASS": LOGIN,
    "OOM": "full: it refuses writes",
    "READONLY": "takes no writes: it is a replica",
    "NOREPLICAS": "takes no writes: too few replicas follow it (min-replicas-to-write)",
    "MISCONF": "cannot write to its disk and refuses writes",
    "LOADING": "loading its data",
    "MASTERDOWN": "a replica that has lost its master, and answers nothing",
    "CLUSTERDOWN": "the cluster has no server for some keys",
    "TRYAGAIN": "the cluster is moving keys",
    "CROSSSLOT": "is a cluster: REDIS_URL must say redis+cluster",
    "MOVED": "is a cluster: REDIS_URL must say redis+cluster",
    "BUSY": "busy with somebody's script",
    "UNKILLABLE": "busy with somebody's script",
    "DENIED": "in protected mode: it takes no connections from here without a password",
    "NOPERM": "its user may not do what is needed",
}
"""The first word of an error, as Redis sends it."""

BY_WORDS = (
    ("max number of clients reached", "has no room for one more connection (maxclients)"),
    ("No master found", "its sentinels name no master"),
    ("DB index is out of range", "has no database of that number"),
    ("SELECT is not allowed in cluster mode", "is a cluster: REDIS_URL must say redis+cluster"),
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is not trusted"),
    ("WRONG_VERSION_NUMBER", "does not speak TLS"),
    ("record layer failure", "does not speak TLS"),
    ("busy running a script", BY_CODE["BUSY"]),
)
"""Errors that have no first word of their own, or lose it on their way through the client."""

COMMAND = re.compile(r"run the '([a-z|_-]{1,40})' command|can't run this command or subcommand(?:.*\[([a-z]{1,40})\])?")
"""The name in brackets is what our probe says."""

KEYS = re.compile(r"permissions to access (?:a|one of the) key|can't access at least one of the keys")
CHANNELS = re.compile(r"permissions to access (?:a|one of the) channel|can't publish to the channel", re.IGNORECASE)
UNKNOWN = re.compile(r"unknown command '?`?([A-Za-z|_-]{1,40})")


def words_for(error: BaseException) -> str:
    """What an error of the client means; one that wraps another means what that means."""
    text = str(error)
    if found := not_permitted(text):
        return found
    code = getattr(error, "status_code", None) or text.split(" ", 1)[0].lstrip("-")
    if code in BY_CODE:
        return BY_CODE[code]
    if found := next((words for signs, words in BY_WORDS if signs in text), ""):
        return found
    if isinstance(error, AuthenticationError):
        return LOGIN
    if isinstance(error.__cause__, Exception) and not isinstance(error, ResponseError):
        return words_for(error.__cause__)
    return within(text) or (REFUSED if isinstance(error, ResponseError) else NO_ANSWER)


def within(text: str) -> str:
    """What is said of an error whose text another error repeats."""
    return next((words for code, words in BY_CODE.items() if re.search(rf"\b{code}\b", text)), "")


def not_permitted(text: str) -> str:
    """What an ACL, or a renamed command, does not let us do; empty when that is not it."""
    if found := COMMAND.search(text):
        return f"its user may not run {found[1] or found[2] or 'a command that the scripts need'}: see docs/stores.md"
    if KEYS.search(text):
        return "its user may not use the keys analysis:*"
    if CHANNELS.search(text):
        return "its user may not use the channels analysis:*"
    if found := UNKNOWN.search(text):
        return f"does not know the command {found[1].lower()}"
    return ""
