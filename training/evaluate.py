"""Scores the shipped models, VADER (`sentiment-lexicon`) and TextBlob on the same sets and checks, as they are served.

    python -m training.evaluate --data DATA --models models --into FOLDER [--part dev] [--instead fp32=FOLDER]

Writes evaluation.md, evaluation.json and evaluation.svg. Texts are judged one by one, in one thread.
"""

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training import checks
from training.datasets import Example, read_dev, read_test
from training.judges import Judge, served, textblob
from training.metrics import Array, figures
from training.report import Result, markdown, plot

SHIPPED = ("sentiment", "sentiment-fast", "sentiment-lexicon")

USUAL = {"sst2": "accuracy", "imdb": "accuracy", "tweeteval": "macro_recall"}
"""The figure by which a set is usually compared; of the others macro-F1."""

SHORT_WORDS = 24
"""Words of a text that makes up to 32 tokens, as a rule."""


def main() -> None:
    """See the module."""
    arguments = parse()
    sets = (read_test if arguments.part == "test" else read_dev)(arguments.data)
    if arguments.rows:
        sets = {name: rows[:: max(1, len(rows) // arguments.rows)] for name, rows in sets.items()}
    judges = judges_of(arguments.models, arguments.instead or SHIPPED)
    results = [result(judge, name, rows) for judge in judges for name, rows in sets.items()]
    arguments.into.mkdir(parents=True, exist_ok=True)
    table = markdown(results, arguments.part) + "\n" + checks.markdown(judges)
    (arguments.into / "evaluation.md").write_text(table, encoding="utf-8")
    rows = [dataclasses.asdict(row) for row in results]
    (arguments.into / "evaluation.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    plot(results, arguments.into / "evaluation.svg")
    print(table)  # noqa: T201 - what the command is for


def judges_of(models: Path, names: Sequence[str]) -> list[Judge]:
    """The newest versions of models, by their names in the repository or as NAME=FOLDER of a version; and TextBlob."""
    judges = []
    for given in names:
        name, _, folder = given.partition("=")
        judges.append(served(name, Path(folder) if folder else newest(models / name)))
    return [*judges, textblob()]


def result(judge: Judge, name: str, rows: Sequence[Example]) -> Result:
    """One model on one set."""
    verdicts = judge.of([row.text for row in rows])
    truth = np.array([row.label for row in rows])
    found = figures(truth, verdicts.probabilities, USUAL.get(name, "macro_f1"))
    if not judge.gives_probabilities:
        found = dataclasses.replace(found, calibration_error=float("nan"))
    short = verdicts.seconds[[len(row.text.split()) <= SHORT_WORDS for row in rows]]
    return Result(
        judge.name, name, len(rows), USUAL.get(name, "macro_f1"), found,
        milliseconds(verdicts.seconds), milliseconds(short) if len(short) else None,
    )  # fmt: skip


def milliseconds(seconds: Array) -> tuple[float, float]:
    """p50 and p95."""
    low, high = np.quantile(seconds, (0.5, 0.95)) * 1000
    return float(low), float(high)


def newest(model: Path) -> Path:
    """The folder of a model's highest version."""
    return max(model.iterdir(), key=lambda version: [int(part) for part in version.name.split(".")])


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of <set>/<part>.tsv.gz")
    parser.add_argument("--models", type=Path, required=True, help="the model repository")
    parser.add_argument("--into", type=Path, required=True, help="folder for the table and the plot")
    parser.add_argument("--part", choices=("test", "dev"), default="test")
    parser.add_argument("--instead", nargs="+", metavar="NAME[=FOLDER]", help="other models than the shipped ones")
    parser.add_argument("--rows", type=int, help="so many of each set, evenly spread; not set: all")
    return parser.parse_args()


if __name__ == "__main__":
    main()
