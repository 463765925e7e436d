"""What a request sends is cut into pieces: long texts in threads, rows of a table as many as a call may have."""

import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from prediction_service.batching.reading import Reader
from prediction_service.batching.runtime import WholeInstances
from prediction_service.models.folders.listing import ModelFolder
from prediction_service.models.loader import QueueBounds, load_model
from prediction_tests.gated_model import STAYS, GatedRuntime

GRAPHS = Path(__file__).parent / "graphs"


class Noting(WholeInstances):
    """Notes which threads read, and how many instances at once."""

    def __init__(self) -> None:
        super().__init__(GatedRuntime())
        self.reads: list[tuple[int, int]] = []

    def pieces(self, instances: Sequence[Any]) -> Any:
        self.reads.append((threading.get_ident(), len(instances)))
        return super().pieces(instances)


@pytest.mark.parametrize("declared", [False, True])
async def test_long_texts_are_read_in_threads_a_few_at_a_time_declared_or_not(declared: bool) -> None:
    runtime = Noting()
    texts: list[Any] = [("long " * 500, None, 3.0) if declared else "long " * 500 for _ in range(5)]
    pieces = await Reader("noted/1.0.0", runtime, 1000).read(texts, 10)
    assert len(pieces) == 5
    assert [number for _, number in runtime.reads] == [1, 1, 1, 1, 1]
    assert threading.get_ident() not in {thread for thread, _ in runtime.reads}


async def test_rows_without_texts_are_read_where_they_are() -> None:
    runtime = Noting()
    await Reader("noted/1.0.0", runtime, 1000).read([(1.0, None, True)] * 1000, 10)
    assert runtime.reads == [(threading.get_ident(), 1000)]


async def test_a_call_of_a_table_model_has_as_many_rows_as_its_manifest_says(tmp_path: Path) -> None:
    folder = tmp_path / "sums" / "1.0.0"
    folder.mkdir(parents=True)
    shutil.copy(GRAPHS / "names.onnx", folder / "model.onnx")
    inputs = "".join(f'[[inputs]]\nname = "{name}"\ntype = "number"\n' for name in ("monthly_fee", "age_0"))
    manifest = f'task_type = "regression"\n{inputs}[runtime]\nkind = "onnx"\n[batching]\nmax_rows = 1000\nworkers = 1\n'
    (folder / "model.toml").write_text(manifest, encoding="utf-8")
    model = load_model(ModelFolder("sums", "1.0.0", folder), QueueBounds(rows=4000, timeout_seconds=10))
    outcomes = await model.batcher.run([(float(row), 1.0) for row in range(1000)], STAYS)
    assert [outcome.output for outcome in outcomes] == [row + 1.0 for row in range(1000)]
    assert {outcome.batch_rows for outcome in outcomes} == {1000}
