"""What passed its trial is not tried again by the next process, unless the trial would be another one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from prediction_service.batching.runtime import ModelError
from prediction_service.models.admission import Admission, FolderChangedError
from prediction_service.models.crashes import Crashes
from prediction_service.models.folders.listing import ModelFolder
from prediction_service.models.loader import QueueBounds
from prediction_service.models.remembered import PASSED, RememberedDigests
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

    async def noted(self: Trials, folder: Path, *rest: float) -> object:
        found.append(folder)
        return await attempt(self, folder, *rest)

    monkeypatch.setattr(Trials, "_attempt", noted)
    return found


async def admit_after_a_restart(
    folder: Path,
    memory: Path | None,
    seconds: float = 30,
    *,
    secret: bytes = b"secret",
    crashes: Crashes | None = None,
    by_hand: bool = False,
) -> None:
    runner._passed.clear()
    trials, queue = Trials(TrialBounds(seconds, MEMORY)), QueueBounds(1024, 5.0, memory_bytes=MEMORY)
    admission = Admission(trials, queue, 30, memory, crashes, secret)
    admitted = await admission.admit(ModelFolder(folder.parent.name, folder.name, folder), by_hand=by_hand)
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


async def test_a_little_more_or_less_free_memory_is_the_same_trial(
    good: Path, tried: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for free in (600, 620, 640):  # MiB, as in the container of docker-compose.yml
        monkeypatch.setattr(runner, "free_memory", lambda free=free: free << 20)
        await admit_after_a_restart(good, tmp_path)
    assert tried == [good]


async def test_who_does_not_know_the_secret_vouches_for_nothing(good: Path, tried: list[Path], tmp_path: Path) -> None:
    await admit_after_a_restart(good, tmp_path, secret=b"guessed")
    await admit_after_a_restart(good, tmp_path)
    assert tried == [good, good]


async def test_an_operator_and_a_crash_have_it_tried_again(
    good: Path, tried: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await admit_after_a_restart(good, tmp_path)
    await admit_after_a_restart(good, tmp_path, by_hand=True)
    assert tried == [good, good]
    crashes = Crashes(None)
    monkeypatch.setattr(Crashes, "is_suspect", lambda self, digest: True)
    await admit_after_a_restart(good, tmp_path, crashes=crashes)
    assert tried == [good, good, good]


async def test_what_was_tried_while_something_else_lay_there_vouches_for_nothing(
    good: Path, tried: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (good / "golden.jsonl").write_text('{"text": "Anything.", "label": "no such label"}\n')
    golden = (good / "golden.jsonl").read_text()
    attempt = Trials._attempt

    async def switched(self: Trials, folder: Path, *rest: float) -> object:
        (good / "golden.jsonl").unlink()  # what is tried is not what was digested
        return await attempt(self, folder, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(Trials, "_attempt", switched)
        with pytest.raises(FolderChangedError):
            await admit_after_a_restart(good, tmp_path)
    (good / "golden.jsonl").write_text(golden)
    for _ in range(2):
        with pytest.raises(ModelError):
            await admit_after_a_restart(good, tmp_path)


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("nowhere"), Path.mkdir])
async def test_code_that_cannot_be_read_costs_trials_and_no_model(
    good: Path, tried: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]
) -> None:
    (tmp_path / "package").mkdir()
    make(tmp_path / "package" / "odd.py")
    monkeypatch.setattr(same_trial.prediction_service, "__file__", str(tmp_path / "package" / "__init__.py"))
    same_trial.circumstances.cache_clear()
    for _ in range(2):
        await admit_after_a_restart(good, tmp_path)
    assert tried == [good, good]


def test_replicas_with_one_folder_add_to_what_the_others_remember(tmp_path: Path) -> None:
    digests = [f"sha256:{number:064x}" for number in range(4)]
    one, other = (RememberedDigests(tmp_path, PASSED) for _ in range(2))
    for number, digest in enumerate(digests):
        (one, other)[number % 2].add(digest)
    assert [digest for digest in digests if digest not in RememberedDigests(tmp_path, PASSED)] == []


async def test_a_python_model_is_tried_at_each_start(tried: list[Path], tmp_path: Path) -> None:
    folder = python_model(tmp_path, "def predict(rows):\n    return [{'no': 0.5, 'yes': 0.5} for _ in rows]\n")
    for _ in range(2):
        await admit_after_a_restart(folder, tmp_path)
    assert tried == [folder, folder]


@pytest.mark.parametrize("content", [b"", b"\xff\x00" * 500, b"sha256:" + b"0" * 64, b"passed-trials\n" * 100_000])
async def test_what_else_is_in_the_file_counts_for_nothing(
    good: Path, tried: list[Path], tmp_path: Path, content: bytes
) -> None:
    (tmp_path / PASSED).write_bytes(content)
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
