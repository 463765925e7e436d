"""How many images a second, each a tensor of 600 KB in binary, beside MLServer with the same graph?

The graph gives the mean of an image, which takes no time. MLServer takes binary tensors over gRPC alone; over HTTP they
are JSON. What counts is the faster of both.
"""

import json
import shutil
import struct
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx

from benchmarks.comparison import per_request
from benchmarks.harness.environments import NotInstalledError, environment
from benchmarks.harness.load import JSON, Load, parsed, wrk
from benchmarks.harness.report import Result, Table, bar
from benchmarks.harness.servers import Probe, Server
from benchmarks.harness.turns import Sample, in_turns
from benchmarks.options import Options
from benchmarks.targets import STACK, Peer, ServedModel, mlserver_settings, our_ports, with_examples

TITLE = "Tensors in binary"
RATIO = 1.5
CALLERS, SECONDS = 16, 4
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

Loads = dict[str, Callable[[float], Load]]
"""What is asked of a running server, by name: for so many seconds."""


@dataclass
class Seen:
    """What the turns of one target showed."""

    rates: list[float] = field(default_factory=list)
    microseconds: list[float] = field(default_factory=list)
    """Processor time of the server for an image."""
    p50_ms: list[float] = field(default_factory=list)


def run(options: Options) -> Result:
    """Rates and processor time, turn by turn."""
    folder, found = options.folder / "tensors", Result(TITLE)
    model = ServedModel(folder / "models", "mean", "1.0.0")
    model.folder.mkdir(parents=True, mode=0o755)
    (model.folder / "model.toml").write_text(MANIFEST)
    with_examples("make_mean.py", model.folder / "model.onnx")
    seen: dict[str, Seen] = defaultdict(Seen)
    for target in in_turns((ours, mlserver), options.turns):
        if target is mlserver and found.skipped:
            continue
        try:
            with target(model, folder) as (server, loads):
                for name, load in loads.items():
                    look(server, load, options.of(SECONDS), seen[name])
        except NotInstalledError as error:
            found.skipped.append(f"MLServer: {error}")
    rows: list[list[str | Sample]] = [
        [name, Sample(one.rates), Sample(one.p50_ms), Sample(one.microseconds)] for name, one in seen.items()
    ]
    columns = ["", "images/s", "p50 in ms", "processor time of the server, µs"]
    note = f"{CALLERS} callers; those over gRPC are a Python program, the others wrk."
    found.tables.append(Table(f"Images of {len(IMAGE) // 1000} KB", columns, rows, note))
    others = [name for name in (OVER_GRPC, OVER_HTTP) if name in seen]
    if others:
        fastest = max(others, key=lambda name: Sample(seen[name].rates).middle)
        ratio = Sample(seen[STACK].rates).over(Sample(seen[fastest].rates))
        what = f"600 KB of FP32 in binary, {CALLERS} connections: requests/s of the whole stack, to MLServer's"
        found.bars.append(bar("predictions", what, "at least", RATIO, "×", ratio))
    return found


def look(server: Server, load: Callable[[float], Load], seconds: float, seen: Seen) -> None:
    """One turn. Raises RuntimeError when a request fails."""
    load(1)
    before = server.usage()
    came = load(seconds)
    if came.failed:
        raise RuntimeError(f"{came.failed} of {came.requests} requests failed")
    seen.rates.append(came.rate)
    seen.p50_ms.append(came.p50_ms)
    seen.microseconds.append(sum(per_request(before, server.usage(), came.requests).values()))


@contextmanager
def ours(model: ServedModel, folder: Path) -> Iterator[tuple[Server, Loads]]:
    """Binary over HTTP, through the gateway and without it."""
    with our_ports(model, folder, Probe(f"/v2/models/{model.name}/ready")) as (server, ports):
        urls = {name: f"http://127.0.0.1:{port}/v2/models/{model.name}/infer" for name, port in ports.items()}
        for url in urls.values():
            answer = httpx.post(url, content=HEAD + IMAGE, headers=BINARY, timeout=30).raise_for_status().json()
            check(next(output["data"][0] for output in answer["outputs"] if output["name"] == "value"))
        yield (
            server,
            {
                name: lambda seconds, url=url: wrk(url, CALLERS, seconds, HEAD + IMAGE, fields=BINARY)  # type: ignore[misc]
                for name, url in urls.items()
            },
        )


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
