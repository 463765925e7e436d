"""Origins of web pages, as CORS_ORIGINS names them: one by one, or many by a pattern."""

import re
from functools import lru_cache

from shared.http.server.host import host_name

EVERYBODY = "*"

LABELS = r"[a-z0-9-]+(?:\.[a-z0-9-]+)*"
"""What `*` stands for before a domain: any subdomain of it, of whatever depth, and not the domain itself."""

PORT = r"\d{1,5}"

KEPT_ORIGINS = 1024
"""Origins that were compared, the most recent."""


def pattern_of(origin: str) -> re.Pattern[str]:
    """`https://app.example`, `https://*.example.org`, `http://localhost:*` or `*`. ValueError for anything else."""
    if origin == EVERYBODY:
        return re.compile(r".+")
    scheme, separator, authority = origin.lower().partition("://")
    subdomains, bare = authority.startswith("*."), authority.removeprefix("*.")
    any_port, bare = bare.endswith(":*"), bare.removesuffix(":*")
    if scheme not in {"http", "https"} or not separator or host_name(bare.encode()) is None:
        raise ValueError(
            f"{origin!r} is no origin such as https://app.example, https://*.example.org, http://host:* or *"
        )
    before, after = (rf"{LABELS}\." if subdomains else ""), (rf"(?::{PORT})?" if any_port else "")
    return re.compile(rf"{scheme}://{before}{re.escape(bare)}{after}")


class Origins:
    """Which origins are meant; `origin in origins`, as browsers write it in `Origin`."""

    def __init__(self, exact: frozenset[str], patterns: tuple[re.Pattern[str], ...] = ()) -> None:
        self._exact, self._patterns = exact, patterns
        self._fits = lru_cache(KEPT_ORIGINS)(self._look)

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._exact or self._patterns)

    def __contains__(self, origin: object) -> bool:
        return isinstance(origin, bytes) and self._fits(origin)

    def _look(self, origin: bytes) -> bool:
        text = origin.decode("latin-1").lower()
        return text in self._exact or any(pattern.fullmatch(text) for pattern in self._patterns)
