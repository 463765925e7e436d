"""Whatever a Python model does in a call, it costs that call's rows; the model goes on, and nobody else notices."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
from structlog.testing import capture_logs

from prediction_service.batching.problems import ModelFailed, ModelUnavailable
from prediction_service.models.folders.listing import ModelFolder
from prediction_service.models.loader import QueueBounds, load_model
from prediction_service.models.model import Model
from prediction_service.models.runtimes.python.launch import ProcessBounds
from prediction_tests.gated_model import STAYS
from prediction_tests.python_models import below, python_model, workers

MEMORY = 128 << 20

CODE = """
import os, signal, struct, subprocess, sys, threading, time

held = []


def predict(rows):
    for row in rows:
        act(row["text"])
    if any(row["text"] == "too few" for row in rows):
        return []
    return [{"yes": 1.0} for row in rows]


def act(text):
    if text == "raise":
        raise ValueError("this one not")
    if text == "exit":
        sys.exit(3)
    if text == "exit at once":
        os._exit(0)
    if text == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if text == "sleep":
        time.sleep(1000)
    if text == "spin":
        while True:
            pass
    if text == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    if text == "eat":
        held.append(bytearray(1 << 30))
    if text == "eat in a child":
        if not os.fork():
            held.append(bytearray(os.urandom(1)) * (300 << 20))
            time.sleep(1000)
        held.append(bytearray(os.urandom(1)) * (300 << 20))
        time.sleep(1000)
    if text == "fork":
        while True:
            try:
                if not os.fork():
                    time.sleep(1000)
            except OSError:
                time.sleep(0.01)
    if text == "daemon":
        if not os.fork():
            os.setsid()
            if not os.fork():
                time.sleep(1000)
            os._exit(0)
    if text == "answer another call":
        frame = struct.pack("=IBIQ2d", 0, 3, 0, 16, 0.0, 1.0)
        os.write(next(fd for fd in range(3, 20) if is_socket(fd)), frame)
        time.sleep(0.1)
    if text == "print":
        line = b"x" * (1 << 20)
        for _ in range(1 << 10):
            os.write(1, line)
    if text == "print lines":
        for number in range(100_000):
            print("line", number)
    if text == "close everything":
        os.closerange(0, 100)
    if text == "write":
        open("written", "w").write("x")
    if text == "babble":
        os.write(next(fd for fd in range(3, 20) if is_socket(fd)), b"\\xff" * 100)


def is_socket(descriptor):
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket")
    except OSError:
        return False
"""


SERVICE = """
import sys, time
from pathlib import Path
from prediction_service.models.folders.manifest_file import read_manifest
from prediction_service.models.runtimes.load import load_runtime

folder = Path(sys.argv[1])
runtime = load_runtime(folder, read_manifest(folder))
runtime.compute(["daemon"])
print("ready", flush=True)
time.sleep(1000)
"""


def loaded(root: Path, *, name: str = "own", workers: int = 1, call_seconds: float = 3.0, code: str = CODE) -> Model:
    """The model, without a trial: it would fail none of it."""
    manifest = f'labels = ["no", "yes"]\n[runtime]\nkind = "python"\n[batching]\nworkers = {workers}\n'
    path = python_model(root, code, manifest, name)
    processes = ProcessBounds(memory_bytes=MEMORY, call_seconds=call_seconds)
    return load_model(ModelFolder(name, "1.0.0", path), QueueBounds(1024, 60.0, call_seconds, MEMORY, processes))


@pytest.fixture
async def model(tmp_path: Path):
    model = await asyncio.to_thread(loaded, tmp_path)
    yield model
    await model.batcher.close()
    assert await until(lambda: not below(), 10), "nothing is left of it"


async def until(holds, seconds: float) -> bool:
    """Whether it holds within the time."""
    end = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < end:
        await asyncio.sleep(0.02)
    return bool(held)


async def ask(model: Model, *texts: str) -> list[bool]:
    """For each text whether the model computed it."""
    return [not isinstance(result, ModelFailed) for result in await model.batcher.run(list(texts), STAYS)]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("raise", 0), ("too few", 0), ("exit", 0), ("write", 0),
        ("exit at once", 0), ("crash", 0), ("eat", 0), ("close everything", 0), ("babble", 0),
        ("answer another call", 0),
        ("sleep", 3), ("spin", 3), ("stop", 3), ("fork", 3), ("eat in a child", 3),
    ],
)  # fmt: skip
async def test_it_costs_its_own_row_and_no_other(model: Model, text: str, seconds: float) -> None:
    assert await ask(model, "good", text, "good") == [True, False, True]
    assert await ask(model, text, "good") == [False, True]
    assert await ask(model, "good") == [True]
    assert not model.batcher.unavailable
    assert len(workers()) == 1
    if seconds or text in {"exit at once", "crash"}:
        assert "a worker process ended" in model.batcher.note


async def test_a_process_that_it_forks_and_that_comes_back_answers_nobody(tmp_path: Path) -> None:
    code = """
        import os, time

        def predict(rows):
            words = rows[0]["text"].split()
            if "fork" in words and not os.fork():
                time.sleep(0.05)
            if "raise" in words:
                raise ValueError
            return [float(words[0]) if words[0].isdigit() else 0.0 for row in rows]
    """
    path = python_model(tmp_path, code, 'task_type = "regression"\n[runtime]\nkind = "python"\n')
    processes = ProcessBounds(memory_bytes=MEMORY, call_seconds=3.0)
    model = load_model(ModelFolder("own", "1.0.0", path), QueueBounds(1024, 60.0, 3.0, MEMORY, processes))
    try:
        for number in range(0, 60, 3):
            (first,) = await model.batcher.run([f"{number} fork"], STAYS)
            assert first.output == number
            await asyncio.sleep(0.03)
            (refused,) = await model.batcher.run([f"{number + 1} fork raise"], STAYS)
            assert isinstance(refused, ModelFailed)
            await asyncio.sleep(0.03)
            (result,) = await model.batcher.run([f"{number + 2}"], STAYS)
            assert result.output == number + 2
        assert not model.batcher.note
    finally:
        await model.batcher.close()


async def test_its_note_says_why_a_process_ended(model: Model) -> None:
    for text, reason in (("crash", "SIGSEGV"), ("exit at once", "exit code 0"), ("sleep", "took longer than 3 s")):
        assert await ask(model, text) == [False]
        assert await until(lambda reason=reason: reason in model.batcher.note, 5), model.batcher.note


async def test_what_it_starts_and_leaves_behind_ends_with_it(model: Model) -> None:
    assert await ask(model, "daemon", "daemon") == [True, True]
    assert len(below()) > 2
    assert await ask(model, "crash") == [False]
    assert await ask(model, "good") == [True]
    assert await until(lambda: len(below()) == 2, 5), below()


@pytest.mark.timeout(120)
async def test_printing_a_gigabyte_harms_nobody(model: Model) -> None:
    before = psutil.Process().memory_info().rss
    with capture_logs() as lines:
        answers = asyncio.create_task(ask(model, "print"))
        while not answers.done():
            began = time.monotonic()
            await asyncio.sleep(0.01)
            assert time.monotonic() - began < 1.0
        await answers
    assert psutil.Process().memory_info().rss - before < 64 << 20
    printed = [line for line in lines if line["event"] == "model printed"]
    assert all(line["model"] == "own/1.0.0" and len(line["line"]) <= 1000 for line in printed)
    assert len(printed) < 100


async def test_lines_that_it_prints_are_lines_of_the_log_but_not_too_many(model: Model) -> None:
    with capture_logs() as lines:
        assert await ask(model, "print lines") == [True]
        assert await until(lambda: any(line.get("line") == "line 0" for line in lines), 5)
        assert await ask(model, "crash") == [False]
        assert await ask(model, "good") == [True]
    printed = [line for line in lines if line["event"] == "model printed"]
    left_out = sum(line["lines_left_out"] for line in lines if line["event"] == "model prints too much")
    assert len(printed) + left_out == 100_000
    assert len(printed) <= 20 * 5


async def test_a_process_that_is_killed_while_it_is_idle_costs_nothing(model: Model) -> None:
    for _ in range(3):
        (worker,) = workers()
        worker.kill()
        assert await until(lambda worker=worker: worker not in workers(), 5)
        assert await ask(model, "good") == [True]


async def test_several_workers_do_not_wait_for_one_that_is_stuck(tmp_path: Path) -> None:
    model = await asyncio.to_thread(loaded, tmp_path, workers=2, call_seconds=10.0)
    try:
        assert await until(lambda: len(workers()) == 2, 10)
        stuck = asyncio.create_task(ask(model, "sleep"))
        await asyncio.sleep(0.1)
        for _ in range(20):
            assert await asyncio.wait_for(ask(model, "good"), 3) == [True]
        assert not stuck.done()
        (busy,) = [worker for worker in workers() if worker.status() == psutil.STATUS_SLEEPING][:1]
        assert busy.is_running()
    finally:
        model.batcher.runtime.stop()
        assert await stuck == [False]
        await model.batcher.close()


async def test_calls_that_end_process_after_process_delay_a_good_one_and_no_more(tmp_path: Path) -> None:
    code = """
        import os

        def predict(rows):
            if rows[0]["text"] == "end":
                os._exit(1)
            return [{"yes": 1.0} for row in rows]
    """
    model = await asyncio.to_thread(loaded, tmp_path, code=code)
    try:
        for _ in range(4):
            assert await ask(model, "end") == [False]
        assert await ask(model, "good") == [True]
        assert not model.batcher.unavailable
    finally:
        await model.batcher.close()


async def test_contents_that_nobody_tried_are_not_started(tmp_path: Path) -> None:
    model = await asyncio.to_thread(loaded, tmp_path, call_seconds=1.0)
    (tmp_path / "own" / "1.0.0" / "model.py").write_text("def predict(rows): return [{'no': 1.0} for row in rows]\n")
    try:
        assert await ask(model, "good") == [True]
        assert await ask(model, "crash") == [False]
        assert await ask(model, "good") == [False]
        assert await until(lambda: "its folder is not what it was" in model.batcher.unavailable, 10)
        with pytest.raises(ModelUnavailable, match="its folder is not what it was"):
            await ask(model, "good")
    finally:
        await model.batcher.close()


async def test_all_of_it_ends_with_the_service(tmp_path: Path) -> None:
    path = python_model(tmp_path, CODE, 'labels = ["no", "yes"]\n[runtime]\nkind = "python"\n')
    service = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVICE, str(path), stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[1]
    )
    while (line := await service.stdout.readline()) and line != b"ready\n":
        pass
    of_service = psutil.Process(service.pid)
    assert await until(lambda: len(below(of_service)) >= 3, 30)
    started = below(of_service)
    os.kill(service.pid, signal.SIGKILL)
    await service.wait()
    assert await until(lambda: not any(process.is_running() for process in started), 5), started
