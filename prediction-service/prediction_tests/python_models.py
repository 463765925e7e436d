"""Folders with Python models, and such models loaded as the service loads them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent

import psutil

from prediction_service.models.admission import Admission
from prediction_service.models.folders.listing import ModelFolder
from prediction_service.models.loader import QueueBounds
from prediction_service.models.model import Model
from prediction_service.models.runtimes.python.launch import ProcessBounds
from prediction_service.models.trials.runner import TrialBounds, Trials

MEMORY = 256 << 20

TEXT = 'labels = ["no", "yes"]\n[runtime]\nkind = "python"\n'
"""The manifest of a model of one text."""


def python_model(root: Path, code: str, manifest: str = TEXT, name: str = "own", **files: str) -> Path:
    """A folder that appears at once, with everything in it; `files`: names without their ending."""
    hidden = root / f".{name}" / "1.0.0"
    hidden.mkdir(parents=True)
    (hidden / "model.py").write_text(dedent(code))
    (hidden / "model.toml").write_text(manifest)
    for stem, content in files.items():
        (hidden / f"{stem}.{'txt' if stem == 'requirements' else 'py'}").write_text(dedent(content))
    return hidden.parent.rename(root / name) / "1.0.0"


def admission(
    environments: Path = Path("nowhere"), *, call_seconds: float = 30.0, memory: int = MEMORY, seconds: float = 30.0
) -> Admission:
    """What the service has, with bounds of the test's choice."""
    processes = ProcessBounds(environments, memory, call_seconds, seconds)
    bounds = QueueBounds(1024, 20.0, call_seconds, memory, processes)
    return Admission(Trials(TrialBounds(seconds, memory, environments)), bounds, seconds)


@asynccontextmanager
async def admitted(path: Path, chosen: Admission | None = None) -> AsyncIterator[Model]:
    """The model in a folder, tried and loaded."""
    model = await (chosen or admission()).admit(ModelFolder(path.parent.name, path.name, path))
    try:
        yield model
    finally:
        await model.batcher.close()


def below(process: psutil.Process | None = None) -> list[psutil.Process]:
    """Guardians of models in a process (not said: this one), and all that is below them."""
    found = [guardian for guardian in children_of(process or psutil.Process()) if "guardian" in cmdline(guardian)]
    found += [child for guardian in found for child in children_of(guardian, recursive=True)]
    return [child for child in found if is_alive(child)]


def guardians() -> list[psutil.Process]:
    """Those of models in this process."""
    return [child for child in children_of(psutil.Process()) if "guardian" in cmdline(child) and is_alive(child)]


def workers() -> list[psutil.Process]:
    """Worker processes of models in this process: what guardians have started."""
    return [child for guardian in guardians() for child in children_of(guardian) if is_alive(child)]


def children_of(process: psutil.Process, *, recursive: bool = False) -> list[psutil.Process]:
    """What a process has started; nothing if it has gone."""
    try:
        return process.children(recursive=recursive)
    except psutil.Error:
        return []


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def cmdline(process: psutil.Process) -> str:
    """How it was started; nothing if it has gone."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
