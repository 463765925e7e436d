"""The golden reports: `python -m analytics_tests.golden_reports` writes them anew; read them before a commit."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from analytics_service.contracts.report import Findings
from analytics_service.metrics_client.facts import Facts, SeenAlert
from analytics_service.rules import findings_by_rules
from analytics_tests.situations import END, Served, Times, facts, window
from shared.contracts.thresholds import Status, ThresholdProfile

FOLDER = Path(__file__).parent / "golden"
USUAL = {"positive": 200, "negative": 120, "neutral": 80}


def alert(signal: str, severity: Status, minutes_ago: float, closed_minutes_ago: float | None = None) -> SeenAlert:
    closed = None if closed_minutes_ago is None else END - timedelta(minutes=closed_minutes_ago)
    opened = END - timedelta(minutes=minutes_ago)
    return SeenAlert(model_name="sentiment", signal=signal, severity=severity, opened_at=opened, closed_at=closed)


def all_is_well() -> Facts:
    return facts(window(Served(USUAL)), window(Served({"positive": 196, "negative": 126, "neutral": 75}, 0.846)))


def a_new_version_is_surer() -> Facts:
    now = window(Served(USUAL, 0.93, "1.1.0"), Served({"positive": 10, "negative": 6, "neutral": 4}, 0.62))
    return facts(now, window(Served(USUAL, 0.62)), model="sentiment")


def inputs_have_changed() -> Facts:
    now = window(Served({"positive": 60, "negative": 290, "neutral": 50}, 0.55), lengths={"16-31": 5, "512-1023": 95})
    open_alerts = [alert("confidence", Status.WARNING, 25), alert("drift", Status.CRITICAL, 40)]
    return facts(now, window(Served(USUAL, 0.86)), model="sentiment", alerts=open_alerts)


def more_traffic_than_there_is_room_for() -> Facts:
    busy = {label: 12 * count for label, count in USUAL.items()}
    return facts(window(Served(busy), times=Times(90, 640, 1480)), window(Served(USUAL), times=Times(4, 12.4, 19)))


def times_that_nobody_notices() -> Facts:
    return facts(window(Served(USUAL), times=Times(0.11, 0.49, 0.8)), window(Served(USUAL), times=Times(0.1, 0.2, 0.3)))


def complaints() -> Facts:
    many = {label: 12 * count + 67 * (label == "positive") for label, count in USUAL.items()} | {"neutral": 1093}
    return facts(window(Served(many, 0.91)), window(Served(many, 0.908)), judged=(40, 0))


def surer_than_right() -> Facts:
    return facts(window(Served(USUAL, 0.93)), window(Served(USUAL, 0.93)), judged=(320, 218))


def renamed_labels() -> Facts:
    now = window(Served({"POSITIVE": 204, "NEGATIVE": 117, "NEUTRAL": 79}, 0.86, "2.0.0"))
    return facts(now, window(Served(USUAL, 0.85)), model="sentiment")


def a_past_window() -> Facts:
    earlier = [
        alert("confidence", Status.CRITICAL, 50, 5),
        alert("inference_time", Status.WARNING, 200, 90),
        alert("drift", Status.WARNING, 20),
        alert("confidence", Status.WARNING, -61),
    ]
    now = window(Served({"positive": 380, "negative": 12, "neutral": 8}, 0.35))
    return facts(now, window(Served(USUAL, 0.84)), past=True, model="sentiment", alerts=earlier)


def a_handful_that_all_say_the_same() -> Facts:
    before = window(Served({"positive": 550, "negative": 330, "neutral": 220}, 0.85))
    return facts(window(Served({"negative": 50}, 0.64)), before)


def too_few_to_judge() -> Facts:
    now = window(Served({"positive": 3, "negative": 2}, 0.5998), times=Times(100, 310, 400))
    return facts(now, window(Served(USUAL, 0.85)), alerts=[])


def traffic_stopped() -> Facts:
    return facts(window(), window(Served(USUAL)), minutes=15)


def two_versions_beside_each_other() -> Facts:
    now = window(
        Served({"positive": 180, "negative": 110, "neutral": 70}, 0.85),
        Served({"positive": 30, "negative": 8, "neutral": 2}, 0.97, "1.1.0"),
    )
    return facts(now, window(Served(USUAL)), model="sentiment")


def just_below_as_before() -> Facts:
    strict = ThresholdProfile(min_confidence_warning=0.85, min_confidence_critical=0.4)
    return facts(window(Served(USUAL, 0.8497)), window(Served(USUAL, 0.849)), thresholds=strict)


def one_caller_says_that_all_is_wrong() -> Facts:
    return facts(window(Served(USUAL, 0.9)), window(Served(USUAL, 0.9)), judged=(400, 0), callers=1, weight=100.0)


def renamed_labels_and_drift() -> Facts:
    now = window(Served({"POSITIVE": 80, "NEGATIVE": 260, "NEUTRAL": 60}, 0.85, "2.0.0"))
    return facts(now, window(Served(USUAL, 0.85)), model="sentiment")


def far_from_the_baseline() -> Facts:
    moved = window(Served({"positive": 90, "negative": 250, "neutral": 60}))
    return facts(moved, moved, model="sentiment", baseline=window(Served({each: 50 * USUAL[each] for each in USUAL})))


def a_silenced_alert() -> Facts:
    silenced = alert("drift", Status.WARNING, 90).model_copy(update={"silenced_until": END + timedelta(minutes=30)})
    return facts(window(Served(USUAL)), window(Served(USUAL)), model="sentiment", alerts=[silenced])


def a_second_model_starts() -> Facts:
    now = window(Served(USUAL, 0.9), Served(USUAL, 0.6, model="topics"))
    return facts(now, window(Served(USUAL, 0.9)))


def labels_replaced_by_others() -> Facts:
    now = window(Served({"reject": 1400, "escalate": 600}))
    return facts(now, window(Served({"approve": 1400, "review": 600})), model="sentiment")


SITUATIONS: dict[str, Callable[[], Facts]] = {
    make.__name__: make
    for make in (
        all_is_well,
        a_new_version_is_surer,
        inputs_have_changed,
        more_traffic_than_there_is_room_for,
        times_that_nobody_notices,
        complaints,
        surer_than_right,
        renamed_labels,
        a_past_window,
        a_handful_that_all_say_the_same,
        too_few_to_judge,
        traffic_stopped,
        two_versions_beside_each_other,
        just_below_as_before,
        one_caller_says_that_all_is_wrong,
        renamed_labels_and_drift,
        far_from_the_baseline,
        a_silenced_alert,
        a_second_model_starts,
        labels_replaced_by_others,
    )
}


def as_text(findings: Findings) -> str:
    """A report as it is read."""
    lines = [findings.summary, ""]
    issues = findings.identified_issues
    lines += [f"{issue.severity.upper():8} {issue.issue_type}: {issue.description}" for issue in issues]
    lines += ["", f"Cause: {findings.root_cause_hypothesis or 'none'}", "", "To do:"]
    lines += [f"- {advice}" for advice in findings.recommendations] or ["- nothing"]
    return "\n".join([*lines, "", f"Sureness: {findings.confidence_score}"]) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, make in SITUATIONS.items():
        (FOLDER / f"{name}.txt").write_text(as_text(findings_by_rules(make())))
