"""Sentences that turn a change around: what rose is said to have fallen, or old figures to be those of now; pure."""

import re
from collections.abc import Iterator
from math import isclose

from analytics_service.metrics_client.facts import Facts
from shared.contracts.aggregates import AggregatedMetrics

NUMBER = (
    r"(?P<{0}>\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?)\s*(?P<{0}u>%|percent|ms|milliseconds?|s\b|sec(?:onds?)?)?"
)
UP = r"(?:rose|rises|risen|increased?s?|grew|grown|climbed|improved|jumped|went up|up)"
DOWN = r"(?:fell|falls|fallen|dropped|drops?|declined?|decreased?|sank|shrank|slipped|worsened|went down|down)"
FROM_TO = re.compile(
    rf"\b(?:(?P<up>{UP})|(?P<down>{DOWN}))\b[^.;,\d]{{0,25}}?\bfrom\s+{NUMBER.format('a')}[^.;\d]{{0,40}}?\bto\s+{NUMBER.format('b')}",
    re.IGNORECASE,
)
BACK_FROM = re.compile(
    rf"{NUMBER.format('b')}[^.;\d]{{0,40}}?\b(?:(?P<up>up)|(?P<down>down))\s+from\s+{NUMBER.format('a')}", re.IGNORECASE
)
MOVED = re.compile(
    rf"^\W*(?:the )?(?:overall |average |mean )?(?:(?P<confidence>confidence)|(?P<time>latency|p95|inference times?)"
    rf"|(?P<traffic>traffic|volume))\s+(?:has |have |had |also |clearly |slightly |strongly )*"
    rf"(?:(?P<up>{UP})|(?P<down>{DOWN})"
    r"|(?P<twice>doubled))\b",
    re.IGNORECASE,
)
"""What moved, where a sentence begins with it."""

BETTER = re.compile(r"improved|worsened", re.IGNORECASE)
OTHERWISE = re.compile(r"version|label|model|then|later|before|feedback|\bif\b|\bwhen\b", re.IGNORECASE)

TWICE = (1.8, 2.3)


def wrong_direction(sentence: str, facts: Facts) -> str | None:
    """What a sentence turns around."""
    for match in (*FROM_TO.finditer(sentence), *BACK_FROM.finditer(sentence)):
        if is_turned(match, facts):
            return "a change is told the wrong way round"
    moved = MOVED.search(sentence)
    if moved and not OTHERWISE.search(sentence) and moved_otherwise(moved, facts):
        return f"that {moved[0].strip()[:60]!r} is not so"
    return None


def is_turned(match: re.Match[str], facts: Facts) -> bool:
    """Whether the verb does not fit its figures, or they are those of a change the other way."""
    a, b = value_of(match["a"], match["au"] or match["bu"]), value_of(match["b"], match["bu"] or match["au"])
    if a == b:
        return False
    if not BETTER.search(match[0]) and (b > a) != bool(match["up"]):
        return True
    pairs = list(changes_of(facts))
    forward = any(is_same(a, before) and is_same(b, now) for before, now in pairs)
    return not forward and any(is_same(b, before) and is_same(a, now) for before, now in pairs)


def value_of(text: str, unit: str | None) -> float:
    """A written figure; per cent as a share, seconds as milliseconds."""
    value, unit = float(text.replace(",", "")), (unit or "").lower()
    return value / 100 if unit.startswith(("%", "p")) else value * 1000 if unit.startswith("s") else value


def is_same(written: float, value: float) -> bool:
    """Whether a figure is written for a value, to about two digits."""
    return isclose(written, value, rel_tol=0.015, abs_tol=1e-9)


def changes_of(facts: Facts) -> Iterator[tuple[float, float]]:
    """Before and now, of whatever changed: averages, times, totals, labels and their shares, versions, ranges."""
    if facts.before:
        yield from changes_between(facts.before, facts.now)
    for drift in filter(None, (facts.drift, facts.pinned)):
        for measure in drift.measures:
            for name in measure.reference.keys() | measure.current.keys():
                yield measure.reference.get(name, 0.0), measure.current.get(name, 0.0)


def changes_between(before: AggregatedMetrics, now: AggregatedMetrics) -> Iterator[tuple[float, float]]:
    """Of one window and the next."""
    for name in AggregatedMetrics.model_fields:
        one, other = getattr(before, name), getattr(now, name)
        if isinstance(one, int | float) and isinstance(other, int | float):
            yield float(one), float(other)
    total_before, total = max(before.total_predictions, 1), max(now.total_predictions, 1)
    for label in before.label_distribution.keys() | now.label_distribution.keys():
        count_before, count = before.label_distribution.get(label, 0), now.label_distribution.get(label, 0)
        yield from ((count_before, count), (count_before / total_before, count / total))
    for earlier in before.versions[:10]:
        for later in now.versions[:10]:
            yield earlier.average_confidence or 0.0, later.average_confidence or 0.0


def moved_otherwise(match: re.Match[str], facts: Facts) -> bool:
    """Whether what is said to have moved did not, or moved the other way."""
    now, before = facts.now, facts.before
    if before is None:
        return False
    if match["confidence"]:
        one, other, better = before.average_confidence, now.average_confidence, 1
    elif match["time"]:
        one, other, better = before.p95_inference_time_ms, now.p95_inference_time_ms, -1
    else:
        one, other, better = before.total_predictions, now.total_predictions, 1
    if not one or other is None:
        return False
    if match["twice"]:
        return not TWICE[0] <= other / one <= TWICE[1]
    is_up = bool(match["up"])
    if BETTER.fullmatch(match["up"] or match["down"]) and better < 0:
        is_up = not is_up
    return other < one * 0.98 if is_up else other > one * 1.02
