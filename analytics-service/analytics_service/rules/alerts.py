"""What is told of alerts: those of the window, and no others; pure."""

from collections.abc import Sequence

from analytics_service.metrics_client.facts import Facts, SeenAlert
from analytics_service.rules.figures import moment, plural

WORST_FIRST = ("critical", "warning", "normal")


def alerts_sentence(facts: Facts) -> str | None:
    """Which alerts are open now, or were open in a window that has passed."""
    seen = facts.alerts
    if seen is None or not seen.alerts:
        return None
    count = len(seen.alerts)
    there = plural(count, "alert") if seen.complete else f"{count:,} alerts or more"
    oldest = min(seen.alerts, key=lambda alert: alert.opened_at)
    worst = min(seen.alerts, key=lambda alert: (WORST_FIRST.index(alert.severity), alert.opened_at))
    if facts.state.query.window_end is None:
        are = "is" if count == 1 else "are"
        which = f"{of(oldest)}, since" if count == 1 else f"the oldest ({of(oldest)}) since"
        told = f"{there} {are} open, {which} {moment(oldest.opened_at)}{silenced(seen.alerts)}"
    else:
        were = "was" if count == 1 else "were"
        which = f"{of(oldest)}, from" if count == 1 else f"the first ({of(oldest)}) from"
        closed = oldest.closed_at
        end = f"until {moment(closed)}" if closed and closed <= facts.now.time_window_end else "on"
        told = f"{there} {were} open in that window, {which} {moment(oldest.opened_at)} {end}"
    return f"{told}." if worst is oldest else f"{told}; the worst is {of(worst)}."


def silenced(alerts: Sequence[SeenAlert]) -> str:
    """Of how many nobody is told, and until when at least."""
    ends = [alert.silenced_until for alert in alerts if alert.silenced_until]
    if not ends:
        return ""
    if len(alerts) == 1:
        return f", silenced until {moment(ends[0])}"
    which = "all" if len(ends) == len(alerts) else f"{len(ends):,}"
    are = "is" if len(ends) == 1 else "are"
    return f"; {which} of them {are} silenced, {'' if len(ends) == 1 else 'the first '}until {moment(min(ends))}"


def of(alert: SeenAlert) -> str:
    """`confidence of sentiment, critical`."""
    return f"{alert.signal.replace('_', ' ')} of {alert.model_name}, {alert.severity}"
