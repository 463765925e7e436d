"""Sentences that reassure while the facts do not: thresholds, alerts and drift; pure."""

import re

from analytics_service.metrics_client.facts import Facts
from shared.contracts.drift import DriftReport, DriftStatus
from shared.contracts.thresholds import Status

CLAUSE = re.compile(r"[;,:]|\b(?:but|while|although|though|whereas|however|yet|and|despite|except)\b", re.IGNORECASE)

NOT_SAID = re.compile(
    r"\b(?:not|n't|never|no longer|nor|neither|if|until|unless|once|when|whether|before|to be|becom\w+|less|far from|"
    r"barely|hardly|cannot|without being)\b",
    re.IGNORECASE,
)
"""Before the words that reassure, these turn them around or make a condition of them."""

OTHERS = re.compile(r"\b(?:other|further|additional|more|new|else|longer)\b", re.IGNORECASE)

ALL_WELL = re.compile(
    r"\b(?:everything|all|things?|service|system|model) (?:is|are|looks?|seems?) in (?:perfect |good )?"
    r"(?:order|shape)\b"
    r"|\b(?:metrics|numbers|values|figures|signals) (?:are|look|seem|remain) (?:all )?(?:normal|fine|good|healthy|ok)\b"
    r"|\bmeets? (?:all |its |their |the )*(?:targets?|objectives?|slos?)\b"
    r"|\bthresholds? (?:all )?(?:hold|holds|is respected|are respected|are kept|are satisfied)\b"
    r"|\bthresholds? (?:is|are|was|were|has been|have been|has|have) not (?:been )?(?:met|breach|exceed|violat|cross)"
    r"|\bthresholds? (?:is|are|was|were|has|have)n't (?:been )?(?:met|breach|exceed|violat|cross)"
    r"|\bno (?:\w+ )?(?:thresholds?|limits?) (?:\w+ ){0,3}(?:breached|exceeded|violated|crossed|met)\b"
    r"|\b(?:above|beyond) (?:all |both |its |their |the |any )*thresholds?\b"
    r"|\bconfidence (?:is|was|remains|remained|stays|stayed|looks) (?:\w+ )?"
    r"(?:high|excellent|good|strong|solid|great)\b"
    r"|\b(?:latency|latencies|inference|inference times?|responses?) (?:is|are|was|were|remains?|stays?) (?:\w+ )?"
    r"(?:low|fast|excellent|good|quick)\b"
    r"|\bhealthy\b|\ball (?:is|looks|seems) (?:well|good|fine)\b|\ball good\b"
    r"|\b(?:everything|system|service|model) (?:is|looks|seems|appears) (?:fine|good|normal|ok|well|stable)\b"
    r"|\b(?:operat|perform|work|runn?)(?:ing|s) (?:well|normally|as expected|within)\b"
    r"|\bnothing (?:is )?(?:wrong|unusual|to worry)\b|\bno (?:\w+ )?action (?:is )?(?:needed|required|necessary)\b"
    r"|\bno (?:\w+ ){0,2}(?:issues?|problems?|concerns?|degradations?|anomal(?:y|ies)|breach(?:es)?|violations?)\b"
    r"|\bno (?:\w+ )?thresholds? (?:\w+ ){0,2}(?:breached|exceeded|violated|crossed|met)\b"
    r"|\bwithin (?:all |its |their |the |normal |acceptable |defined )*(?:thresholds?|limits|bounds|ranges?)\b"
    r"|\bstatus (?:is |was |remains )?(?:normal|ok|green)\b",
    re.IGNORECASE,
)
BELOW = re.compile(
    r"\b(?:below|under|beneath) (?:all |both |its |their |the |any )*(?:\w+ )?(?:thresholds?|limits?)\b", re.IGNORECASE
)
"""Good news of times, bad news of confidence."""

OTHER_TIMES = re.compile(r"\bp50\b|median|average|mean\b|minimum|fastest|half", re.IGNORECASE)
"""Times that no threshold is about."""

NO_ALERTS = re.compile(
    r"\b(?:no|zero|0|not (?:a single|one|any)|without(?: any)?) (?:\w+ ){0,2}alerts?\b"
    r"|\balerts? (?:is|are|was|were|have been|has been) (?:all |now )?(?:closed|resolved|cleared|not open|absent)\b"
    r"|(?:n't|\bnot) any (?:\w+ )?alerts?\b",
    re.IGNORECASE,
)
SO_MANY_ALERTS = re.compile(
    r"(?P<only>\b(?:only|just) )?(?<![\w.,])(?P<count>\d+|one|two|three|four|five|six|seven|eight|nine|ten)\s+"
    r"(?P<which>open )?alerts?\b(?P<all>,? (?:is|are|was|were) (?:\w+ )?open|(?: \w+)? open)?",
    re.IGNORECASE,
)
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NO_DRIFT = re.compile(
    r"\b(?:no|without|zero)\s+(?:(?!verdict|data|doubt|question|way|conclusion|information|means|judg)\w+\s+){0,4}"
    r"(?:drift|shift|changes?)\b|\bdrift (?:has|have|is|was|could) (?:not|never) (?:been |be )?"
    r"(?:detected|found|observed|seen|present|visible|there)\b|\bdrift (?:is|was|has)n't\b"
    r"|(?:\bnot|n't) (?:been )?(?:drift(?:ed|ing)?|changed?|changing|shift(?:ed|ing)?|moved?)\b"
    r"|\b(?:is|are|was|were|looks?|seems?|remains?|stays?|stayed) (?:\w+ )?"
    r"(?:the same|distributed) (?:as|like) before\b"
    r"|\b(?:is|are|looks?|remains?) (?:as|like) before\b"
    r"|\bdrift (?:is|was|remains) (?:absent|negligible|none|not present)\b"
    r"|\b(?:is|are|was|were|remains?|remained|stayed) (?:stable|unchanged)\b",
    re.IGNORECASE,
)

BREACHED = {
    "confidence": re.compile(r"confiden|\bsure", re.IGNORECASE),
    "value": re.compile(r"\bvalues?\b", re.IGNORECASE),
    "mae": re.compile(r"\berrors? of|mean absolute error|\bmae\b|\boff on average", re.IGNORECASE),
    "inference": re.compile(r"latenc|inference|respon|\btimes?\b|speed|percentile|\bp9\d", re.IGNORECASE),
}
DRIFTED = {
    "label": re.compile(r"label|class|output", re.IGNORECASE),
    "labels": re.compile(r"label|class|output", re.IGNORECASE),
    "confidence": re.compile(r"confiden", re.IGNORECASE),
    "input_length": re.compile(r"length|\binputs?\b", re.IGNORECASE),
    "value": re.compile(r"\bvalues?\b|\bnorms?\b", re.IGNORECASE),
    "input": re.compile(r"\binputs?\b|\bcolumns?\b|\bfeatures?\b", re.IGNORECASE),
}
OTHER_SUBJECTS = re.compile(
    r"number of|\bcounts?\b|amount of|threshold|alert|traffic|volume|accuracy|feedback|throughput|version|latenc"
    r"|inference|times?\b|load|request",
    re.IGNORECASE,
)
"""What is called stable may be one of these, of which no drift is known."""

CHANGE = re.compile(r"\bchang|\bmoved|as before|like before", re.IGNORECASE)
"""Said of anything: only of what drifted it is about drift."""

FOUND = (DriftStatus.MODERATE, DriftStatus.SIGNIFICANT, DriftStatus.NOT_ENOUGH_DATA)
"""With these nobody may say that there is no drift."""


def contradicts(sentence: str, facts: Facts) -> str | None:
    """What a sentence says against the facts; None: nothing that can be told."""
    if wrong_count_of_alerts(sentence, facts):
        return "that many alerts are not open"
    for clause in CLAUSE.split(sentence):
        if reassures(clause, facts):
            return f"the status is {facts.now.status}, or alerts are open, and that all is well is said"
        if said(NO_ALERTS, clause) and facts.alerts and facts.alerts.alerts:
            return "there are alerts, and that there are none is said"
        if facts.drift and (match := said(NO_DRIFT, clause)) and has_drifted(clause, facts.drift, match[0]):
            return "there is drift, or none can be excluded, and that there is none is said"
    return None


def reassures(clause: str, facts: Facts) -> bool:
    """Whether a clause says that all is well of what is not."""
    about_times = BREACHED["inference"].search(clause) and not OTHER_TIMES.search(clause)
    words = [ALL_WELL, BELOW] if about_times else [ALL_WELL]
    match = next(filter(None, (said(each, clause) for each in words)), None)
    return match is not None and is_in_trouble(clause, facts, critical="critical" in match[0].lower())


def wrong_count_of_alerts(sentence: str, facts: Facts) -> bool:
    """Whether more alerts are said to be open than are, or only some of them to be all."""
    if facts.alerts is None or not facts.alerts.complete:
        return False
    there = len(facts.alerts.alerts)
    for match in SO_MANY_ALERTS.finditer(sentence):
        word = match["count"].lower()
        count = WORDS.index(word) if word in WORDS else int(word)
        is_all = match["only"] and (match["all"] or match["which"])
        if count and (count > there or (is_all and count != there)):
            return True
    return False


def said(words: re.Pattern[str], clause: str) -> re.Match[str] | None:
    """Where a clause says that, and neither its opposite nor a condition, nor of whatever else there is."""
    match = words.search(clause)
    if match is None or NOT_SAID.search(clause[: match.start()]) or OTHERS.search(match[0]):
        return None
    return match


def is_in_trouble(clause: str, facts: Facts, *, critical: bool = False) -> bool:
    """Whether what a clause is about is in breach, or, if it is about everything, an alert is critical.

    `critical`: the clause is about what is critical alone.
    """
    about = [name for name, words in BREACHED.items() if words.search(clause)]
    breached = [breach.threshold for breach in facts.now.breaches if not critical or "critical" in breach.threshold]
    if about:
        return any(name in threshold for name in about for threshold in breached)
    if "threshold" in clause.lower():
        return bool(breached)
    if OTHER_SUBJECTS.search(clause) or any(words.search(clause) for words in DRIFTED.values()):
        return False
    alerts = facts.alerts.alerts if facts.alerts else []
    at_least = (Status.CRITICAL,) if critical else (Status.WARNING, Status.CRITICAL)
    return facts.now.status in at_least or any(alert.severity is Status.CRITICAL for alert in alerts)


def has_drifted(clause: str, drift: DriftReport, words: str) -> bool:
    """Whether what a clause is about drifted, or may have; one about drift as such is about all of it."""
    about = [name for name, words in DRIFTED.items() if words.search(clause)]
    if not about and (OTHER_SUBJECTS.search(clause) or CHANGE.search(words)):
        return False
    return any(measure.status in FOUND for measure in drift.measures if not about or measure.name in about)
