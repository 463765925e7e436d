"""Sentences that reassure while the facts do not: thresholds, alerts and drift; pure."""

import re

from analytics_service.facts import Facts
from shared.contracts.metrics import DriftReport, DriftStatus, Status

CLAUSE = re.compile(r"[;,:]|\b(?:but|while|although|though|whereas|however|yet|and|despite|except)\b", re.IGNORECASE)

NOT_SAID = re.compile(
    r"\b(?:not|n't|never|no longer|nor|neither|if|until|unless|once|when|whether|before|to be|becom\w+|less|far from|"
    r"barely|hardly|cannot|without being)\b",
    re.IGNORECASE,
)
"""Before the words that reassure, these turn them around or make a condition of them."""

OTHERS = re.compile(r"\b(?:other|further|additional|more|new|else|longer)\b", re.IGNORECASE)

ALL_WELL = re.compile(
    r"\bhealthy\b|\ball (?:is|looks|seems) (?:well|good|fine)\b|\ball good\b"
    r"|\b(?:everything|system|service|model) (?:is|looks|seems|appears) (?:fine|good|normal|ok|well|stable)\b"
    r"|\b(?:operat|perform|work|runn?)(?:ing|s) (?:well|normally|as expected|within)\b"
    r"|\bnothing (?:is )?(?:wrong|unusual|to worry)\b|\bno (?:\w+ )?action (?:is )?(?:needed|required|necessary)\b"
    r"|\bno (?:\w+ ){0,2}(?:issues?|problems?|concerns?|degradations?|anomal(?:y|ies)|breach(?:es)?|violations?)\b"
    r"|\bno (?:\w+ )?thresholds? (?:\w+ ){0,2}(?:breached|exceeded|violated|crossed|met)\b"
    r"|\bwithin (?:all |its |their |the |normal |acceptable |defined )*(?:thresholds?|limits|bounds|ranges?)\b"
    r"|\bstatus (?:is |was |remains )?(?:normal|ok|green)\b",
    re.IGNORECASE,
)
NO_ALERTS = re.compile(r"\bno (?:\w+ ){0,2}alerts?\b", re.IGNORECASE)
NO_DRIFT = re.compile(
    r"\b(?:no|without|zero)\s+(?:(?!verdict|data|doubt|question|way|conclusion|information|means|judg)\w+\s+){0,4}"
    r"(?:drift|shift)\b|\bdrift (?:is|was|remains) (?:absent|negligible|none|not present)\b"
    r"|\b(?:is|are|was|were|remains?|remained|stayed) (?:stable|unchanged)\b",
    re.IGNORECASE,
)

BREACHED = {
    "confidence": re.compile(r"confiden|\bsure", re.IGNORECASE),
    "inference": re.compile(r"latenc|inference|respon|\btimes?\b|speed|percentile|\bp9\d", re.IGNORECASE),
}
DRIFTED = {
    "label": re.compile(r"label|class|output", re.IGNORECASE),
    "confidence": re.compile(r"confiden", re.IGNORECASE),
    "input_length": re.compile(r"length|\binputs?\b", re.IGNORECASE),
}
OTHER_SUBJECTS = re.compile(
    r"traffic|volume|accuracy|feedback|throughput|version|latenc|inference|times?\b|load|request", re.IGNORECASE
)
"""What is called stable may be one of these, of which no drift is known."""

FOUND = (DriftStatus.MODERATE, DriftStatus.SIGNIFICANT, DriftStatus.NOT_ENOUGH_DATA)
"""With these nobody may say that there is no drift."""


def contradicts(sentence: str, facts: Facts) -> str | None:
    """What a sentence says against the facts; None: nothing that can be told."""
    for clause in CLAUSE.split(sentence):
        if said(ALL_WELL, clause) and is_in_trouble(clause, facts):
            return f"the status is {facts.now.status}, or alerts are open, and that all is well is said"
        if said(NO_ALERTS, clause) and facts.alerts and facts.alerts.alerts:
            return "there are alerts, and that there are none is said"
        for drift in filter(None, (facts.drift,)):
            if said(NO_DRIFT, clause) and has_drifted(clause, drift):
                return "there is drift, or none can be excluded, and that there is none is said"
    return None


def said(words: re.Pattern[str], clause: str) -> bool:
    """Whether a clause says that, and neither its opposite nor a condition, nor of whatever else there is."""
    match = words.search(clause)
    return match is not None and not NOT_SAID.search(clause[: match.start()]) and not OTHERS.search(match[0])


def is_in_trouble(clause: str, facts: Facts) -> bool:
    """Whether what a clause is about is in breach, or, if it is about everything, an alert is critical."""
    about = [name for name, words in BREACHED.items() if words.search(clause)]
    breached = [breach.threshold for breach in facts.now.breaches]
    if about:
        return any(name in threshold for name in about for threshold in breached)
    if OTHER_SUBJECTS.search(clause) or any(words.search(clause) for words in DRIFTED.values()):
        return False
    alerts = facts.alerts.alerts if facts.alerts else []
    return facts.now.status is not Status.NORMAL or any(alert.severity is Status.CRITICAL for alert in alerts)


def has_drifted(clause: str, drift: DriftReport) -> bool:
    """Whether what a clause is about drifted, or may have; one about drift as such is about all of it."""
    about = [name for name, words in DRIFTED.items() if words.search(clause)]
    if not about and OTHER_SUBJECTS.search(clause):
        return False
    return any(measure.status in FOUND for measure in drift.measures if not about or measure.name in about)
