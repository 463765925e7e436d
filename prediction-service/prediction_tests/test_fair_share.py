"""A model is shared fairly: what a request needs is known before, and a small one never waits for a huge one."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from prediction_service.batching.batcher import Batcher
from prediction_service.batching.reading import SHORT_CHARACTERS, SLICE_CHARACTERS, RequestTooCostly, slices
from prediction_service.batching.runtime import SlicedRuntime
from prediction_service.models.folders.manifest_file import read_manifest
from prediction_service.models.runtimes.load import load_runtime
from prediction_service.tasks.classification import Classification
from prediction_tests.gated_model import STAYS
from prediction_tests.service import MODELS, StartService, assert_problem, until_loaded
from shared.http.problems import Overloaded


@dataclass(frozen=True, slots=True)
class Letter:
    """A window of one letter."""

    letter: str
    cost: int = 1
    tokens: int = 1


class LetterRuntime:
    """A model that reads one letter at a time, when the test lets it."""

    max_call_cost = 1000

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.started = threading.Semaphore(0)
        self.steps = threading.Semaphore(0)

    def compute(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        raise AssertionError("whole texts are never computed")

    def is_quick(self, texts: Sequence[str]) -> bool:
        return False

    def stop(self) -> None: ...

    def pieces(self, texts: Sequence[str]) -> list[Sequence[Letter]]:
        return [[Letter(letter) for letter in text] for text in texts]

    def scores(self, pieces: Sequence[Any]) -> Sequence[Any]:
        self.started.release()
        assert self.steps.acquire(timeout=10)
        self.calls.append("".join(piece.letter for piece in pieces))
        return [float(piece.letter == "n") for piece in pieces]

    def outputs(self, texts: Sequence[tuple[Sequence[Any], Sequence[Any]]]) -> Sequence[Sequence[float]]:
        return [[share := sum(scores) / len(scores), 1.0 - share] for scores, _ in texts]

    def let(self, calls: int) -> None:
        self.steps.release(calls)


@pytest.fixture
def letters() -> LetterRuntime:
    runtime = LetterRuntime()
    assert isinstance(runtime, SlicedRuntime)
    return runtime


@pytest.fixture
async def batcher(letters: LetterRuntime) -> AsyncIterator[Batcher]:
    batcher = batcher_of(letters)
    yield batcher
    letters.let(10_000)
    await batcher.close()


def batcher_of(runtime: LetterRuntime, **bounds: float) -> Batcher:
    usual = {"max_rows": 1, "workers": 1, "queue_rows": 640, "timeout_seconds": 10.0, "call_seconds": 30.0}
    return Batcher("letters/1.0.0", runtime, Classification([]), **usual | bounds)


async def begin(batcher: Batcher, *texts: str) -> asyncio.Task:
    task = asyncio.create_task(batcher.run(list(texts), STAYS))
    await asyncio.sleep(0)
    return task


async def test_a_long_text_is_computed_in_windows_and_small_ones_go_between(
    batcher: Batcher, letters: LetterRuntime
) -> None:
    huge = await begin(batcher, "H" * 40)
    await asyncio.to_thread(letters.started.acquire)
    small = await begin(batcher, "n")
    letters.let(2)
    (outcome,) = await small
    assert outcome.output == [1.0, 0.0]
    assert letters.calls == ["H", "n"]
    letters.let(39)
    (outcome,) = await huge
    assert outcome.output == [0.0, 1.0]
    assert letters.calls.count("H") == 40


async def test_a_batch_of_long_texts_lets_others_pass_as_well(batcher: Batcher, letters: LetterRuntime) -> None:
    huge = await begin(batcher, *["HHHHH"] * 20)
    await asyncio.to_thread(letters.started.acquire)
    for _ in range(5):
        small = await begin(batcher, "nn")
        letters.let(4)
        assert (await small)[0].output == [1.0, 0.0]
    letters.let(100)
    assert len(await huge) == 20


async def test_the_time_of_a_text_is_that_of_all_its_windows(batcher: Batcher, letters: LetterRuntime) -> None:
    letters.let(100)
    ((short,), (long,)) = [await batcher.run([text], STAYS) for text in ("n", "n" * 50)]
    assert long.inference_seconds > short.inference_seconds
    assert batcher.statistics.calls == 51
    assert batcher.statistics.texts == 2


async def test_who_asks_for_too_much_is_refused_before_anything_is_computed(letters: LetterRuntime) -> None:
    batcher = batcher_of(letters, max_request_tokens=50)
    letters.let(100)
    assert len(await batcher.run(["n" * 50], STAYS)) == 1
    for texts in (["n" * 51], ["n" * 26, "n" * 25], ["n"] * 51):
        with pytest.raises(RequestTooCostly, match="at most 50 tokens") as refusal:
            await batcher.run(texts, STAYS)
        assert refusal.value.status == 413
    assert len(letters.calls) == 50
    await batcher.close()


async def test_large_requests_cannot_keep_small_ones_out(letters: LetterRuntime) -> None:
    batcher = batcher_of(letters, queue_rows=128)
    huge = await begin(batcher, *["H"] * 128)
    with pytest.raises(Overloaded):
        await batcher.run(["H"] * 20, STAYS)
    small = await begin(batcher, "n")
    letters.let(200)
    assert (await small)[0].output == [1.0, 0.0]
    await huge
    await batcher.close()


async def test_retry_after_is_true(letters: LetterRuntime) -> None:
    """A model of a known pace, and more waiting than fits: what is refused would be taken once that has passed."""
    batcher = batcher_of(letters, timeout_seconds=2.0)
    for _ in range(200):
        batcher._waiting.learn(1, 0.01)
    first = await begin(batcher, "H" * 150)
    with pytest.raises(Overloaded) as refusal:
        await batcher.run(["H" * 149], STAYS)
    wait = int(refusal.value.headers["Retry-After"])
    assert wait == 1
    small = await begin(batcher, "n" * 20)
    letters.let(100)  # a second's work
    while len(letters.calls) < 100:
        await asyncio.sleep(0.01)
    again = await begin(batcher, "H" * 80)
    letters.let(1000)
    for task in (first, small, again):
        await task
    await batcher.close()


def test_texts_are_read_a_few_at_a_time_and_none_is_left_out() -> None:
    texts = ["a" * length for length in (10, 5000, 3, 4000, 90, 90, 1, 9000)]
    read = list(slices(texts, list(map(len, texts))))
    assert [text for some in read for text in some] == texts
    assert all(len(some) == 1 or sum(map(len, some)) <= SLICE_CHARACTERS for some in read)
    assert list(slices([], [])) == [[]]
    assert SHORT_CHARACTERS < SLICE_CHARACTERS


@pytest.mark.parametrize("name", ["sentiment", "sentiment-fast", "spam-words"])
def test_windows_computed_apart_say_what_the_model_says_of_the_whole_text(name: str) -> None:
    (folder,) = (MODELS / name).glob("*.*.*")
    runtime = load_runtime(folder, read_manifest(folder))
    texts = ["Fine.", "It was a wonderful stay. " * 60, "Dreadful, all of it. " * 100 + "😀" * 50, "." * 700]
    whole = runtime.compute(texts)
    for text, expected in zip(texts, whole, strict=True):
        (pieces,) = runtime.pieces([text])
        assert runtime.outputs([(  # each window in a call of its own
            [runtime.scores([piece])[0] for piece in pieces], pieces
        )])[0] == pytest.approx(expected, abs=1e-4)  # fmt: skip


ESCAPED = {"escapes": True, "characters": False}


@pytest.mark.parametrize("escaped", ESCAPED.values(), ids=ESCAPED)
async def test_the_largest_batch_is_answered_in_its_longest_spelling(
    start_service: StartService, escaped: bool
) -> None:
    """A million characters, each of them two escapes of six bytes; and not one more."""
    client = await start_service()
    texts = ["\U0001f980" * 3906] * 256
    body = httpx.Request("POST", "http://x", json={"texts": texts}).content if not escaped else None
    content = body or b'{"texts": [' + b",".join([b'"' + b"\\ud83e\\udd80" * 3906 + b'"'] * 256) + b"]}"
    answer = await client.post("/predict/batch", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text[:300]
    assert len(answer.json()["predictions"]) == 256


async def test_more_characters_than_a_batch_may_have_are_a_422(client: httpx.AsyncClient) -> None:
    answer = await client.post("/predict/batch", json={"texts": ["x" * 10_000] * 101})
    problem = assert_problem(answer, 422)
    assert problem["errors"] == [{"location": "body.texts", "message": "must have at most 1000000 characters together"}]
    tensor = {"name": "text", "shape": [101], "datatype": "BYTES", "data": ["x" * 10_000] * 101}
    answer = await client.post("/v2/models/sentiment-lexicon/infer", json={"inputs": [tensor]})
    assert answer.status_code == 400
    assert "1000000 characters" in answer.json()["error"]


@pytest.mark.parametrize("texts", [["." * 10_000] * 100, ["好" * 3900] * 256, ["It was fine. " * 300] * 256])
async def test_what_two_processors_could_not_answer_is_refused_at_once(
    start_service: StartService, texts: list[str]
) -> None:
    client = await until_loaded(await start_service(models_dir=MODELS, default_model="sentiment"), "sentiment")
    problem = assert_problem(await client.post("/predict/batch", json={"texts": texts}), 413)
    assert problem["type"] == "urn:problem-type:request-too-costly"
    assert problem["max_tokens"] == 262_144
    assert "262144 tokens" in problem["detail"]
    tensor = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": texts}
    answer = await client.post("/v2/models/sentiment/infer", json={"inputs": [tensor]})
    assert answer.status_code == 413
    assert "262144 tokens" in answer.json()["error"]
