"""What is told of alerts: those of the window, and no others; pure."""

from analytics_service.facts import Facts, SeenAlert
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
        told = f"{there} {are} open, {which} {moment(oldest.opened_at)}"
    else:
        were = "was" if count == 1 else "were"
        which = f"{of(oldest)}, from" if count == 1 else f"the first ({of(oldest)}) from"
        closed = oldest.closed_at
        end = f"until {moment(closed)}" if closed and closed <= facts.now.time_window_end else "on"
        told = f"{there} {were} open in that window, {which} {moment(oldest.opened_at)} {end}"
    return f"{told}." if worst is oldest else f"{told}; the worst is {of(worst)}."


def of(alert: SeenAlert) -> str:
    """`confidence of sentiment, critical`."""
    return f"{alert.signal.replace('_', ' ')} of {alert.model_name}, {alert.severity}"
