"""What does an image cost, a tensor of 600 KB in binary, beside MLServer with the same graph?

The graph gives the mean of an image, which takes no time. MLServer takes binary tensors over gRPC alone; over HTTP they
are JSON. What counts is the cheaper of both.
"""

import json
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import httpx

from benchmarks.contestants import loaded, table
from benchmarks.harness.contest import contest
from benchmarks.harness.environments import NotInstalledError, environment
from benchmarks.harness.load import JSON, Load, parsed, wrk
from benchmarks.harness.report import Result, bar
from benchmarks.harness.servers import Probe, Server
from benchmarks.options import Options
from benchmarks.targets import STACK, Peer, ServedModel, mlserver_settings, our_ports, with_examples

TITLE = "Tensors in binary"
MOST = 0.67
CALLERS, SECONDS = 16, 3
SHAPE, PLACES = [1, 3, 224, 224], 3 * 224 * 224
RANDOM = Random(7)  # noqa: S311 - numbers to measure with, the same in every run
IMAGE = struct.pack(f"<{PLACES}f", *(RANDOM.random() for _ in range(PLACES)))
MEAN = sum(struct.unpack(f"<{PLACES}f", IMAGE)) / PLACES
FP32_RELATIVE = 1e-3
"""Of the sum of so many numbers, whatever their order."""
OVER_GRPC, OVER_HTTP = "MLServer, binary over gRPC", "MLServer, JSON over HTTP"

MANIFEST = """
task_type = "regression"
[[inputs]]
name = "image"
type = "tensor"
datatype = "FP32"
shape = [3, 224, 224]
[runtime]
kind = "onnx"
"""

INPUT = {"name": "image", "datatype": "FP32", "shape": SHAPE}
HEAD = json.dumps({"inputs": [INPUT | {"parameters": {"binary_data_size": len(IMAGE)}}]}).encode()
BINARY = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(HEAD))}

LOADS = "The load over gRPC is a Python program, the others wrk."

Loads = dict[str, Callable[[float], Load]]
"""What is asked of a running server, by name: for so many seconds."""


def run(options: Options) -> Result:
    """Processor time beside MLServer's, over both of its ways."""
    folder, found = options.folder / "tensors", Result(TITLE)
    model = ServedModel(folder / "models", "mean", "1.0.0")
    model.folder.mkdir(parents=True, mode=0o755)
    (model.folder / "model.toml").write_text(MANIFEST)
    try:
        with_examples("make_mean.py", model.folder / "model.onnx")
        with ours(model, folder) as (server, loads), mlserver(model, folder) as (their_server, their_loads):
            duels = contest(
                loaded(server, loads[STACK]),
                {name: loaded(their_server, load) for name, load in their_loads.items()},
                options.pairs, options.of(SECONDS),
            )  # fmt: skip
    except NotInstalledError as error:
        return Result(TITLE, skipped=[f"MLServer: {error}"])
    found.tables.append(table(f"Images of {len(IMAGE) // 1000} KB", STACK, duels, CALLERS))
    found.tables[0] = replace(found.tables[0], note=f"{found.tables[0].note} {LOADS}")
    cheapest = min(duels.values(), key=lambda duel: duel.others.middle)
    what = f"600 KB of FP32 in binary, {CALLERS} connections: processor time of the whole stack, to MLServer's"
    found.bars.append(bar("predictions", what, "at most", MOST, "×", cheapest.ratio()))
    return found


@contextmanager
def ours(model: ServedModel, folder: Path) -> Iterator[tuple[Server, Loads]]:
    """Binary over HTTP, through the gateway."""
    with our_ports(model, folder, Probe(f"/v2/models/{model.name}/ready")) as (server, ports):
        url = f"http://127.0.0.1:{ports[STACK]}/v2/models/{model.name}/infer"
        answer = httpx.post(url, content=HEAD + IMAGE, headers=BINARY, timeout=30).raise_for_status().json()
        check(next(output["data"][0] for output in answer["outputs"] if output["name"] == "value"))
        yield server, {STACK: lambda seconds: wrk(url, CALLERS, seconds, HEAD + IMAGE, fields=BINARY)}


@contextmanager
def mlserver(model: ServedModel, folder: Path) -> Iterator[tuple[Server, Loads]]:
    """Both of its ways. Raises NotInstalledError."""
    ports: list[int] = []

    def prepare(own: Path, port: int, model: ServedModel) -> None:
        shutil.copy(model.folder / "model.onnx", own)
        mlserver_settings(own, port, model, "serve_tensor.Runtime")
        ports.append(json.loads((own / "settings.json").read_text())["grpc_port"])

    body = json.dumps({"inputs": [INPUT | {"data": struct.unpack(f"<{PLACES}f", IMAGE)}]})
    peer = Peer(
        "MLServer", "mlserver", "/v2/models/model/infer", body,
        lambda programs, _: [f"{programs}/mlserver", "start", "."], prepare,
    )  # fmt: skip
    (image := folder / "image").write_bytes(IMAGE)
    with peer.start(model, folder) as running:
        url = running.entrances["MLServer"].url
        answer = httpx.post(url, content=body, headers=JSON, timeout=30).raise_for_status().json()
        check(answer["outputs"][0]["data"][0])
        yield (
            running.server,
            {
                OVER_GRPC: lambda seconds: over_grpc(ports[-1], image, seconds),
                OVER_HTTP: lambda seconds: wrk(url, CALLERS, seconds, body),
            },
        )


def over_grpc(port: int, image: Path, seconds: float) -> Load:
    """By a program in MLServer's own environment."""
    own = environment("mlserver")
    program: list[str | Path] = [own.bin / "python", own.source / "grpc_load.py"]
    command = [*program, str(port), image, str(CALLERS), str(seconds)]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60 + 2 * seconds).stdout
    check(json.loads(output.splitlines()[-1])["value"])
    return parsed(output)


def check(value: float) -> None:
    """Raises RuntimeError for what is not the mean."""
    if abs(value - MEAN) > FP32_RELATIVE * MEAN:
        raise RuntimeError(f"{value} is not the mean of the image, {MEAN}")
