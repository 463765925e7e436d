"""What passed its trial is not tried again by the next process, unless the trial would be another one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from prediction_service.models import remembered
from prediction_service.models.admission import Admission
from prediction_service.models.folders.listing import ModelFolder
from prediction_service.models.loader import QueueBounds
from prediction_service.models.trials import runner, same_trial
from prediction_service.models.trials.runner import TrialBounds, Trials
from prediction_tests.hostile_models import drop_in, model
from prediction_tests.python_models import python_model

MEMORY = 256 << 20


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that are tried, in a process that has tried nothing yet."""
    found: list[Path] = []
    attempt = Trials._attempt

    async def noted(self: Trials, folder: Path, seconds: float, processor_seconds: int) -> object:
        found.append(folder)
        return await attempt(self, folder, seconds, processor_seconds)

    monkeypatch.setattr(Trials, "_attempt", noted)
    return found


async def admit_after_a_restart(folder: Path, memory: Path | None, seconds: float = 30) -> None:
    runner._passed.clear()
    admission = Admission(Trials(TrialBounds(seconds, MEMORY)), QueueBounds(1024, 5.0, memory_bytes=MEMORY), 30, memory)
    admitted = await admission.admit(ModelFolder(folder.parent.name, folder.name, folder))
    await admitted.batcher.close()


@pytest.fixture
def good(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return drop_in(tmp_path / "models", "good", model("even"))


async def test_it_is_tried_once(good: Path, tried: list[Path], tmp_path: Path) -> None:
    for _ in range(3):
        await admit_after_a_restart(good, tmp_path)
    assert tried == [good]
    copy = good.parent.with_name("copy")
    good.parent.rename(copy)
    await admit_after_a_restart(copy / good.name, tmp_path)
    assert tried == [good], "it is the contents that were tried, whatever they are called"


async def test_without_a_folder_for_it_nothing_is_remembered(good: Path, tried: list[Path]) -> None:
    for _ in range(2):
        await admit_after_a_restart(good, None)
    assert tried == [good, good]


async def test_other_contents_are_tried(good: Path, tried: list[Path], tmp_path: Path) -> None:
    await admit_after_a_restart(good, tmp_path)
    (good / "note.txt").write_text("new")
    await admit_after_a_restart(good, tmp_path)
    assert tried == [good, good]


async def test_it_is_tried_again_within_other_bounds(good: Path, tried: list[Path], tmp_path: Path) -> None:
    await admit_after_a_restart(good, tmp_path)
    await admit_after_a_restart(good, tmp_path, seconds=31)
    assert tried == [good, good]


def to_another_processor(monkeypatch: pytest.MonkeyPatch, _: Path) -> None:
    monkeypatch.setattr(same_trial, "processor", lambda: ["model name: another"])


def to_another_library(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "onnxruntime-99.0.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(str(folder))


def to_other_code(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "__init__.py").write_text('"""Another release."""\n')
    monkeypatch.setattr(same_trial.prediction_service, "__file__", str(folder / "__init__.py"))


def to_less_memory(monkeypatch: pytest.MonkeyPatch, _: Path) -> None:
    monkeypatch.setattr(runner, "free_memory", lambda: 800 << 20)


@pytest.mark.parametrize("moved", [to_another_processor, to_another_library, to_other_code, to_less_memory])
async def test_it_is_tried_again_after_a_move(
    good: Path,
    tried: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moved: Callable[[pytest.MonkeyPatch, Path], None],
) -> None:
    await admit_after_a_restart(good, tmp_path)
    (tmp_path / "moved").mkdir()
    moved(monkeypatch, tmp_path / "moved")
    same_trial.circumstances.cache_clear()
    try:
        for _ in range(2):
            await admit_after_a_restart(good, tmp_path)
        assert tried == [good, good]
    finally:
        same_trial.circumstances.cache_clear()


async def test_a_python_model_is_tried_at_each_start(tried: list[Path], tmp_path: Path) -> None:
    folder = python_model(tmp_path, "def predict(rows):\n    return [{'no': 0.5, 'yes': 0.5} for _ in rows]\n")
    for _ in range(2):
        await admit_after_a_restart(folder, tmp_path)
    assert tried == [folder, folder]


@pytest.mark.parametrize("content", [b"", b"\xff\x00" * 500, b"sha256:" + b"0" * 64, b"passed-trials\n" * 100_000])
async def test_what_else_is_in_the_file_counts_for_nothing(
    good: Path, tried: list[Path], tmp_path: Path, content: bytes
) -> None:
    (tmp_path / remembered.PASSED).write_bytes(content)
    for _ in range(2):
        await admit_after_a_restart(good, tmp_path)
    assert tried == [good]


async def test_what_fails_is_tried_at_each_start(tried: list[Path], tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    bad = drop_in(tmp_path / "models", "bad", model("regression"))
    for _ in range(2):
        with pytest.raises(Exception, match="regression"):
            await admit_after_a_restart(bad, tmp_path)
    assert tried == [bad, bad]
