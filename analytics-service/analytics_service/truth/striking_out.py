"""Gemini's sentences against the facts: figures, names and claims of status, as far as that takes no language model.

A sentence that says what is in none of the facts is struck out. What is doubtful stays: a report that loses a true
sentence is worse than one with a vague one. docs/decisions/ has the rule and its reasons.
"""

import re

from analytics_service.contracts.report import Finding, Findings
from analytics_service.metrics_client.facts import Facts
from analytics_service.truth.claims_of_status import contradicts
from analytics_service.truth.directions import wrong_direction
from analytics_service.truth.figures_told import Figures
from analytics_service.truth.names import unknown_name
from analytics_service.truth.of_key import made_up_of_key

SENTENCE_END = re.compile(r"(?<=[.!?])(?<!i\.e\.)(?<!e\.g\.)(?<!vs\.)\s+(?=[^a-z\s])|\n+")


NONE_TOLD = "identified_issues: thresholds are breached, and none is told"


class NothingLeftError(Exception):
    """The summary, or every issue of a window that is in breach, says what the facts do not."""


def true_part(findings: Findings, facts: Facts) -> tuple[Findings, list[str]]:
    """The findings without untrue sentences, and what was wrong with those. Raises NothingLeftError."""
    check = Check(facts)
    summary = check.kept(findings.summary)
    issues = list(filter(None, map(check.issue, findings.identified_issues)))
    cause = check.kept(findings.root_cause_hypothesis or "")
    advice = [kept for each in findings.recommendations if (kept := check.kept(each, plans=True))]
    silent = facts.now.breaches and not issues
    if not summary or silent or (findings.identified_issues and not issues):
        raise NothingLeftError("; ".join(check.faults[:3]) or NONE_TOLD)
    true = {"summary": summary, "identified_issues": issues, "root_cause_hypothesis": cause or None}
    return findings.model_copy(update=true | {"recommendations": advice}), check.faults


class Check:
    """Strikes sentences out; `faults` says of each what is wrong with it, in our own words."""

    def __init__(self, facts: Facts) -> None:
        self.facts, self.figures = facts, Figures(facts)
        self.faults: list[str] = []

    def issue(self, issue: Finding) -> Finding | None:
        """An issue with what is true of its description; None without any."""
        kept = self.kept(issue.description)
        return issue.model_copy(update={"description": kept}) if kept else None

    def kept(self, text: str, *, plans: bool = False) -> str:
        """The sentences that are true, as far as can be told; plans may have figures of their own."""
        kept = []
        for sentence in filter(None, SENTENCE_END.split(text)):
            fault = self.fault(sentence, plans=plans)
            if fault:
                self.faults.append(fault)
            else:
                kept.append(sentence)
        return text if len(kept) == len(list(filter(None, SENTENCE_END.split(text)))) else " ".join(kept)

    def fault(self, sentence: str, *, plans: bool) -> str | None:
        """What is wrong with a sentence."""
        if name := unknown_name(sentence, self.facts):
            return f"{name} is not among the facts"
        if not plans and (figure := self.figures.unknown_in(sentence)):
            return f"{figure} is in none of the facts and follows from none"
        if not plans and (turned := wrong_direction(sentence, self.facts)):
            return turned
        if not plans and (unknown := made_up_of_key(sentence, self.facts)):
            return unknown
        return contradicts(sentence, self.facts)
