"""A claim: what a rule says about the numbers, as data. Its sentence is made from the data, and from nothing else.

So a sentence is as true as its figures: tests compare them with the aggregates they speak of.

Severity says how much it matters, docs/reports.md by which rule:
critical - a critical threshold is met; high - somebody should look today; medium - this week; low - good to know.
"""

from dataclasses import dataclass
from typing import ClassVar

from analytics_service.contracts.report import Finding, Severity

ORDER = tuple(Severity)


@dataclass(frozen=True, slots=True)
class Claim:
    """Subclasses add the data, and say of it how severe it is and how it is told."""

    issue_type: ClassVar[str]
    advice: ClassVar[str]

    @property
    def severity(self) -> Severity:
        """How much it matters."""
        raise NotImplementedError

    @property
    def sentence(self) -> str:
        """The claim in words."""
        raise NotImplementedError

    @property
    def of_baseline(self) -> bool:
        """Whether it compares with a pinned baseline, and says nothing of the window before."""
        return False

    def finding(self) -> Finding:
        """The claim as an issue of a report."""
        return Finding(issue_type=self.issue_type, severity=self.severity, description=self.sentence)


def milder(severity: Severity) -> Severity:
    """One step less."""
    return ORDER[max(ORDER.index(severity) - 1, 0)]
