"""Sentences of a report on one key that say what nobody knows of a key, or turn its comparison around; pure.

By key there are counts and averages of one window. So whatever is said of percentiles, labels, drift, alerts, of
thresholds or of what was before is made up, unless it says that it is not known; plans may speak of all of it.
"""

import re
from collections.abc import Callable, Iterator

from analytics_service.metrics_client.facts import Facts
from analytics_service.rules.callers import beside
from analytics_service.truth.claims_of_status import CLAUSE
from analytics_service.truth.directions import BACK_FROM, FROM_TO
from analytics_service.truth.names import VERSION

NOT_KEPT = re.compile(
    r"\b(?:p\d\d|percentiles?|median|labels?|class(?:es)?|distribut\w+|drift\w*|shift(?:ed|s)?|alerts?|thresholds?"
    r"|limits?|status|breach\w*)\b",
    re.IGNORECASE,
)
SAID_TO_BE_UNKNOWN = re.compile(
    r"\bnot (?:kept|known|available|judged|recorded|told|given|possible|be )|\bunknown\b|\bunavailable\b|\bcannot\b"
    r"|\bcan't\b|\bno (?:\w+ )?(?:data|information|verdict|judg\w+)\b|\bwhether\b",
    re.IGNORECASE,
)
CHANGED = re.compile(
    r"\b(?:confidence|latenc(?:y|ies)|times?|traffic|volume|predictions|requests|quality|performance)\b[^.;,]{0,40}?"
    r"\b(?:rose|risen|fell|fallen|dropped|declined|increased|decreased|grew|grown|worsened|improved|degraded|jumped"
    r"|doubled|halved|slipped|climbed)\b"
    r"|\b(?:than|as|like) (?:before|earlier|previously)\b"
    r"|\b(?:previous|earlier|preceding) (?:window|hours?|day|week)\b"
    r"|\bwindow before\b|\bsince (?:then|yesterday|the (?:last|previous))\b|\b(?:stable|unchanged|constant) over\b",
    re.IGNORECASE,
)
CONFIDENCE = re.compile(r"confiden|\bsurer?\b", re.IGNORECASE)
TIME = re.compile(r"latenc|inference|\btimes?\b|\bslow|\bfast|\bquick", re.IGNORECASE)
COMPARED = re.compile(
    r"\b(?!less than 0\.001)(?:(?P<less>lower|less|below|under|smaller|shorter|faster|quicker)"
    r"|(?P<more>higher|more|above|greater|larger|longer|slower|surer))\b"
    r"(?:[^.;,\d]|\d++(?:\.\d++)?+){0,40}?"
    r"\b(?:all (?:the )?(?:other )?callers?|(?:the )?(?:other|average) callers?|callers|everyone|others"
    r"|(?:overall|global) average)\b",
    re.IGNORECASE,
)
"""A caller beside all. What is said of all beside the caller has its word before; 0.001 is as small as figures are."""

ALL_ARE_SUBJECT = re.compile(r"^\W*(?:all|other|the other|most)\b[^.;,]{0,30}\bcallers\b", re.IGNORECASE)
SAME = 0.005
"""Averages that are so near, as a part of that of all callers, are neither more nor less."""


def made_up_of_key(sentence: str, facts: Facts) -> str | None:
    """What a sentence says of a key that is not known or not so; None: nothing that can be told."""
    if facts.all_callers is None:
        return None
    if not SAID_TO_BE_UNKNOWN.search(sentence):
        if match := NOT_KEPT.search(sentence):
            return f"{match[0]!r} is not known by caller"
        if CHANGED.search(sentence) or FROM_TO.search(sentence) or BACK_FROM.search(sentence):
            return "what was before is not known by caller"
    if any(is_turned(clause, sentence, facts) for clause in CLAUSE.split(sentence)):
        return "a comparison with all callers is told the wrong way round"
    return None


def is_turned(clause: str, sentence: str, facts: Facts) -> bool:
    """Whether a clause compares the caller with all, some numbers of both are the other way round, and none is so.

    What is compared may stand in another clause of the sentence.
    """
    about = clause if CONFIDENCE.search(clause) or TIME.search(clause) else sentence
    match, of_confidence, of_time = COMPARED.search(clause), CONFIDENCE.search(about), TIME.search(about)
    if match is None or ALL_ARE_SUBJECT.search(clause) or bool(of_confidence) == bool(of_time):
        return False
    sign = 1 if match["more"] else -1
    pairs = confidences(clause, facts) if of_confidence else times(clause, facts)
    apart = [sign * (own - of_all) for own, of_all in pairs if abs(own - of_all) > SAME * of_all]
    return bool(apart) and max(apart) < 0


def confidences(clause: str, facts: Facts) -> Iterator[tuple[float, float]]:
    """The average confidences of the caller and of all that a clause may speak of."""
    return averages(clause, facts, lambda of: of.average_confidence)


def times(clause: str, facts: Facts) -> Iterator[tuple[float, float]]:
    """The average times of the caller and of all that a clause may speak of."""
    return averages(clause, facts, lambda of: of.average_inference_time_ms)


def averages(clause: str, facts: Facts, average: Callable[..., float | None]) -> Iterator[tuple[float, float]]:
    """Of the versions that it names, else of all of them and of the whole."""
    named = set(VERSION.findall(clause))
    pairs = [(pair.own, pair.of_all) for pair in beside(facts) if not named or pair.own.model_version in named]
    whole = [(facts.now, facts.all_callers)] if not named and facts.all_callers else []
    for one, other in (*pairs, *whole):
        own, of_all = average(one), average(other)
        if own is not None and of_all is not None:
            yield own, of_all
