"""Findings by rules: what is breached, what changed for sure and by how much, why that may be, what to do first; pure.

Each kind of rule is a file that makes claims from facts; `claim` says what a claim is, `certainty` when it is sure.
"""

from collections.abc import Callable, Iterable

from analytics_service.contracts.report import Findings
from analytics_service.metrics_client.facts import Facts
from analytics_service.rules.callers import beside, key_claims
from analytics_service.rules.cause import likely_cause
from analytics_service.rules.certainty import MIN_SAMPLE
from analytics_service.rules.claim import ORDER, Claim
from analytics_service.rules.confidence import confidence_claims
from analytics_service.rules.drift import Drifted, LabelDrift, drift_claims
from analytics_service.rules.feedback import feedback_claims
from analytics_service.rules.key_summary import key_summary, likely_cause_by_key
from analytics_service.rules.labels import OtherLabels, label_claims
from analytics_service.rules.models import model_claims
from analytics_service.rules.rollouts import rollout_claims
from analytics_service.rules.speed import speed_claims
from analytics_service.rules.summary import summary
from analytics_service.rules.thresholds import threshold_claims
from analytics_service.rules.traffic import FewButCertain, TooFew, TrafficStopped, traffic_claims
from analytics_service.rules.version_differences import difference_claims
from analytics_service.rules.versions import version_claims
from analytics_service.rules.windows import comparable

MOST_ISSUES = 20
"""As many as a report has room for, the worst."""

COMPARED, ALONE, FEW = 0.6, 0.4, 0.2
"""How far the numbers of a key carry: averages carry less than distributions do."""

RULES: tuple[Callable[[Facts], Iterable[Claim]], ...] = (
    threshold_claims,
    traffic_claims,
    model_claims,
    confidence_claims,
    feedback_claims,
    drift_claims,
    label_claims,
    speed_claims,
    version_claims,
    difference_claims,
    rollout_claims,
)


def findings_by_rules(facts: Facts) -> Findings:
    """The whole report, useful without any model."""
    if facts.all_callers is not None:
        return findings_on_key(facts)
    claims = claims_on(facts)
    told = claims[:MOST_ISSUES]
    return Findings(
        summary=summary(facts, claims, len(claims) - len(told)),
        identified_issues=[claim.finding() for claim in told],
        recommendations=list(dict.fromkeys(claim.advice for claim in told)),
        root_cause_hypothesis=likely_cause(facts, claims),
        confidence_score=sureness(facts, claims),
    )


def findings_on_key(facts: Facts) -> Findings:
    """The same about a key, of which less is known."""
    claims = sorted(key_claims(facts), key=severity_rank, reverse=True)
    told = claims[:MOST_ISSUES]
    judged = any(each.is_judged for each in beside(facts))
    return Findings(
        summary=key_summary(facts, claims, len(claims) - len(told)),
        identified_issues=[claim.finding() for claim in told],
        recommendations=list(dict.fromkeys(claim.advice for claim in told)),
        root_cause_hypothesis=likely_cause_by_key(claims),
        confidence_score=COMPARED if judged else ALONE if facts.now.total_predictions >= MIN_SAMPLE else FEW,
    )


def claims_on(facts: Facts) -> list[Claim]:
    """Everything that there is to say, the worst first."""
    return sorted(once([claim for rule in RULES for claim in rule(facts)]), key=severity_rank, reverse=True)


def severity_rank(claim: Claim) -> int:
    """How severe, as a number."""
    return ORDER.index(claim.severity)


def once(claims: list[Claim]) -> list[Claim]:
    """The claims without those that another one says altogether, and none that contradicts another."""
    drifts = [claim for claim in claims if isinstance(claim, LabelDrift) and not claim.of_baseline]
    kept: list[Claim] = []
    for claim in claims:
        if isinstance(claim, OtherLabels) and any(says_all_of(drift, claim) for drift in drifts):
            continue
        if isinstance(claim, TooFew) and has_certainty(claims):
            kept.append(FewButCertain(claim.now))
        else:
            kept.append(claim)
    return kept


def says_all_of(drift: LabelDrift, names: OtherLabels) -> bool:
    """Whether the one label that came or went is the drift, or all that went did so because one is all that is left."""
    if names.of_baseline or names.renamed:
        return False
    return {*names.came, *names.went} == {drift.bin_name} or (drift.now == 1 and not names.came)


def has_certainty(claims: Iterable[Claim]) -> bool:
    """Whether something is certain about the distribution of however few predictions."""
    return any(isinstance(claim, Drifted | OtherLabels) for claim in claims)


def sureness(facts: Facts, claims: list[Claim]) -> float:
    """How far such numbers carry: more predictions and a window to compare with carry further."""
    if any(isinstance(claim, TrafficStopped) for claim in claims):
        return 0.6
    if facts.now.total_predictions < MIN_SAMPLE:
        if has_certainty(claims):
            return 0.6
        return 0.3 if facts.now.total_predictions else 0.2
    return 0.8 if comparable(facts) else 0.6
