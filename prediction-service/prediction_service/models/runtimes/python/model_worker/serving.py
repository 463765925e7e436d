"""The worker: loads the model, then answers call after call until the service hangs up."""

import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import site
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime
from math import prod
from types import ModuleType
from typing import Any, NoReturn

from . import frames
from .results import Misfit, encoder

Predict = Callable[[list[dict[str, Any]]], Any]

MOST_CHARACTERS = 1000
"""Of what a model raises."""


def serve(descriptor: int, settings: dict[str, Any]) -> NoReturn:
    """Never returns: the process ends when the service is gone."""
    own = os.getpid()
    try:
        os.set_inheritable(descriptor, False)
        predict = load(settings)
        read, encode = row_reader(settings), encoder(settings)
    except BaseException as error:
        end_if_forked(own)
        frames.write(descriptor, 0, frames.parts(frames.MISFIT, told(error, settings["folder"])))
        os._exit(1)
    end_if_forked(own)
    frames.write(descriptor, 0, frames.parts(frames.READY, b""))
    while (frame := frames.read(descriptor)) is not None:
        try:
            rows = read(frame)
            answer = encode(predict(rows), len(rows))
        except Misfit as error:
            answer = frames.parts(frames.MISFIT, str(error).encode("utf-8", "replace"))
        except BaseException as error:
            answer = frames.parts(frames.FAILED, told(error, settings["folder"]))
        end_if_forked(own)
        frames.write(descriptor, frame.number, answer)
    os._exit(0)


def end_if_forked(own: int) -> None:
    """A process that the model has forked, and that comes back from the model's code, is not the one that was asked."""
    if os.getpid() != own:
        os._exit(0)


def load(settings: dict[str, Any]) -> Predict:
    """The model's function. Raises Misfit, and whatever the model raises."""
    prepare_imports(settings)
    folder = settings["folder"]
    spec = importlib.util.spec_from_file_location("model", os.path.join(folder, settings["file"]))
    if spec is None or spec.loader is None:
        raise Misfit(f"{settings['file']} is no file of Python: its name must end in .py")
    module = sys.modules["model"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.Model(folder) if hasattr(module, "Model") else module
    predict = getattr(made, "predict", None)
    if not callable(predict):
        raise Misfit(f"{settings['file']} has neither a function predict(rows) nor a class Model with such a method")
    return predict  # type: ignore[no-any-return]


def prepare_imports(settings: dict[str, Any]) -> None:
    """The model sees what is in its folder, and its environment or else the service's libraries; not the service."""
    sys.path.remove(settings["program"])
    if settings["environment"]:
        site.main()
    sys.path.insert(0, settings["folder"])
    sys.meta_path.insert(0, Hidden(settings["hidden"], list(sys.path)))
    sys.path += settings["path"]


class Hidden(importlib.abc.MetaPathFinder):
    """Finds names of the service's own packages where the model's are, and nowhere else."""

    def __init__(self, names: Sequence[str], path: list[str]) -> None:
        self._names, self._path = frozenset(names), path

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Raises ModuleNotFoundError for what is hidden."""
        if path is not None or fullname not in self._names:
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, self._path, target)
        if found is None:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return found


def row_reader(settings: dict[str, Any]) -> Callable[[frames.Frame], list[dict[str, Any]]]:
    """What makes rows of a frame: for each a dict, name → value."""
    names, timestamps = settings["names"], settings["timestamps"]
    tensors = {int(place): datatype for place, datatype in settings["tensors"].items()}
    if settings["is_text"]:
        return lambda frame: [{"text": text} for text in json.loads(frame.text)]
    tensor = tensor_reader()

    def read(frame: frames.Frame) -> list[dict[str, Any]]:
        rows, data = json.loads(frame.text), frame.data
        for row in rows:
            for place in timestamps:
                if row[place] is not None:
                    row[place] = datetime.fromisoformat(row[place])
            for place, (code, size) in tensors.items():
                if row[place] is not None:
                    count = prod(row[place]) * size
                    row[place], data = tensor(data[:count], code, row[place]), data[count:]
        return [dict(zip(names, row, strict=True)) for row in rows]

    return read


def tensor_reader() -> Callable[[memoryview, str, list[int]], Any]:
    """What makes a tensor of bytes: an array of NumPy where there is NumPy, else nested lists."""
    try:
        import numpy as np
    except ImportError:
        return nested
    return lambda data, code, shape: np.frombuffer(data, code).reshape(shape).copy()


def nested(data: memoryview, code: str, shape: list[int]) -> Any:
    """Numbers in lists, as deep as the shape is long."""
    from struct import unpack

    values = list(unpack(f"={prod(shape)}{code}", data))
    for size in reversed(shape[1:]):
        values = [values[start : start + size] for start in range(0, len(values), size)] if size else []
    return values


def told(error: BaseException, folder: str) -> bytes:
    """An exception in a line: what it is, what it says, and where in the model's own files it was raised."""
    if isinstance(error, Misfit):
        return str(error).encode("utf-8", "replace")
    try:
        text = f"{type(error).__name__}: {error}"
    except BaseException:
        text = type(error).__name__
    if isinstance(error, MemoryError):
        text = f"needs more memory than a model may take ({text})"
    frames_of_model = [
        frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(folder)
    ]
    if isinstance(error, SyntaxError) or not frames_of_model:
        place = ""
    else:
        place = f" ({os.path.relpath(frames_of_model[-1].filename, folder)}, line {frames_of_model[-1].lineno})"
    return (text[:MOST_CHARACTERS] + place).encode("utf-8", "replace")
