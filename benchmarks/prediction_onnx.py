"""What batching costs and brings for an ONNX model: the service against the model's own speed.

The model is made here: token ids, an embedding, six layers of an encoder's size without attention, some milliseconds a
text. Alone it runs in a plain loop on as many threads as there are processors; that is what the batcher and the whole
service (HTTP, record in Postgres) are measured against, all taking turns in one run.
"""

import asyncio
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import httpx
import numpy as np
import onnx
import uvloop
from http_load import Load, flat_out, post
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from prediction_service.batcher import Batcher
from prediction_service.model_folders import ModelFolder
from prediction_service.model_loader import QueueBounds, load_model
from shared.embedded.ports import free_ports
from shared.testing.postgres import PostgresServer
from shared.testing.server_process import ServerProcess

PROCESSORS = os.cpu_count() or 1
CALLERS = 64
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SECONDS = float(os.environ.get("SECONDS", "4"))
SINGLE_CALLS = 200
WORDS, WIDTH, INNER, LAYERS = 1000, 384, 1536, 6
TEXTS = [" ".join(f"word{(7 * number + place) % WORDS}" for place in range(32)) for number in range(101)]

MANIFEST = """
task_type = "classification"
labels = ["yes", "no"]
[runtime]
kind = "onnx"
tokenizer = "tokenizer.json"
softmax = true
[batching]
max_rows = {max_rows}
"""


def make_model(root: Path, max_rows: int) -> ModelFolder:
    """Writes the model's folder."""
    folder = root / "bench" / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "model.toml").write_text(MANIFEST.format(max_rows=max_rows))
    vocabulary = {"[PAD]": 0, "[UNK]": 1} | {f"word{number}": number + 2 for number in range(WORDS)}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))  # noqa: S106 - a word, not a password
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "model.onnx").write_bytes(encoder())
    return ModelFolder("bench", "1.0.0", folder)


def encoder() -> bytes:
    """Embedding, layers with residuals, mean over the words, logits; random weights, always the same."""
    rng = np.random.default_rng(7)

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        values = rng.standard_normal(shape, dtype=np.float32) / np.sqrt(shape[0], dtype=np.float32)
        return numpy_helper.from_array(values, name)

    constants = [weights("table", WORDS + 2, WIDTH), weights("head", WIDTH, 2)]
    constants += [numpy_helper.from_array(np.array([axis]), name) for name, axis in (("last", 2), ("tokens", 1))]
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["x0"])]
    for layer in range(LAYERS):
        constants += [weights(f"up{layer}", WIDTH, INNER), weights(f"down{layer}", INNER, WIDTH)]
        nodes += [
            helper.make_node("MatMul", [f"x{layer}", f"up{layer}"], [f"u{layer}"]),
            helper.make_node("Relu", [f"u{layer}"], [f"r{layer}"]),
            helper.make_node("MatMul", [f"r{layer}", f"down{layer}"], [f"d{layer}"]),
            helper.make_node("Add", [f"x{layer}", f"d{layer}"], [f"x{layer + 1}"]),
        ]
    nodes += [
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["mask3"]),
        helper.make_node("Mul", [f"x{LAYERS}", "mask3"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "tokens"], ["sum"], keepdims=0),
        helper.make_node("ReduceSum", ["mask3", "tokens"], ["count"], keepdims=0),
        helper.make_node("Div", ["sum", "count"], ["mean"]),
        helper.make_node("MatMul", ["mean", "head"], ["logits"]),
    ]
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, ["n", "t"]) for n in ("input_ids", "attention_mask")]
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 2])
    graph = helper.make_graph(nodes, "encoder", inputs, [logits], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10).SerializeToString()  # type: ignore[no-any-return]


def alone(compute: Callable[[list[str]], object]) -> float:
    """Texts a second in a plain loop on every processor."""
    done, end = [0] * PROCESSORS, time.perf_counter() + SECONDS

    def loop(worker: int) -> None:
        while time.perf_counter() < end:
            compute([TEXTS[done[worker] % len(TEXTS)]])
            done[worker] += 1

    threads = [threading.Thread(target=loop, args=(worker,)) for worker in range(PROCESSORS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / SECONDS


async def stays() -> None:
    """A caller who does not leave."""
    await asyncio.Event().wait()


async def through_batcher(batcher: Batcher) -> float:
    """Texts a second with all callers at once."""
    done, end = 0, time.perf_counter() + SECONDS

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await batcher.run([TEXTS[done % len(TEXTS)]], stays)
            done += 1

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return done / (time.perf_counter() - started)


async def single_caller(batcher: Batcher, compute: Callable[[list[str]], object]) -> tuple[float, float]:
    """Median milliseconds for one caller who waits on the event loop: without batching, and with it, taking turns.

    Both include the hop to a thread and back, which any server pays that goes on answering while a model computes.
    """
    loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1)
    direct, batched = [], []
    for number in range(SINGLE_CALLS):
        text = [TEXTS[number % len(TEXTS)]]
        started = time.perf_counter()
        await loop.run_in_executor(thread, compute, text)
        direct.append((time.perf_counter() - started) * 1000)
        started = time.perf_counter()
        await batcher.run(text, stays)
        batched.append((time.perf_counter() - started) * 1000)
    return median(direct), median(batched)


@contextmanager
def service(folder: Path, models: Path) -> Iterator[int]:
    """The whole service with a Postgres of its own; its port."""
    folder.chmod(0o755)
    postgres = PostgresServer(folder)
    postgres.start_and_wait()
    uvloop.run(postgres.make_template())
    database = uvloop.run(postgres.make_database())
    port = next(free_ports())
    environment = os.environ | {
        "PORT": str(port), "DATABASE_URL": database.url("prediction_service").get_secret_value(),
        "MODELS_DIR": str(models), "DEFAULT_MODEL": "bench", "JOURNAL_DIR": str(folder / "journal"),
    }  # fmt: skip
    process = ServerProcess([sys.executable, "-m", "prediction_service"], port, folder / "service.log", environment)
    try:
        process.start(
            lambda: httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200 if up(port) else False
        )
        yield port
    finally:
        process.stop()
        postgres.stop_fast()


def up(port: int) -> bool:
    """Whether the service there is ready."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def through_service(port: int) -> Load:
    """The same callers over HTTP, every answer on record."""
    return asyncio.run(flat_out(port, post("/predict", port, b'{"text": "%s"}' % TEXTS[0].encode()), CALLERS, SECONDS))


def main() -> int:
    """Prints every figure; the exit code says whether the two that are wanted were reached."""
    max_rows = int(os.environ.get("MAX_ROWS", "1"))
    with tempfile.TemporaryDirectory(prefix="prediction-onnx-") as name:
        root = Path(name)
        model = load_model(make_model(root / "models", max_rows), QueueBounds(4096, 60.0))
        compute = model.batcher._runtime.probabilities  # noqa: SLF001 - the model itself, without the service
        ratios: dict[str, list[float]] = {"batcher": [], "service": []}
        with service(root, root / "models") as port:
            for _ in range(ROUNDS):
                bare = alone(compute)
                batched = uvloop.run(through_batcher(model.batcher))
                served = through_service(port)
                ratios["batcher"].append(batched / bare)
                ratios["service"].append(len(served.milliseconds) / served.seconds / bare)
                print(f"  alone {bare:.0f}/s   batcher {batched:.0f}/s   service {served}")
        direct, batched_ms = uvloop.run(single_caller(model.batcher, compute))
    batcher_share, service_share = median(ratios["batcher"]), median(ratios["service"])
    waiting = batched_ms / direct
    print(f"{CALLERS} callers, to the model alone: batcher {batcher_share:.2f} ×, whole service {service_share:.2f} ×")
    print(f"one caller: {batched_ms:.2f} ms, without batching {direct:.2f} ms: {waiting:.3f} ×")
    print("wanted: batcher at least 0.85 ×, one caller at most 1.05 ×")
    return 0 if batcher_share >= 0.85 and waiting <= 1.05 else 1


if __name__ == "__main__":
    sys.exit(main())
