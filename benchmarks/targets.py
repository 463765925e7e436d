"""What serves predictions: this stack, and what a user would pick instead, each started as its documentation says.

All run the same model code, with a worker per processor where a setting asks for a number, without access log, and with
batching switched on where it brings something (`BATCHED`). It does not with the lexicon, which needs less time for a
text than waiting for company would take, nor with models that say max_rows = 1, which are given one text a call anyhow.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.harness.environments import BENCHMARKS, Environment, NotInstalledError, environment
from benchmarks.harness.load import TEXT
from benchmarks.harness.servers import Probe, Server
from prediction_service.models.folders.manifest_file import read_manifest
from shared.embedded.ports import free_ports

REPOSITORY = BENCHMARKS.parent
STACK, WITHOUT_GATEWAY, BARE = "this stack", "prediction-service alone", "bare uvicorn"
OUR_BODY = json.dumps({"text": TEXT})
PREDICT = Probe("/predict", OUR_BODY)
LEXICON = "sentiment-lexicon"
TRAINING_SECONDS = 300


@dataclass(frozen=True)
class ServedModel:
    """A folder of the model repository, alone in a repository of its own."""

    repository: Path
    name: str
    version: str

    @property
    def folder(self) -> Path:
        """Its files."""
        return self.repository / self.name / self.version

    @property
    def batched(self) -> bool:
        """Whether batching is worth it: with the lexicon it never is, else the manifest says."""
        return self.name != LEXICON and read_manifest(self.folder).batching.max_rows > 1


def served_model(name: str, into: Path, repository: Path = REPOSITORY / "models") -> ServedModel:
    """The newest version of a shipped model, copied."""
    versions = (folder for folder in (repository / name).iterdir() if (folder / "model.toml").exists())
    newest = max(versions, key=lambda folder: [int(part) for part in folder.name.split(".")])
    shutil.copytree(newest, into / name / newest.name)
    return ServedModel(into, name, newest.name)


@dataclass(frozen=True)
class Entrance:
    """Where requests go."""

    url: str
    body: str


@dataclass(frozen=True)
class Running:
    """A target on its turn."""

    server: Server
    entrances: dict[str, Entrance]


def our_role(command: Sequence[str]) -> str:
    """The part that a process of the stack plays."""
    modules = {name for flag, name in pairwise(command) if flag == "-m"}
    for module in ("gateway", "prediction_service", "metrics_service", "analytics_service"):
        if module in modules:
            return module.replace("_", "-")
    program = Path(command[0].split(":")[0]).name if command else ""
    return {"postgres": "Postgres", "valkey-server": "Redis"}.get(program, "supervisor")


def stack_server(folder: Path, **environment: str) -> Server:
    """`make run` in a folder of its own."""
    folder.mkdir(exist_ok=True)
    port = next(free_ports())
    variables = {
        "PYTHONPATH": str(REPOSITORY / "deploy"),
        "PORT": str(port),
        "LOCAL_DIR": str(folder / "stack"),
        "TRUSTED_PROXIES": "127.0.0.1",
        "LOG_LEVEL": "WARNING",
        **environment,
    }
    return Server([sys.executable, "-m", "local"], port, REPOSITORY, variables, our_role, log=folder / "stack.log")


@contextmanager
def our_stack(model: ServedModel, folder: Path, body: str = OUR_BODY) -> Iterator[Running]:
    """Gateway with its default limit, record in Postgres; distinct clients come through a trusted proxy."""
    with our_ports(model, folder, Probe("/predict", body)) as (server, ports):
        urls = {name: f"http://127.0.0.1:{port}/predict" for name, port in ports.items()}
        yield Running(server, {name: Entrance(url, body) for name, url in urls.items()})


@contextmanager
def our_ports(model: ServedModel, folder: Path, probe: Probe) -> Iterator[tuple[Server, dict[str, int]]]:
    """The stack with one model, and the ports of its entrances."""
    server = stack_server(folder, MODELS_DIR=str(model.repository), DEFAULT_MODEL=model.name)
    with server.running(probe):
        (service,) = [process for process in server.processes() if our_role(process.cmdline()) == "prediction-service"]
        yield server, {STACK: server.port, WITHOUT_GATEWAY: int(service.environ()["PORT"])}


@contextmanager
def bare_uvicorn(_: ServedModel, folder: Path) -> Iterator[Running]:
    """One process that answers every request with the same few bytes."""
    port = next(free_ports())
    server = Server([sys.executable, str(BENCHMARKS / "peers" / "trivial_upstream.py"), str(port)], port, folder)
    with server.running():
        yield Running(server, {BARE: Entrance(f"http://127.0.0.1:{port}/", OUR_BODY)})


@dataclass(frozen=True)
class Peer:
    """Another server of models."""

    title: str
    name: str
    """Of its environment."""
    path: str
    body: str
    command: Callable[[Path, int], list[str]]
    """From the folder of its programs and the port."""
    prepare: Callable[[Path, int, ServedModel], None] = lambda *_: None

    @contextmanager
    def start(self, model: ServedModel, folder: Path) -> Iterator[Running]:
        """Raises NotInstalledError, or RuntimeError when it does not answer."""
        own, port = environment(self.name), next(free_ports())
        folder = folder / f"{self.name}-{port}"
        shutil.copytree(own.source, folder)
        self.prepare(folder, port, model)
        server = Server(self.command(own.bin, port), port, folder, peer_environment(own, model, folder))
        with server.running(Probe(self.path, self.body)):
            url = f"http://127.0.0.1:{port}{self.path}"
            yield Running(server, {self.title: Entrance(url, self.body)})


def peer_environment(own: Environment, model: ServedModel, folder: Path) -> dict[str, str]:
    """Its home is its folder; nothing is reported to anybody."""
    sources = (BENCHMARKS / "peers", REPOSITORY / "prediction-service", REPOSITORY / "shared")
    return {
        "PATH": f"{own.bin}:{os.environ['PATH']}",
        "PYTHONPATH": ":".join(map(str, sources)),
        "HOME": str(folder),
        "MODEL": str(model.folder),
        "BATCHED": str(int(model.batched)),
        "BENTOML_DO_NOT_TRACK": "True",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "disabled",
        "RAY_TMPDIR": str(folder.parent.parent),  # the names of its sockets must be short
    }


def with_examples(program: str, *arguments: Path) -> None:
    """Runs one of peers/ in the environment of the examples, which trains and writes models.

    Raises NotInstalledError without it.
    """
    python = REPOSITORY / ".venv-examples" / "bin" / "python"
    command = [python, BENCHMARKS / "peers" / program, *arguments]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=TRAINING_SECONDS)
    except FileNotFoundError:
        raise NotInstalledError("the examples' own libraries are missing: make bench-peers") from None
    except subprocess.SubprocessError as error:
        raise NotInstalledError(f"{program}: {getattr(error, 'stderr', '') or error}") from error


def mlserver_settings(
    folder: Path, port: int, model: ServedModel, implementation: str = "serve.Runtime", **more: object
) -> None:
    """The two files that `mlserver start` reads."""
    ports = free_ports()
    batching = {"max_batch_size": 64, "max_batch_time": 0.005} if model.batched else {}
    (folder / "settings.json").write_text(
        json.dumps({
            "host": "127.0.0.1", "http_port": port, "grpc_port": next(ports), "metrics_port": next(ports),
            "parallel_workers": os.cpu_count(), "debug": False,
        })
    )  # fmt: skip
    (folder / "model-settings.json").write_text(
        json.dumps({"name": "model", "implementation": implementation, **batching, **more})
    )


MLSERVER_BODY = json.dumps({"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": [TEXT]}]})
PROCESSORS = str(os.cpu_count() or 1)

PEERS = [
    Peer(
        "MLServer", "mlserver", "/v2/models/model/infer", MLSERVER_BODY,
        lambda programs, _: [f"{programs}/mlserver", "start", "."], mlserver_settings,
    ),
    Peer(
        "LitServe", "litserve", "/predict", OUR_BODY,
        lambda programs, port: [f"{programs}/python", "serve.py", str(port)],
    ),
    Peer(
        "BentoML", "bentoml", "/predict", json.dumps({"texts": [TEXT]}),
        lambda programs, port: [
            f"{programs}/bentoml", "serve", "serve:Sentiment", "--host", "127.0.0.1", "--port", str(port), "--quiet",
        ],
    ),
    Peer(
        "Ray Serve", "ray", "/", OUR_BODY,
        lambda programs, port: [f"{programs}/python", "serve.py", str(port)],
    ),
    Peer(
        "FastAPI", "fastapi", "/predict", OUR_BODY,
        lambda programs, port: [
            f"{programs}/uvicorn", "serve:app", "--port", str(port), "--workers", PROCESSORS,
            "--no-access-log", "--log-level", "warning",
        ],
    ),
]  # fmt: skip

MODEL_SERVERS = ("MLServer", "LitServe", "BentoML")
"""Those whose whole purpose it is: the fastest of them is what the stack is held against."""
