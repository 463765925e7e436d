"""What a run leaves behind for people: settings, data, scores and a plot of them."""

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure


class RunRecord:
    """`record.json` and `curves.svg` in the run's folder, written anew at each evaluation."""

    def __init__(self, run: Path, about: dict[str, Any]) -> None:
        self._run = run
        self._file = run / "record.json"
        earlier = json.loads(self._file.read_text(encoding="utf-8")) if self._file.exists() else {"evaluations": []}
        self._record: dict[str, Any] = {"about": about, "evaluations": earlier["evaluations"]}

    def add(self, step: int, epochs: float, loss: float, scores: dict[str, float]) -> bool:
        """Notes one look at the dev sets; whether it is the best so far."""
        before = [row["scores"]["mean"] for row in self._record["evaluations"]]
        self._record["evaluations"].append({"step": step, "epochs": epochs, "loss": loss, "scores": scores})
        self._write()
        return all(scores["mean"] > mean for mean in before)

    def evaluations_since_best(self) -> int:
        """0 when the last one was the best."""
        means = [row["scores"]["mean"] for row in self._record["evaluations"]]
        return len(means) - 1 - means.index(max(means))

    def finish(self) -> None:
        """The run came to its end."""
        self._record["finished"] = True
        self._write()

    def _write(self) -> None:
        self._file.write_text(json.dumps(self._record, indent=1), encoding="utf-8")
        plot(self._record["evaluations"], self._run / "curves.svg")


def plot(evaluations: list[dict[str, Any]], file: Path) -> None:
    """Loss and scores by epoch."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [row["epochs"] for row in evaluations]
    left.plot(epochs, [row["loss"] for row in evaluations], marker="o")
    left.set(xlabel="epochs", ylabel="training loss")
    for name in evaluations[0]["scores"]:
        scores = [row["scores"][name] for row in evaluations]
        right.plot(epochs, scores, marker="o", label=name, linewidth=2.5 if name == "mean" else 1)
    right.set(xlabel="epochs", ylabel="score on the dev set")
    right.legend(fontsize=8)
    with mpl.rc_context({"svg.hashsalt": "curves"}):
        figure.savefig(file, metadata={"Date": None})
