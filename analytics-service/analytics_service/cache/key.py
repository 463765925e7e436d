"""The names under which Redis holds what belongs to one report; pure."""

from dataclasses import dataclass

REPORT_PREFIX, FENCE_PREFIX = "analysis:report:", "analysis:fence:"


@dataclass(frozen=True, slots=True)
class ReportKey:
    """Names everything that Redis holds about one report.

    Braces mark the part that chooses the hash slot of a Redis cluster: all keys of a question share one, so that one
    script may touch them together.
    """

    question: str
    """SHA-256 of the question alone."""
    digest: str
    """SHA-256 of the question and the state."""

    @property
    def report(self) -> str:
        """The cached report."""
        return f"{REPORT_PREFIX}{{{self.question}}}:{self.digest}"

    @property
    def lock(self) -> str:
        """Who is making the report."""
        return f"analysis:lock:{{{self.question}}}:{self.digest}"

    @property
    def fence(self) -> str:
        """How often the lock was taken."""
        return f"{FENCE_PREFIX}{{{self.question}}}:{self.digest}"

    @property
    def channel(self) -> str:
        """Where it is said that the lock is free again."""
        return f"analysis:done:{{{self.question}}}:{self.digest}"

    @property
    def last(self) -> str:
        """The last report on this question, in whatever state."""
        return last_report_name(self.question)


LAST_REPORT_PREFIX = "analysis:last:"


def last_report_name(question: str) -> str:
    """The last report on a question, in whatever state."""
    return f"{LAST_REPORT_PREFIX}{{{question}}}"
