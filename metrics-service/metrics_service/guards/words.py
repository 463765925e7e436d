"""What guards have seen, as figures and as the reason of a rollback; pure."""

from math import exp

from metrics_service.guards.budget import DOUBT, log_needed, needed
from metrics_service.guards.e_value import Outcomes
from metrics_service.guards.judge import Judge
from metrics_service.guards.totals import Pair, Recorded, Times, Totals, counted
from metrics_service.guards.tracking import far_off, p95_bin
from metrics_service.windows.histogram import upper_bound, value_of
from shared.contracts.guards import GuardName, GuardReading

LARGEST_LOG = 600.0
"""An e-value is shown up to e to this power: a double holds no more than e to the 709."""

THREE_DIGITS, BILLION = 100, 1e9

Figures = tuple[float | None, float]
"""A version's figure and how much it is over."""


def readings(judge: Judge, totals: Totals) -> list[GuardReading]:
    """What every guard that is enabled has seen."""
    return [reading(guard, judge, totals) for guard in GuardName if judge.is_enabled(guard)]


def reading(guard: GuardName, judge: Judge, totals: Totals) -> GuardReading:
    """What one guard has seen."""
    (candidate, candidate_number), (stable, stable_number) = figures(guard, judge, totals)
    e_value = exp(min(judge.log_e(guard), LARGEST_LOG))
    return GuardReading(
        guard=guard,
        candidate=candidate,
        stable=stable,
        candidate_number=int(candidate_number),
        stable_number=int(stable_number),
        e_value=e_value,
        rolls_back_at=needed(guard),
        in_doubt=e_value >= DOUBT,
    )


def condemning(judge: Judge) -> GuardName | None:
    """The guard that speaks most clearly, of those that roll back."""
    speaking = [guard for guard in GuardName if judge.is_enabled(guard) and judge.log_e(guard) >= log_needed(guard)]
    return max(speaking, key=lambda guard: judge.log_e(guard) - log_needed(guard), default=None)


def figures(guard: GuardName, judge: Judge, totals: Totals) -> tuple[Figures, Figures]:
    """Of the candidate and of the stable version."""
    requests = totals.all_requests
    if guard is GuardName.ERROR_RATE:
        return share_of(requests.candidate.outcomes), share_of(requests.stable.outcomes)
    if guard is GuardName.P95:
        return p95_of(requests.candidate.times), p95_of(requests.stable.times)
    if guard is GuardName.ACCURACY:
        judged = judged_of(judge, totals)
        return right_of(judged.candidate), right_of(judged.stable)
    if guard is GuardName.CONFIDENCE:
        return right_of(totals.recorded.candidate.sure), right_of(totals.recorded.stable.sure)
    return p95_of(totals.recorded.candidate.times), p95_of(totals.recorded.stable.times)


def judged_of(judge: Judge, totals: Totals) -> Pair[Outcomes]:
    """What was judged of both versions: labels, or values, which are bad where they are far off."""
    if judge.error_limit is None:
        return totals.judged
    far = far_off(totals.errors, judge.error_limit)
    return Pair(far.candidate, far.stable)


def share_of(outcomes: Outcomes) -> Figures:
    """How many are bad."""
    return (outcomes.share if outcomes.number else None), outcomes.number


def right_of(outcomes: Outcomes) -> Figures:
    """How many are not."""
    return (1 - outcomes.share if outcomes.number else None), outcomes.number


def p95_of(times: Times) -> Figures:
    """The 95th percentile, within 1 %."""
    found = p95_bin(times)
    return (None if found is None else value_of(found)), counted(times)


def reason(guard: GuardName, judge: Judge, totals: Totals, versions: Pair[str]) -> str:
    """Why a candidate is rolled back: what it did, what the stable version did, and how sure that is."""
    told = (
        values_words(judge.error_limit, totals, versions)
        if guard is GuardName.ACCURACY and judge.error_limit is not None
        else WORDS[guard](totals, versions)
    )
    once_in = exp(min(judge.log_e(guard), LARGEST_LOG))
    return f"{guard.value}: {told}. A candidate that is no worse would come to this in one rollout of {times(once_in)}."


def times(number: float) -> str:
    """To three digits, as people write it: `8.24`, `83,900`; beyond a billion nobody counts."""
    if number >= BILLION:
        return "more than a billion"
    return f"{float(f'{number:.3g}'):,.0f}" if number >= THREE_DIGITS else f"{number:.3g}"


def errors_words(totals: Totals, versions: Pair[str]) -> str:
    """`21 of 190 requests to 2.0.0 failed (11 %), of 1.0.0's 12 of 1730 (0.69 %)`."""
    now, before = totals.all_requests.candidate, totals.all_requests.stable
    return (
        f"{now.errors} of {now.number} requests failed in {versions.candidate} ({percent(now.outcomes.share)}), "
        f"{before.errors} of {before.number} in {versions.stable} ({percent(before.outcomes.share)})"
    )


def p95_words(totals: Totals, versions: Pair[str]) -> str:
    """The 95th percentiles of what requests took."""
    now, before = (p95_of(one.times)[0] for one in (totals.all_requests.candidate, totals.all_requests.stable))
    return (
        f"the 95th percentile of the time that requests take is {milliseconds(now)} with {versions.candidate} and "
        f"{milliseconds(before)} with {versions.stable}"
    )


def confidence_words(totals: Totals, versions: Pair[str]) -> str:
    """The average confidences."""
    now, before = 1 - totals.recorded.candidate.sure.share, 1 - totals.recorded.stable.sure.share
    return f"the average confidence of {versions.candidate} is {now:.3g}, that of {versions.stable} is {before:.3g}"


def accuracy_words(totals: Totals, versions: Pair[str]) -> str:
    """How much was wrong of what people judged."""
    now, before = totals.judged.candidate, totals.judged.stable
    return (
        f"by feedback {now.bad:.0f} of {now.number:.0f} predictions of {versions.candidate} were wrong "
        f"({percent(now.share)}), "
        f"{before.bad:.0f} of {before.number:.0f} of {versions.stable} ({percent(before.share)})"
    )


def values_words(limit: int, totals: Totals, versions: Pair[str]) -> str:
    """How many judged values were far off, and what is far."""
    far = far_off(totals.errors, limit)
    most = upper_bound(limit) if limit else 0.0
    return (
        f"by feedback {far.candidate.bad:.0f} of {far.candidate.number:.0f} values of {versions.candidate} were off by "
        f"more than {most:.3g} ({percent(far.candidate.share)}), {far.stable.bad:.0f} of {far.stable.number:.0f} of "
        f"{versions.stable} ({percent(far.stable.share)})"
    )


def threshold_words(totals: Totals, versions: Pair[str]) -> str:
    """What the critical thresholds are about."""
    candidate, stable = told_of(totals.recorded.candidate), told_of(totals.recorded.stable)
    return (
        f"{versions.candidate} is beyond a critical threshold of the model with {candidate}; "
        f"{versions.stable} has {stable}"
    )


def told_of(recorded: Recorded) -> str:
    """`an average confidence of 0.3 and a 95th percentile of 12 ms`."""
    sure = f"an average confidence of {1 - recorded.sure.share:.3g} and " if recorded.sure.number else ""
    return f"{sure}a 95th percentile of the inference time of {milliseconds(p95_of(recorded.times)[0])}"


WORDS = {
    GuardName.ERROR_RATE: errors_words,
    GuardName.P95: p95_words,
    GuardName.CONFIDENCE: confidence_words,
    GuardName.ACCURACY: accuracy_words,
    GuardName.THRESHOLDS: threshold_words,
}
"""By the guard, what the figures of both versions are."""


def percent(share: float) -> str:
    """`11 %`."""
    return f"{100 * share:.3g} %"


def milliseconds(time: float | None) -> str:
    """`12.3 ms`."""
    return "unknown (of too few)" if time is None else f"{time:.3g} ms"
