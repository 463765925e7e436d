"""What does a prediction for the row of a table cost, beside servers of the same scikit-learn model?

They load what scikit-learn trained; this stack serves what `modelserver import` made of it. Everyone is asked about the
same rows first, and has to say what scikit-learn says.
"""

import csv
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from benchmarks.comparison import BUSY, Run, Start, compare, runs
from benchmarks.contestants import all_running, table
from benchmarks.harness.contest import Duel, contest
from benchmarks.harness.report import Result, bar
from benchmarks.options import Options
from benchmarks.scenarios.predictions import latencies, listed, rates
from benchmarks.scenarios.processor_time import SECONDS, asked
from benchmarks.targets import (
    REPOSITORY,
    STACK,
    Peer,
    Running,
    ServedModel,
    mlserver_settings,
    our_stack,
    served_model,
    with_examples,
)

TITLE = "Rows of a table beside servers of scikit-learn models"
MOST = 0.67
"""Of what the cheapest of the others takes."""
EXAMPLE = REPOSITORY / "examples" / "churn"
CONNECTIONS = {1: 1, BUSY: 4}
COMPARED_ROWS, RELATIVE = 50, 1e-5
NUMBERS: dict[str, Callable[[str], Any]] = {"age": float, "monthly fee": float, "calls": int, "months": int}

Inputs = dict[str, Any]
KnownRow = tuple[Inputs, str, float]
"""A row, and what scikit-learn said about it when the example was made: label and confidence."""


@dataclass(frozen=True)
class Form:
    """How one target is asked about a row, and what it answers."""

    body: Callable[[Inputs], Any]
    read: Callable[[Any], tuple[str, float]]
    """Label and confidence."""


def pandas_columns(inputs: Inputs) -> Any:
    """As MLServer's codec for data frames has it."""
    columns = [
        {"name": name, "shape": [1, 1], "datatype": datatype(value), "data": [value]}
        | ({"parameters": {"content_type": "str"}} if isinstance(value, str) else {})
        for name, value in inputs.items()
    ]
    return {"parameters": {"content_type": "pd"}, "inputs": columns, "outputs": [{"name": "predict_proba"}]}


def datatype(value: object) -> str:
    """In the Open Inference Protocol."""
    return {str: "BYTES", float: "FP64", int: "INT64"}[type(value)]


def of_probabilities(answer: Any) -> tuple[str, float]:
    """MLServer answers with the probabilities of the classes, which scikit-learn has in the order of the alphabet."""
    leaves, stays = answer["outputs"][0]["data"]
    return max((leaves, "leaves"), (stays, "stays"))[::-1]


def of_label(answer: Any) -> tuple[str, float]:
    """As the peers' own code says it."""
    return answer["label"], answer["confidence"]


FORMS = {
    STACK: Form(lambda inputs: {"inputs": inputs}, lambda answer: (answer["prediction_label"], answer["confidence"])),
    "MLServer": Form(pandas_columns, of_probabilities),
    "LitServe": Form(lambda inputs: {"inputs": inputs}, of_label),
    "BentoML": Form(lambda inputs: {"rows": [inputs]}, lambda answer: of_label(answer[0])),
}


def run(options: Options) -> Result:
    """Processor time beside each other; then rates and waiting, one after the other."""
    folder = options.folder / "tables"
    folder.mkdir(mode=0o755)
    model = served_model("churn", folder / "models", EXAMPLE / "models")
    found, skipped = Result(TITLE), dict[str, str]()
    duels = beside_all(options, model, folder, skipped)
    comparison = compare(model, starts(folder), folder, options.turns, partial(look, options, known_rows()))
    found.tables = [
        table("churn: a row", STACK, duels, BUSY),
        rates(comparison, "churn", CONNECTIONS),
        latencies(comparison, "churn", CONNECTIONS),
    ]
    found.skipped = [f"{title}, churn: {why.splitlines()[-1]}" for title, why in (comparison.skipped | skipped).items()]
    if duels:
        cheapest = min(duels.values(), key=lambda duel: duel.others.middle)
        what = (
            f"churn over {BUSY} connections: processor time of the whole stack, "
            f"to the cheapest of {listed(list(duels))}"
        )
        found.bars.append(bar("predictions", what, "at most", MOST, "×", cheapest.ratio()))
    return found


def beside_all(options: Options, model: ServedModel, folder: Path, skipped: dict[str, str]) -> dict[str, Duel]:
    """This stack beside each of the others, once all have said what scikit-learn says."""
    with all_running(starts(folder), model, folder, skipped) as running:
        for name, one in list(running.items()):
            try:
                compare_answers(known_rows(), one)
            except RuntimeError as error:
                skipped[name] = str(error)
                del running[name]
        others = {name: asked(one, name) for name, one in running.items() if name != STACK}
        return contest(asked(running[STACK], STACK), others, options.pairs, options.of(SECONDS), skipped)


def known_rows() -> list[KnownRow]:
    """Rows without gaps."""
    with (EXAMPLE / "rows.csv").open(newline="", encoding="utf-8") as file:
        lines = [line for line in csv.DictReader(file) if all(line.values())][:COMPARED_ROWS]
    return [
        (
            {name: NUMBERS.get(name, str)(cell) for name, cell in line.items() if not name.startswith("_")},
            line["_label"],
            float(line["_confidence"]),
        )
        for line in lines
    ]


def starts(folder: Path) -> Mapping[str, Start]:
    """How each target is started."""
    (inputs, _, _), *_ = known_rows()
    bodies = {name: json.dumps(form.body(inputs)) for name, form in FORMS.items()}
    original = folder / "churn.joblib"

    def with_original(folder: Path, port: int, model: ServedModel) -> None:
        if not original.exists():
            with_examples("keep_churn.py", EXAMPLE / "make.py", original)
        shutil.copy(original, folder)

    def with_settings(folder: Path, port: int, model: ServedModel) -> None:
        with_original(folder, port, model)
        mlserver_settings(folder, port, model, "mlserver_sklearn.SKLearnModel", parameters={"uri": "./churn.joblib"})

    peers = [
        Peer(
            "MLServer", "mlserver", "/v2/models/model/infer", bodies["MLServer"],
            lambda programs, _: [f"{programs}/mlserver", "start", "."], with_settings,
        ),
        Peer(
            "LitServe", "litserve", "/predict", bodies["LitServe"],
            lambda programs, port: [f"{programs}/python", "serve_table.py", str(port)], with_original,
        ),
        Peer(
            "BentoML", "bentoml", "/predict", bodies["BentoML"],
            lambda programs, port: [
                f"{programs}/bentoml", "serve", "serve_table:Churn",
                "--host", "127.0.0.1", "--port", str(port), "--quiet",
            ], with_original,
        ),
    ]  # fmt: skip
    return {STACK: partial(our_stack, body=bodies[STACK]), **{peer.title: peer.start for peer in peers}}


def look(options: Options, rows: list[KnownRow], running: Running) -> dict[str, Run]:
    """Whether it says what scikit-learn says, and then how fast. Raises RuntimeError."""
    compare_answers(rows, running)
    return runs(options, running, CONNECTIONS)


def compare_answers(rows: list[KnownRow], running: Running) -> None:
    """Raises RuntimeError when one is not what scikit-learn says."""
    for name, entrance in running.entrances.items():
        form = FORMS.get(name, FORMS[STACK])
        for number, (inputs, label, confidence) in enumerate(rows):
            response = httpx.post(
                entrance.url, json=form.body(inputs), headers={"X-Forwarded-For": f"198.51.100.{number}"}, timeout=30
            )
            if response.status_code != 200:
                raise RuntimeError(f"{name} answers {response.status_code} to {inputs}: {response.text[:200]}")
            said, sure = form.read(response.json())
            if said != label or abs(sure - confidence) > RELATIVE * confidence:
                raise RuntimeError(f"{name} says {said}, {sure} of {inputs}; scikit-learn {label}, {confidence}")
