# ruff: noqa: E501, ISC004  (a table of forms, each on the lines it takes)
"""What every sentence of a rules report must be: one of these forms, its figures those of the aggregates.

Written from the aggregates alone; it knows nothing of how rules make sentences.
"""

import re
from collections.abc import Callable
from math import floor, log10

from analytics_service.contracts.report import Findings
from analytics_service.metrics_client.facts import Facts
from shared.contracts.drift import DriftMeasure, DriftStatus
from shared.contracts.thresholds import Status

Groups = dict[str, str]
NUMBER = r"(?:less than 0\.001|-?[\d,]+(?:\.\d+)?)"
PERCENT = r"(?:less than 0\.1 %|more than 99\.9 %|[\d,]+(?:\.\d+)? %)"
WINDOW = r"the (?:last )?(?:[\d,]+ minutes|minute)(?: until \d{4}-\d\d-\d\d \d\d:\d\d UTC)?"
BEFORE = r"the (?:[\d,]+ minutes|minute) before"
REFERENCE = rf"(?:{BEFORE}|the baseline `spring`)"
MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"

SILLY = re.compile(r"\d[eE][+-]?\d|\d\.\d{10,}|\bnan\b|\binf\b|\bNone\b|(?<![\d,.])1 predictions|  ")


def near(text: str, value: float | None) -> bool:
    """Whether a printed number is the value, to its three leading digits at least."""
    if value is None:
        return False
    if text.startswith("less than"):
        return 0 < abs(value) < float(text.rsplit(" ", 1)[1])
    printed = float(text.replace(",", ""))
    if value == 0 or printed == 0:
        return printed == value
    unit = 10 ** (floor(log10(abs(value))) - 2)
    return abs(printed - value) <= 0.5001 * unit


def near_share(text: str, share: float) -> bool:
    """Whether a printed percentage is the share; 0 % and 100 % only when it is exactly that."""
    hundredths = share * 100
    if text.startswith("less"):
        return 0 < hundredths < 0.1
    if text.startswith("more"):
        return 99.9 < hundredths < 100
    printed = float(text.removesuffix(" %").replace(",", ""))
    if printed in (0, 100):
        return abs(printed - hundredths) < 1e-9 or hundredths > 100
    coarse = 10 <= hundredths <= 90 or hundredths >= 100
    return abs(printed - hundredths) <= (0.5001 if coarse else 0.05001)


def value(text: str) -> float:
    return float(text.removesuffix(" %").replace(",", "").replace("less than ", "").replace("more than ", ""))


class Oracle:
    """Checks one report against the facts it speaks of."""

    def __init__(self, facts: Facts) -> None:
        self.facts, self.now, self.before = facts, facts.now, facts.before
        self.forms: list[tuple[re.Pattern[str], Callable[[Groups], bool]]] = [
            (re.compile(pattern), check) for pattern, check in self.patterns()
        ]

    def check(self, findings: Findings) -> None:
        """Every sentence is true, and the whole makes sense."""
        for issue in findings.identified_issues:
            self.true(issue.description)
        rest = findings.summary
        for issue in findings.identified_issues:
            rest = rest.replace(issue.description, "", 1)
        while rest := rest.strip():
            rest = rest[self.head(rest) :]
        if findings.root_cause_hypothesis:
            self.cause(findings.root_cause_hypothesis, findings)
        for text in [findings.summary, findings.root_cause_hypothesis or "", *findings.recommendations]:
            assert not SILLY.search(text), text
        order = ["low", "medium", "high", "critical"]
        ranks = [order.index(issue.severity) for issue in findings.identified_issues]
        assert ranks == sorted(ranks, reverse=True)
        assert len(findings.recommendations) == len(set(findings.recommendations))
        assert ("critical" in {issue.severity for issue in findings.identified_issues}) <= (
            self.now.status is Status.CRITICAL
        )

    def true(self, sentence: str) -> None:
        assert not SILLY.search(sentence), sentence
        matches = [(match, check) for form, check in self.forms if (match := form.fullmatch(sentence))]
        assert len(matches) == 1, f"not one form, but {len(matches)}: {sentence}"
        match, check = matches[0]
        assert check(match.groupdict()), sentence

    def head(self, text: str) -> int:
        """Where the first sentence ends, which is true."""
        for form, check in self.forms:
            if match := form.match(text):
                assert check(match.groupdict()), match[0]
                return match.end()
        raise AssertionError(f"no known sentence: {text}")

    def patterns(self) -> list[tuple[str, Callable[[Groups], bool]]]:
        n = NUMBER
        return [
            (rf"(?P<word>Normal|Warning|Critical): (?P<what>no threshold|a threshold|a critical threshold) "
             rf"(?P<is>is|was) breached over (?P<count>[\d,]+) predictions?(?: of (?P<model>[^ ]+)??(?: ?version (?P<version>\S+))?)? in (?P<window>{WINDOW})\.",
             self.verdict),
            (rf"Average confidence was (?P<c>{n})(?:, 95 % of inferences took up to (?P<p>{n}) ms)?\.",
             lambda g: near(g["c"], self.now.average_confidence)
             and (g["p"] is None or near(g["p"], self.now.p95_inference_time_ms))),
            (rf"95 % of inferences took up to (?P<p>{n}) ms\.", lambda g: near(g["p"], self.now.p95_inference_time_ms)),
            (rf"Averages are not compared with {BEFORE}, for fewer than 30 predictions say little\.",
             lambda g: 0 < min(self.now.total_predictions, self.then()) < 30),
            (rf"There is nothing to compare with: no predictions in {BEFORE}\.", lambda g: self.then() == 0),
            (rf"What {BEFORE} were like is not known\.", lambda g: self.before is None),
            (r"Whether there is drift is not known\.", lambda g: self.facts.drift is None),
            (r"There are too few predictions to say whether (?P<names>.+) drifted\.", self.blind),
            (r"(?P<count>\d+) lesser issues? (?:is|are) left out\.", lambda g: int(g["count"]) > 0),
            (rf"(?P<count>[\d,]+) alerts?(?P<more> or more)? (?P<are>is|are|was|were) open(?P<then> in that window)?, "
             rf"(?:the oldest |the first )?\(?(?P<signal>.+) of (?P<model>\S+), (?P<severity>\w+)\)?,? (?:since|from) "
             rf"(?P<from>{MOMENT})(?: until (?P<until>{MOMENT})| on)?(?:, silenced until (?P<su>{MOMENT}))?"
             rf"(?:; (?P<sc>all|\d+) of them (?:is|are) silenced, (?:the first )?until (?P<sf>{MOMENT}))?(?:; the worst is (?P<worst>.+), (?P<ws>\w+))?\.",
             self.alerts),
            (rf"Average confidence was (?P<m>{n}), (?P<how>just below|{PERCENT} below) (?P<t>min_\w+) \((?P<l>{n})\)"
             rf"(?:, over only (?P<few>[\d,]+) predictions?)?\.", self.low_confidence),
            (rf"95 % of inferences took up to (?P<m>{n}) ms, (?P<how>just above|{PERCENT} above|{n} times) (?P<t>max_\w+) "
             rf"\((?P<l>{n}) ms\)(?:, over only (?P<few>[\d,]+) predictions?)?\.", self.slow_inference),
            (rf"Average confidence (?P<way>fell|rose) from (?P<a>{n}) in (?P<b>{BEFORE}) to (?P<c>{n})\.", self.confidence),
            (rf"95 % of inferences took up to (?P<c>{n}) ms, (?P<a>{n}) ms in (?P<b>{BEFORE}); (?P<beside>a warning comes at"
             rf"|that is above the warning threshold of|both are above the warning threshold of) (?P<t>{n}) ms\.", self.slower),
            (rf"The slowest 1 % of inferences took (?P<p>{n}) ms or more, half of all at most (?P<m>{n}) ms\.",
             lambda g: near(g["p"], self.now.p99_inference_time_ms) and near(g["m"], self.now.p50_inference_time_ms)),
            (rf"There were no predictions in {WINDOW}, after (?P<a>[\d,]+) in {BEFORE}: traffic has stopped\.",
             lambda g: self.now.total_predictions == 0 and self.counted(g["a"], self.then())),
            (rf"There were no predictions in {WINDOW}: nothing to judge by\.",
             lambda g: self.now.total_predictions == 0),
            (rf"There (?:was|were) (?P<c>[\d,]+) predictions?, (?P<f>{PERCENT}) fewer than the (?P<a>[\d,]+) in {BEFORE}\.",
             lambda g: self.counted(g["c"], self.now.total_predictions) and self.counted(g["a"], self.then())
             and near_share(g["f"], 1 - self.now.total_predictions / self.then())
             and self.now.total_predictions <= self.then() / 2),
            (rf"There were (?P<c>[\d,]+) predictions, (?P<f>{n}) times the (?P<a>[\d,]+) in {BEFORE}\.",
             lambda g: self.counted(g["c"], self.now.total_predictions) and self.counted(g["a"], self.then())
             and near(g["f"], self.now.total_predictions / self.then()) and self.then() >= 30),
            (rf"There were (?P<c>[\d,]+) predictions, after (?P<a>none|\d+) in {BEFORE}\.",
             lambda g: self.counted(g["c"], self.now.total_predictions)
             and self.counted(g["a"].replace("none", "0"), self.then()) and self.then() < 30),
            (r"There (?:was|were) only (?P<c>[\d,]+) predictions?: averages of fewer than 30 say little\.",
             lambda g: self.counted(g["c"], self.now.total_predictions) and self.now.total_predictions < 30),
            (r"There (?:was|were) only (?P<c>[\d,]+) predictions?: averages of fewer than 30 say little, but what is said of "
             r"their distribution is certain\.",
             lambda g: self.counted(g["c"], self.now.total_predictions) and self.now.total_predictions < 30),
            (r"The share of predictions that said (?P<bin>`.+`) was (?P<rest>.+)", self.label_drift),
            (r"The share of predictions with a confidence of (?P<bin>\S+) was (?P<rest>.+)",
             lambda g: self.drifted("confidence", lambda name: name == g["bin"], g["rest"])),
            (r"The share of inputs of (?P<bin>\S+) characters was (?P<rest>.+)",
             lambda g: self.drifted("input_length", lambda name: name == g["bin"], g["rest"])),
            (rf"Labels (?P<seem>have|seem to have) other names: (?P<came>.+) instead of (?P<went>.+) in (?P<ref>{REFERENCE})(?P<alike>, with like shares)?\.",
             self.renamed),
            (rf"The labels are others: (?P<came>.+) came, (?P<went>.+) of (?P<ref>{REFERENCE}) went\.", self.names),
            (rf"(?P<came>`.+`(?: and \d+ more)?) came as labels that (?P<ref>{REFERENCE}) did not have\.", self.names),
            (rf"No prediction said what some in (?P<ref>{REFERENCE}) did: (?P<went>.+)\.", self.names),
            (rf"(?P<s>{PERCENT}) of the predictions said (?P<l>`.+`)\.", self.one_sided),
            (rf"Version (?P<v>\S+) of (?P<m>\S+) gave (?P<s>{PERCENT}) of its predictions, (?P<t>{PERCENT}) in {BEFORE}, "
             rf"when (?P<q>all|most \({PERCENT}\)|{PERCENT}) were by (?P<o>\S+)\.(?: Its average confidence was (?P<c>{n}), (?:that of (?P<o2>\S+) then "
             rf"(?P<d>{n})|like that of (?P<o3>\S+) then)\.)?", self.version),
            (rf"Of (?P<m>\S+), version (?P<a>\S+) had an average confidence of (?P<c>{n}), version (?P<b>\S+) of (?P<d>{n})\.",
             self.versions_differ),
            (rf"Of (?P<m>\S+), version (?P<a>\S+) had a (?P<what>median value|95th percentile of inference time) of "
             rf"(?P<c>{n})(?P<unit>| ms), version (?P<b>\S+) of (?P<d>{n})(?P=unit)\.", self.versions_apart),
            (rf"Feedback on (?P<j>[\d,]+) of (?P<n>[\d,]+) predictions? \((?P<s>{PERCENT})\) (?:says that (?P<r>{PERCENT}) of those "
             rf"were right|counts for (?P<k>{n}), as no caller counts for more than a limit; by that weight (?P<v>{PERCENT}) were "
             rf"right)(?:; )?(?:(?P<all>)|average confidence was (?P<c>{n})|(?P<d>of the others nothing is known)|(?P<one>all of it comes from one "
             rf"caller|all of it comes from (?P<few>2) callers|how many callers gave it is not known), which proves nothing "
             rf"about the model)\.", self.feedback),
            (rf"(?P<w>[\d,]+) of (?P<n>[\d,]+) predictions? \((?P<s>{PERCENT})\) (?:was|were) reported as wrong, "
             rf"(?P<r>none|[\d,]+) as right(?P<d>; of the others nothing is known)?\.", self.complaints),
            (rf"Model (?P<m>\S+) is new in this window: it gave (?P<c>[\d,]+) predictions \((?P<s>{PERCENT}) of all\), none in "
             rf"{BEFORE}\.", lambda g: self.model_alone(g, self.now, self.before)),
            (rf"Model (?P<m>\S+) is gone from this window: it gave no predictions, after (?P<c>[\d,]+) \((?P<s>{PERCENT}) of "
             rf"all\) in {BEFORE}\.", lambda g: self.model_alone(g, self.before, self.now)),
            (rf"Model (?P<m>\S+) gave (?P<s>{PERCENT}) of all predictions, (?P<t>{PERCENT}) in {BEFORE}\.", self.model_share),
        ]  # fmt: skip

    def then(self) -> int:
        return self.before.total_predictions if self.before else -1

    def counted(self, text: str, count: int) -> bool:
        return text == f"{count:,}"

    def verdict(self, g: Groups) -> bool:
        words = {"Normal": "no threshold", "Warning": "a threshold", "Critical": "a critical threshold"}
        past = self.facts.state.query.window_end is not None
        return (
            g["word"].lower() == self.now.status
            and g["what"] == words[g["word"]]
            and self.counted(g["count"], self.now.total_predictions)
            and (g["is"] == "was") == past == ("until" in g["window"])
            and (g["model"], g["version"]) == (self.now.model_name, self.now.model_version)
        )

    def blind(self, g: Groups) -> bool:
        status = DriftStatus.NOT_ENOUGH_DATA
        names = [each.name.replace("_", " ") for each in self.facts.drift.measures if each.status is status]  # type: ignore[union-attr]
        return g["names"] == " and ".join(names)

    def alerts(self, g: Groups) -> bool:
        seen, named = self.facts.alerts, self.facts.state.query.window_end
        if seen is None:
            return False
        oldest = min(seen.alerts, key=lambda each: each.opened_at)
        spoken = {(each.signal.replace("_", " "), each.model_name, each.severity) for each in seen.alerts}
        stamp = f"{oldest.opened_at:%Y-%m-%d %H:%M} UTC"
        within = all(
            each.opened_at < self.now.time_window_end
            and (each.closed_at is None or each.closed_at > self.now.time_window_start)
            for each in seen.alerts
        )
        worst = min(["critical", "warning", "normal"].index(each.severity) for each in seen.alerts)
        ends = [each.silenced_until for each in seen.alerts if each.silenced_until]
        said = g["su"] or g["sf"]
        if bool(said) != (bool(ends) and named is None) or (said and said != f"{min(ends):%Y-%m-%d %H:%M} UTC"):
            return False
        if g["sc"] and g["sc"] != ("all" if len(ends) == len(seen.alerts) else str(len(ends))):
            return False
        said_worst = g["ws"] or g["severity"]
        return (
            self.counted(g["count"], len(seen.alerts))
            and bool(g["more"]) == (not seen.complete)
            and (g["signal"], g["model"], g["severity"]) in spoken
            and g["from"] == stamp
            and bool(g["then"]) == (named is not None)
            and (named is None or within)
            and ["critical", "warning", "normal"].index(said_worst) == worst
            and (g["until"] is None or oldest.closed_at is not None)
        )

    def few(self, g: Groups) -> bool:
        count = self.now.total_predictions
        return self.counted(g["few"], count) if g["few"] else count >= 30

    def breach(self, g: Groups, measured: float | None, side: int) -> bool:
        limit = next(each.threshold_value for each in self.now.breaches if each.threshold == g["t"])
        if measured is None or not near(g["m"], measured) or not near(g["l"], limit) or not self.few(g):
            return False
        if (value(g["m"]) - value(g["l"])) * side <= 0 or (measured - limit) * side <= 0:
            return False
        distance = abs(measured - limit) / limit
        if g["how"].startswith("just"):
            return distance < 0.01
        if g["how"].endswith("times"):
            return near(g["how"].removesuffix(" times"), measured / limit)
        return near_share(g["how"].rsplit(" ", 1)[0], distance)

    def low_confidence(self, g: Groups) -> bool:
        return self.breach(g, self.now.average_confidence, -1)

    def slow_inference(self, g: Groups) -> bool:
        return self.breach(g, self.now.p95_inference_time_ms, 1)

    def confidence(self, g: Groups) -> bool:
        before = self.before.average_confidence if self.before else None
        if before is None or self.now.average_confidence is None:
            return False
        rise = self.now.average_confidence - before
        return (
            near(g["a"], before)
            and near(g["c"], self.now.average_confidence)
            and (value(g["c"]) > value(g["a"])) == (rise > 0) == (g["way"] == "rose")
            and abs(rise) >= 0.05
        )

    def slower(self, g: Groups) -> bool:
        before, now = self.before and self.before.p95_inference_time_ms, self.now.p95_inference_time_ms
        threshold = self.facts.state.thresholds.max_inference_time_warning_ms
        beside = "both" if (before or 0) > threshold else "that" if (now or 0) > threshold else "a"
        if g["beside"].split()[0] != beside:
            return False
        matters = bool(before and now and (before >= threshold or now - before >= 0.1 * (threshold - before)))
        return near(g["a"], before) and near(g["c"], now) and near(g["t"], threshold) and matters

    def label_drift(self, g: Groups) -> bool:
        return self.drifted("label", lambda name: quoted(name) == g["bin"], g["rest"])

    def drifted(self, name: str, is_bin: Callable[[str], bool], rest: str) -> bool:
        form = rf"(?P<c>{PERCENT}), (?P<a>{PERCENT}) in (?P<ref>{REFERENCE}) \(population stability index (?P<p>{NUMBER}), by chance up to (?P<h>{NUMBER})\)(?P<same>, labels with other names counted as the same)?\."
        match = re.fullmatch(form, rest)
        assert match is not None
        drift = self.facts.pinned if "baseline" in match["ref"] else self.facts.drift
        assert drift is not None
        measure: DriftMeasure = next(each for each in drift.measures if each.name == name)
        if measure.status not in (DriftStatus.MODERATE, DriftStatus.SIGNIFICANT) or value(match["c"]) == value(
            match["a"]
        ):
            return False
        keys = {key for key in measure.reference.keys() | measure.current.keys() if is_bin(key)}
        if match["same"]:
            # Its share of before is that of one label that is gone: those of the same name, or of the same rank.
            gone = [share for key, share in measure.reference.items() if key not in measure.current]
            then = [*gone, *(measure.reference.get(key, 0.0) for key in keys)]
            return any(near_share_fine(match["c"], measure.current.get(key, 0)) for key in keys) and any(
                near_share_fine(match["a"], share) for share in then
            )
        return (
            near(match["p"], measure.psi)
            and abs(value(match["h"]) - (measure.chance_psi or 0)) <= 0.051 * (measure.chance_psi or 0) + 0.001
            and any(
                near_share_fine(match["c"], measure.current.get(key, 0))
                and near_share_fine(match["a"], measure.reference.get(key, 0))
                for key in keys
            )
        )

    def labels_of(self, ref: str) -> tuple[dict[str, float], dict[str, float]]:
        drift = self.facts.pinned if "baseline" in ref else None
        if drift is None and self.before is not None:
            return dict(self.before.label_distribution), dict(self.now.label_distribution)
        measure = next(each for each in (drift or self.facts.drift).measures if each.name == "label")  # type: ignore[union-attr]
        return measure.reference, measure.current

    def names(self, g: Groups) -> bool:
        before, now = self.labels_of(g["ref"])
        came = {quoted(label) for label in now.keys() - before.keys()}
        went = {quoted(label) for label in before.keys() - now.keys()}
        return in_list(g.get("came"), came) and in_list(g.get("went"), went)

    def renamed(self, g: Groups) -> bool:
        """Where shares are said to be alike, those of the names that are told are, within five standard deviations."""
        if not self.names(g) or (g["seem"] == "seem to have" and not g["alike"]):
            return False
        before, now = self.labels_of(g["ref"])
        if g["seem"] == "seem to have" and not self.another_version(g["ref"]):
            return False
        sides = [
            sorted(
                (share for key, share in one.items() if quoted(key) in re.findall(r"`[^`]+`", g[word])), reverse=True
            )
            for word, one in (("went", before), ("came", now))
        ]
        n, m = sum(before.values()), sum(now.values())
        if not g["alike"] or n <= 1.5:
            return True
        return all(
            abs(was / n - has / m) <= 5 * (max(was / n, has / m) * (1 / n + 1 / m)) ** 0.5
            for was, has in zip(*sides, strict=False)
        )

    def another_version(self, ref: str) -> bool:
        """No version of now predicted then."""
        pinned = self.facts.pinned if "baseline" in ref else self.facts.drift
        then = set(pinned.reference_versions if pinned else {})
        if "baseline" not in ref and self.before:
            then = {each.model_version for each in self.before.versions}
        return bool(then) and not then & {each.model_version for each in self.now.versions}

    def one_sided(self, g: Groups) -> bool:
        counts = self.now.label_distribution
        total = sum(counts.values())
        return any(
            quoted(label) == g["l"] and near_share(g["s"], count / total) and count / total >= 0.95
            for label, count in counts.items()
        )

    def version(self, g: Groups) -> bool:
        now, before = of_model(self.now, g["m"]), of_model(self.before, g["m"])
        share, then = (
            {v: c / sum(n for n, _ in each.values()) for v, (c, _) in each.items()} for each in (now, before)
        )
        if g["o"] != g["o2"] and g["o"] != g["o3"] and g["c"] is not None:
            return False
        most = max(count for count, _ in before.values())
        return (
            near_share_fine(g["s"], share[g["v"]])
            and near_share_fine(g["t"], then.get(g["v"], 0.0))
            and before[g["o"]][0] == most
            and self.quantity(g["q"], most / sum(count for count, _ in before.values()))
            and (g["c"] is None or near(g["c"], now[g["v"]][1]))
            and (g["d"] is None or near(g["d"], before[g["o"]][1]))
            and (g["o3"] is None or near(g["c"], before[g["o"]][1]))
        )

    def quantity(self, words: str, share: float) -> bool:
        """`all` is all, `most` is more than half."""
        if words == "all":
            return share == 1
        printed = words.removeprefix("most (").removesuffix(")")
        return near_share(printed, share) and (share > 0.5 if words.startswith("most") else share < 0.51)

    def versions_differ(self, g: Groups) -> bool:
        now = of_model(self.now, g["m"])
        surer, other = now[g["a"]][1], now[g["b"]][1]
        return near(g["c"], surer) and near(g["d"], other) and surer - other >= 0.05

    def versions_apart(self, g: Groups) -> bool:
        now = {each.model_version: each for each in self.now.versions if each.model_name == g["m"]}
        above, below = now[g["a"]], now[g["b"]]
        if g["what"] == "median value":
            high, low = above.values.p50, below.values.p50
        else:
            high, low = above.p95_inference_time_ms, below.p95_inference_time_ms
        is_time = g["unit"] == " ms"
        return near(g["c"], high) and near(g["d"], low) and high > low and is_time is (g["what"] != "median value")

    def feedback(self, g: Groups) -> bool:
        quality = self.facts.quality
        if quality is None or quality.accuracy is None:
            return False
        weight = quality.feedback_count if quality.weight is None else quality.weight
        share, told = (g["r"], g["k"] is None) if g["r"] else (g["v"], near(g["k"], weight))
        if g["d"] and quality.feedback_count == self.now.total_predictions:
            return False
        if g["all"] is not None and quality.feedback_count < self.now.total_predictions:
            return False
        voices = {"one": quality.callers == 1, "all": quality.callers == 2, "how": quality.callers is None}
        return (
            bool(told)
            and (g["r"] is None or abs(weight - quality.feedback_count) < 0.5)
            and self.counted(g["j"], quality.feedback_count)
            and self.counted(g["n"], self.now.total_predictions)
            and near_share(g["s"], quality.feedback_count / self.now.total_predictions)
            and near_share(share, quality.accuracy)
            and (bool(g["one"]) != quality.is_independent)
            and (g["one"] is None or voices[g["one"][:3] if "one caller" not in g["one"] else "one"])
            and (
                g["c"] is None
                or (near(g["c"], self.now.average_confidence) and quality.accuracy < (self.now.average_confidence or 0))
            )
        )

    def model_alone(self, g: Groups, there: object, other: object) -> bool:
        """A model that one window has and the other has not."""
        count = sum(count for count, _ in of_model(there, g["m"]).values())
        total = there.total_predictions  # type: ignore[attr-defined]
        return self.counted(g["c"], count) and near_share(g["s"], count / total) and not of_model(other, g["m"])

    def model_share(self, g: Groups) -> bool:
        assert self.before
        shares = [
            sum(count for count, _ in of_model(side, g["m"]).values()) / side.total_predictions
            for side in (self.now, self.before)
        ]
        return (
            near_share_fine(g["s"], shares[0])
            and near_share_fine(g["t"], shares[1])
            and abs(shares[0] - shares[1]) >= 0.1
        )

    def complaints(self, g: Groups) -> bool:
        quality = self.facts.quality
        if quality is None or quality.accuracy is None or not quality.is_independent:
            return False
        right = round(quality.accuracy * quality.feedback_count)
        wrong = quality.feedback_count - right
        if bool(g["d"]) != (quality.feedback_count < self.now.total_predictions):
            return False
        return (
            self.counted(g["w"], wrong)
            and self.counted(g["n"], self.now.total_predictions)
            and near_share(g["s"], wrong / self.now.total_predictions)
            and g["r"] == (f"{right:,}" if right else "none")
        )

    def cause(self, text: str, findings: Findings) -> None:
        """A hypothesis is not a figure, but what it takes for granted must have been told as an issue, or be so."""
        told = {issue.issue_type for issue in findings.identified_issues}
        needs = {
            "less sure": {"confidence_falling"},
            "surer": {"confidence_rising"},
            "takes longer": {"inference_slowing"},
            "other labels": {"label_drift"},
            "its labels are not the same": {"labels_changed"},
            "More traffic than": {"traffic_surge", "inference_slowing"},
            "More traffic (": {"inference_slowing"},
            "is new in this window and": {"model_started"},
            "is gone from this window": {"model_stopped"},
            "slows prediction-service down": {"inference_slowing"},
            "harder than before": {"confidence_falling"},
            "other lengths": {"input_length_drift"},
            "other inputs": {"input_length_drift"},
            "Version": {"version_changed"},
            "No label is one of before": {"labels_changed"},
        }
        assert not SILLY.search(text), text
        for words, issues in needs.items():
            assert words not in text or issues <= told, f"{text}: {told}"
        if text.startswith("It has come slowly"):
            assert any("in the baseline" in issue.description for issue in findings.identified_issues)
            assert not any("minutes before (pop" in issue.description for issue in findings.identified_issues)
        self.cause_of_what_came(text)
        if "no change that matters" in text:
            names = {"confidence": "confidence", "labels": "label", "input lengths": "input_length"}
            spoken = [name for words, name in names.items() if words in text.split(";")[1]]
            by_name = {each.name: each.status for each in self.facts.drift.measures} if self.facts.drift else {}
            assert spoken
            assert all(by_name[name] in (DriftStatus.STABLE, DriftStatus.SLIGHT) for name in spoken)
        if match := re.match(r"It is not new: (.+) was breached", text):
            before = {each.threshold for each in self.before.breaches} if self.before else set()
            assert set(match[1].split(" and ")) <= before & {each.threshold for each in self.now.breaches}

    def cause_of_what_came(self, text: str) -> None:
        """What came, went or grew, did."""
        if text.startswith("No label is one of before"):
            before, now = self.labels_of("")
            assert not {label for label in before if before[label]} & {label for label in now if now[label]}
        if "not a surge of traffic" in text:
            assert self.then() < 0 or self.now.total_predictions < 1.25 * self.then()
        if match := re.match(r"More traffic \((\S+) times as much\)", text):
            assert near(match[1], self.now.total_predictions / self.then())
            assert self.now.total_predictions / self.then() >= 1.1
        for model, what in re.findall(r"[Mm]odel (\S+) is (new|gone)", text):
            there, other = (self.now, self.before) if what == "new" else (self.before, self.now)
            assert of_model(there, model)
            assert not of_model(other, model)


def near_share_fine(text: str, share: float) -> bool:
    """A share of a pair, which may be printed finer to tell it from the other."""
    return near_share(text, share) or (
        re.match(r"[\d.,]+ %", text) is not None and abs(value(text) - share * 100) < 5e-3
    )


def quoted(label: str) -> str:
    """How a label stands in a sentence; written here once more on purpose."""
    plain = "".join(each if each.isprintable() and not each.isspace() else " " for each in label).replace("`", "'")
    short = " ".join(plain.split()) or "?"
    return f"`{short}`" if len(short) <= 40 else f"`{short[:39]}…`"


def in_list(text: str | None, labels: set[str]) -> bool:
    if text is None:
        return True
    names = re.findall(r"`[^`]+`", text)
    more = re.search(r" and (\d+) more$", text)
    return (
        bool(names)
        and set(names) <= labels
        and len(names) + int(more[1] if more else 0) <= max(len(labels), len(names))
    )


def of_model(metrics: object, model: str) -> dict[str, tuple[int, float]]:
    return {
        each.model_version: (each.total_predictions, each.average_confidence)
        for each in metrics.versions  # type: ignore[attr-defined]
        if each.model_name == model
    }
