"""Versions come and go under constant load through the gateway: no request fails, and no memory is left behind."""

import shutil
from pathlib import Path

import httpx
import pytest

from shared.testing.admin import ADMIN
from tests.callers import Callers
from tests.stack import REPOSITORY, LocalStack

SWAPS = 50
WARM_UP_SWAPS = 10
"""By then every thread has its heap and the allocator has what it needs for two versions at once."""

MOST_GROWTH = 16 * 1024 * 1024
"""Bytes. Measured: 2 MB and less, for allocators breathe under load. 20 lexicons that stayed behind would be 48 MB."""

MOST_NEW_THREADS = 10
"""20 ONNX sessions of this size would be 3 MB only, too little to tell; but what stays behind keeps its threads."""

NAMES = ("sentiment-lexicon", "spam-words")
"""Both runtimes; what an ONNX session forgets to free is outside of Python."""

VERSIONS = {"1.0.0", "2.0.0"}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name in NAMES:
        shutil.copytree(REPOSITORY / "models" / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory, models: Path):
    folder = tmp_path_factory.mktemp("own") / "local"
    stack = LocalStack(folder, MODELS_DIR=str(models), DEFAULT_MODEL=NAMES[0]).start()
    yield stack
    stack.end()


def swap(client: httpx.Client, folder: Path) -> None:
    """The newer version comes if it is not there, and goes if it is."""
    newer = folder / "2.0.0"
    if newer.exists():
        shutil.rmtree(newer)
    else:
        shutil.copytree(folder / "1.0.0", folder / ".2.0.0").rename(newer)
    answer = client.post(f"/v2/repository/models/{folder.name}/load", headers=ADMIN)
    assert answer.status_code == 200, answer.text


@pytest.mark.faults
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", NAMES)
def test_fifty_swaps_fail_no_request_and_keep_no_memory(own_stack: LocalStack, models: Path, name: str) -> None:
    service = own_stack.process_of("prediction_service")
    with Callers(own_stack.url, name) as callers, httpx.Client(base_url=own_stack.url, timeout=30) as client:
        for number in range(SWAPS):
            if number == WARM_UP_SWAPS:
                before, threads = service.memory_info().rss, service.num_threads()
            swap(client, models / name)
            callers.until_answered(10)
        growth, new_threads = service.memory_info().rss - before, service.num_threads() - threads
    assert callers.unexpected == []
    assert all(request.answer is not None for request in callers.done)
    versions = {prediction["model_version"] for request in callers.done for prediction in request.answer or ()}
    assert versions == VERSIONS
    print(f"{name}: {len(callers.done)} requests, {growth / 1e6:+.1f} MB, {new_threads:+} threads")
    assert growth < MOST_GROWTH
    assert new_threads < MOST_NEW_THREADS
