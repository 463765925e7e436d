"""Findings by rules: what is breached, what changed for sure and by how much, why that may be, what to do first; pure.

Each kind of rule is a file that makes claims from facts; `claim` says what a claim is, `certainty` when it is sure.
"""

from collections.abc import Callable, Iterable

from analytics_service.facts import Facts
from analytics_service.report import Findings
from analytics_service.rules.cause import likely_cause
from analytics_service.rules.certainty import MIN_SAMPLE
from analytics_service.rules.claim import ORDER, Claim
from analytics_service.rules.confidence import ConfidenceFell, ConfidenceRose, confidence_claims
from analytics_service.rules.drift import ConfidenceDrift, LabelDrift, drift_claims
from analytics_service.rules.feedback import feedback_claims
from analytics_service.rules.labels import OtherLabels, label_claims
from analytics_service.rules.speed import speed_claims
from analytics_service.rules.summary import summary
from analytics_service.rules.thresholds import threshold_claims
from analytics_service.rules.traffic import TrafficStopped, traffic_claims
from analytics_service.rules.versions import VersionsDiffer, version_claims
from analytics_service.rules.windows import comparable

MOST_ISSUES = 20
"""As many as a report has room for, the worst."""

RULES: tuple[Callable[[Facts], Iterable[Claim]], ...] = (
    threshold_claims,
    traffic_claims,
    confidence_claims,
    feedback_claims,
    drift_claims,
    label_claims,
    speed_claims,
    version_claims,
)


def findings_by_rules(facts: Facts) -> Findings:
    """The whole report, useful without any model."""
    claims = claims_on(facts)
    told = claims[:MOST_ISSUES]
    return Findings(
        summary=summary(facts, claims, len(claims) - len(told)),
        identified_issues=[claim.finding() for claim in told],
        recommendations=list(dict.fromkeys(claim.advice for claim in told)),
        root_cause_hypothesis=likely_cause(facts, claims),
        confidence_score=sureness(facts, claims),
    )


def claims_on(facts: Facts) -> list[Claim]:
    """Everything that there is to say, the worst first."""
    return sorted(once([claim for rule in RULES for claim in rule(facts)]), key=severity_rank, reverse=True)


def severity_rank(claim: Claim) -> int:
    """How severe, as a number."""
    return ORDER.index(claim.severity)


def once(claims: list[Claim]) -> list[Claim]:
    """The claims without those that say again what another one says better."""
    told = {type(claim) for claim in claims}
    said: set[type[Claim]] = set()
    if told & {ConfidenceFell, ConfidenceRose, VersionsDiffer}:
        said.add(ConfidenceDrift)
    names = next((claim for claim in claims if isinstance(claim, OtherLabels)), None)
    if names and names.renamed:
        said.add(LabelDrift)
    elif names and LabelDrift in told and not (names.came and names.went):
        said.add(OtherLabels)  # a label that came or went is the drift
    return [claim for claim in claims if type(claim) not in said]


def sureness(facts: Facts, claims: list[Claim]) -> float:
    """How far such numbers carry: more predictions and a window to compare with carry further."""
    if any(isinstance(claim, TrafficStopped) for claim in claims):
        return 0.6
    if facts.now.total_predictions < MIN_SAMPLE:
        return 0.3 if facts.now.total_predictions else 0.2
    return 0.8 if comparable(facts) else 0.6
