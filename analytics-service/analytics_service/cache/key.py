"""The names under which Redis holds what belongs to one report; pure."""

from dataclasses import dataclass

REPORT_PREFIX, FENCE_PREFIX = "analysis:report:", "analysis:fence:"


@dataclass(frozen=True, slots=True)
class ReportKey:
    """Names everything that Redis holds about one report.

    Braces mark the part that chooses the hash slot of a Redis cluster: all keys of a query share one, so that one
    script may touch them together.
    """

    query_digest: str
    """SHA-256 of the query alone."""
    state_digest: str
    """SHA-256 of the query and the state."""

    @property
    def report(self) -> str:
        """The cached report."""
        return f"{REPORT_PREFIX}{{{self.query_digest}}}:{self.state_digest}"

    @property
    def lock(self) -> str:
        """Who is making the report."""
        return f"analysis:lock:{{{self.query_digest}}}:{self.state_digest}"

    @property
    def fence(self) -> str:
        """How often the lock was taken."""
        return f"{FENCE_PREFIX}{{{self.query_digest}}}:{self.state_digest}"

    @property
    def channel(self) -> str:
        """Where it is said that the lock is free again."""
        return f"analysis:done:{{{self.query_digest}}}:{self.state_digest}"

    @property
    def last(self) -> str:
        """The last report on this query, in whatever state."""
        return last_report_name(self.query_digest)


LAST_REPORT_PREFIX = "analysis:last:"


def last_report_name(query_digest: str) -> str:
    """The last report on a query, in whatever state."""
    return f"{LAST_REPORT_PREFIX}{{{query_digest}}}"
