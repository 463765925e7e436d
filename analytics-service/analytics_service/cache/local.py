"""The last reports of this process, for when Redis or the metrics-service is away."""

from collections import OrderedDict
from dataclasses import dataclass

from analytics_service.cache.key import ReportKey
from analytics_service.cache.redis import CachedReport
from analytics_service.contracts.report import ReportSource

REPORTS_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class LastReport:
    """A report and the state it is about."""

    digest: str
    cached: CachedReport


class LastReports:
    """One report for each of the questions asked last."""

    def __init__(self) -> None:
        self.reports: OrderedDict[str, LastReport] = OrderedDict()

    def remember(self, key: ReportKey, cached: CachedReport) -> None:
        """The newest report on a question."""
        self.reports[key.question] = LastReport(key.digest, cached)
        self.reports.move_to_end(key.question)
        if len(self.reports) > REPORTS_REMEMBERED:
            self.reports.popitem(last=False)

    def on_state(self, key: ReportKey) -> CachedReport | None:
        """Gemini's report on a question, if it is about the very same state; rules say the same anew at once."""
        last = self.reports.get(key.question)
        if last is None or last.digest != key.digest or last.cached.report.source is ReportSource.RULES:
            return None
        return last.cached

    def on_question(self, question: str) -> CachedReport | None:
        """The report on a question, whatever the state was."""
        last = self.reports.get(question)
        return last.cached if last else None

    def forget_all(self) -> None:
        """Operators cleared the cache."""
        self.reports.clear()
