"""MLServer's and KServe's own client libraries, unmodified, ask models of every task as they ask their own servers."""

import asyncio
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from prediction_tests.clients.environment import ask
from prediction_tests.process import service_process
from prediction_tests.service import QUICK_MODELS
from shared.processes.waiting import wait_until
from shared.testing.postgres import Database

TABLES = Path(__file__).parent / "exports" / "tables"
SERVED = {
    "churn": "skl2onnx-churn",
    "price": "skl2onnx-regression",
    "topics": "skl2onnx-multi-output",
    "reduced": "skl2onnx-pca",
    "clusters": "skl2onnx-kmeans",
}
EXPECTED: dict[str, Any] = {
    name: json.loads((TABLES / folder / "expect.json").read_text()) for name, folder in SERVED.items()
}
NAMES = ("age", "monthly fee", "calls", "late")

pytestmark = pytest.mark.timeout(600)  # the first run installs the libraries


def close(values: Any) -> Any:
    return pytest.approx(values, rel=1e-5, abs=1e-5)


@pytest.fixture
def server(database: Database, tmp_path: Path) -> Iterator[str]:
    models = tmp_path / "models"
    shutil.copytree(QUICK_MODELS, models)
    for name, folder in SERVED.items():
        shutil.copytree(TABLES / folder, models / name / "1.0.0", ignore=shutil.ignore_patterns("expect.json"))
    process = service_process(database, tmp_path, MODELS_DIR=str(models))
    try:
        process.start(deadline_seconds=120)  # five models are tried
        url = f"http://127.0.0.1:{process.port}"
        ready = [f"{url}/v2/models/{name}/ready" for name in SERVED]
        wait_until(lambda: all(httpx.get(each).is_success for each in ready), "all models", deadline_seconds=120)
        yield url
    finally:
        process.stop()


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """The same rows for both."""
    file = tmp_path / "rows.json"
    numbers = [[float(row[name]) for name in NAMES] for row in EXPECTED["price"]["rows"]]
    file.write_text(json.dumps({"churn": EXPECTED["churn"]["rows"], "numbers": numbers}))
    return file


def check_tables(answers: dict[str, Any], ending: str = "") -> None:
    """What one tensor of numbers brings: the same as the libraries said before the export."""
    assert answers["price" + ending]["value"] == close(EXPECTED["price"]["values"])
    topics, said = answers["topics" + ending], EXPECTED["topics"]
    for at, probabilities in enumerate(said["probabilities"]):
        assert topics["scores"][at] == close(probabilities)
        sorted_labels = sorted(zip(probabilities, said["labels"], strict=True), key=lambda pair: -pair[0])
        labels = [label for probability, label in sorted_labels if probability >= 0.5]
        assert json.loads(topics["labels"][at]) == labels
        assert topics["label"][at] == (labels[0] if labels else "")
        assert topics["confidence"][at] == close(max(probabilities) if labels else 0.0)
    for at, vector in enumerate(EXPECTED["reduced"]["vectors"]):
        assert answers["reduced" + ending]["embedding"][at] == close(vector)
    for at, outputs in enumerate(EXPECTED["clusters"]["outputs"]):
        assert answers["clusters" + ending]["label"][at] == outputs["label"]
        assert answers["clusters" + ending]["scores"][at] == close(outputs["scores"])


def likeliest(probabilities: list[float]) -> str:
    labels: list[str] = EXPECTED["churn"]["labels"]
    return labels[probabilities.index(max(probabilities))]


async def recorded(database: Database, model: str) -> dict[str, str]:
    rows = await database.fetch("SELECT * FROM predictions.prediction WHERE model_name = $1", model)
    return {str(row["prediction_id"]): row["prediction_label"] for row in rows}


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="mlserver is for Python below 3.13")
def test_mlservers_codecs(server: str, rows: Path, database: Database) -> None:
    answers = json.loads(ask("mlserver", server, str(rows)))
    check_tables(answers)
    expected = EXPECTED["churn"]["probabilities"]
    frame, named = answers["data frame"], answers["named outputs"]
    assert list(frame) == ["label", "confidence", "prediction_id"]
    assert frame["label"] == [likeliest(each) for each in expected]
    assert frame["confidence"] == close([max(each) for each in expected])
    assert (
        asyncio.run(recorded(database, "churn")).items()
        >= dict(zip(frame["prediction_id"], frame["label"], strict=True)).items()
    )
    assert list(named) == ["scores", "label"]
    assert [close(each) for each in expected] == named["scores"]
    assert answers["strings"]["label"] == ["positive", "negative"]
    assert [tensor["datatype"] for tensor in answers["metadata"]["inputs"]] == [
        "FP64",
        "FP64",
        "INT64",
        "BYTES",
        "BYTES",
    ]


def test_kserves_client(server: str, rows: Path, database: Database) -> None:
    answers = json.loads(ask("kserve", server, str(rows)))
    assert (answers["live"], answers["ready"], answers["model ready"]) == (True, True, True)
    assert "Input 'monthly fee': is missing." in answers["refusal"]
    churn = EXPECTED["churn"]
    expected = [each for each, row in zip(churn["probabilities"], churn["rows"], strict=True) if row["age"] is not None]
    record = asyncio.run(recorded(database, "churn"))
    for encoding in ("json", "binary"):
        check_tables(answers, f" {encoding}")
        given = answers[f"churn {encoding}"]
        assert [close(each) for each in expected] == given["scores"]
        assert given["label"] == [likeliest(each) for each in expected]
        assert [record[each] for each in given["prediction_id"]] == given["label"]
