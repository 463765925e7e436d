"""The whole in a few sentences; pure."""

from collections.abc import Sequence

from analytics_service.contracts.report import Severity
from analytics_service.metrics_client.facts import Facts
from analytics_service.rules.alerts import alerts_sentence
from analytics_service.rules.certainty import MIN_SAMPLE
from analytics_service.rules.claim import ORDER, Claim
from analytics_service.rules.figures import apart, number, plural
from analytics_service.rules.windows import comparable, window, window_before
from shared.contracts.drift import DriftStatus
from shared.contracts.thresholds import Status

VERDICTS = {
    Status.NORMAL: ("Normal", "no threshold"),
    Status.WARNING: ("Warning", "a threshold"),
    Status.CRITICAL: ("Critical", "a critical threshold"),
}
LONGEST = 2000
"""Characters of a summary, as the report has it."""


def summary(facts: Facts, claims: Sequence[Claim], untold: int) -> str:
    """Verdict, averages, the worst that no threshold tells, alerts, and what could not be judged."""
    parts: list[str | None] = [verdict(facts), averages(facts), worst_beside_thresholds(facts, claims)]
    parts += [alerts_sentence(facts), limits(facts)]
    if untold:
        parts.append(f"{plural(untold, 'lesser issue')} {'is' if untold == 1 else 'are'} left out.")
    return " ".join(part for part in parts if part)[:LONGEST]


def verdict(facts: Facts) -> str | None:
    """What the thresholds say; nothing of a window without predictions, which they cannot judge."""
    now = facts.now
    if now.total_predictions == 0:
        return None
    word, what = VERDICTS[now.status]
    names = " ".join(name for name in (now.model_name, now.model_version and f"version {now.model_version}") if name)
    whose = f" of {names}" if names else ""
    over = f"{plural(now.total_predictions, 'prediction')}{whose} in {window(facts)}"
    return f"{word}: {what} {'was' if facts.state.query.window_end else 'is'} breached over {over}."


def averages(facts: Facts) -> str | None:
    """Confidence and times of the window, with as many digits as show on which side of a threshold they are."""
    limits_met = {breach.threshold.split("_")[1]: breach.threshold_value for breach in facts.now.breaches}
    confidence, p95 = facts.now.average_confidence, facts.now.p95_inference_time_ms
    values = facts.now.values if len({each.model_name for each in facts.now.versions}) == 1 else None
    told = [
        f"the average value was {number(values.average)}, from {number(values.min)} to {number(values.max)}"
        if values
        else "",
        f"average confidence was {beside(confidence, limits_met.get('confidence'))}" if confidence is not None else "",
        f"95 % of inferences took up to {beside(p95, limits_met.get('inference'))} ms" if p95 is not None else "",
    ]
    text = ", ".join(filter(None, told))
    return f"{text[0].upper()}{text[1:]}." if text else None


def beside(value: float, limit: float | None) -> str:
    """A value that can be told from its limit."""
    return number(value) if limit is None else apart(value, limit)[0]


def worst_beside_thresholds(facts: Facts, claims: Sequence[Claim]) -> str | None:
    """The worst claim of a window that all thresholds call normal: `normal` must not be all that is read."""
    worst = claims[0] if claims else None
    told = worst and ORDER.index(worst.severity) >= ORDER.index(Severity.MEDIUM)
    matters = told or facts.now.total_predictions == 0
    return worst.sentence if worst and matters and facts.now.status is Status.NORMAL else None


def limits(facts: Facts) -> str | None:
    """What could not be judged, so that nobody takes silence for good news: averages, then distributions."""
    if facts.now.total_predictions == 0:
        return None
    return " ".join(filter(None, [without_averages(facts), without_drift(facts)])) or None


def without_averages(facts: Facts) -> str | None:
    """Why averages are not compared with the window before."""
    if comparable(facts):
        return None
    before = window_before(facts)
    if facts.before is None:
        return f"What {before} were like is not known."
    if facts.before.total_predictions == 0:
        return f"There is nothing to compare with: no predictions in {before}."
    return f"Averages are not compared with {before}, for fewer than {MIN_SAMPLE} predictions say little."


def without_drift(facts: Facts) -> str | None:
    """Of which distributions nobody can say whether they have changed."""
    if facts.drift is None:
        return "Whether there is drift is not known."
    if facts.before is not None and facts.before.total_predictions == 0:
        return None
    blind = [each for each in facts.drift.measures if each.status is DriftStatus.NOT_ENOUGH_DATA]
    inputs = sum(each.input is not None for each in blind)
    told = [each.name.replace("_", " ") for each in blind if each.input is None]
    names = " and ".join([*told, *([plural(inputs, "input")] if inputs else [])])
    return f"There are too few predictions to say whether {names} drifted." if blind else None
