"""From an ONNX file to a session: which file it is, what memory it may take, what to do when it cannot be read."""

import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prediction_service.batching.runtime import ModelError
from prediction_service.models.folders.plain_files import is_file
from prediction_service.models.runtimes.onnx_graph import with_locale, with_own_bytes
from prediction_service.models.runtimes.onnx_runtime import onnxruntime

USUAL_FILES = ("model.onnx", "onnx/model.onnx")
"""Where exporters write it: most of them beside the other files, those in the layout of Hugging Face's hub in onnx/."""

LOCALE = "C.UTF-8"
"""Lower-cases all of Unicode and is part of every glibc, unlike en_US.UTF-8."""

BESIDE = "its weights are in a file of their own, such as model.onnx.data, which must lie beside it under its own name"

ADVICE = {
    "escapes model directory": "its weights lie behind a link that leads out of its folder: copy the files themselves "
    "(huggingface-cli download --local-dir)",
    "absolute path not allowed": "its weights lie outside of its folder: save them beside it, under a bare name",
    "external data": BESIDE,
    "getfilelength": BESIDE,
    "ir version": "it was written by an onnx newer than can be read here: export with an older one, or set ir_version",
    "opset": "it was written for operators newer than this service knows: export with a lower target_opset (skl2onnx, "
    "onnxmltools) or opset_version (PyTorch)",
    "is not a registered function/op": "it uses operators that ONNX Runtime does not have: export without extensions",
    "protobuf parsing failed": "it is no ONNX file, or a part of one; if it came with Git LFS: git lfs pull",
}
"""Part of ONNX Runtime's message, in lower case → what to do. The first match counts."""

REWRITTEN: dict[str, Callable[[bytes], bytes]] = {
    "locale": lambda content: with_locale(content, LOCALE),
    # Exact sums (below) are had by replacing int8 constants, node by node; of one that two nodes share, it fails.
    "Attempt to replace the existing tensor": with_own_bytes,
}
"""Part of ONNX Runtime's message → how the file is rewritten before it is tried once more."""

PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : ")

_registering = threading.Lock()
"""Of two sessions that are opened at once, each must get the arena that was registered for it."""


def find_file(folder: Path, named: str | None) -> Path:
    """The file that the manifest names, else the one that is there. Raises ModelError."""
    if named is not None:
        if not is_file(folder / named):
            raise ModelError(f"{named} cannot be loaded: there is no such file{alternatives(folder)}")
        return folder / named
    for usual in USUAL_FILES:
        if is_file(folder / usual):
            return folder / usual
    files = onnx_files(folder)
    if len(files) != 1:
        raise ModelError(f"model.onnx cannot be loaded: there is no such file{alternatives(folder)}")
    return files[0]


def onnx_files(folder: Path) -> list[Path]:
    """All ONNX files in the folder and below it."""
    found = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names if name.endswith(".onnx"))
    return sorted(path for path in found if is_file(path))


def alternatives(folder: Path) -> str:
    """The ONNX files that the manifest could name instead."""
    names = [str(path.relative_to(folder)) for path in onnx_files(folder)]
    return f"; name one of these in runtime.file: {', '.join(names[:10])}" if names else ""


EXACT = "1"
"""Sums of bytes are exact on every processor (docs/decisions/0041). Without it, those that have no VNNI saturate at 16
bits where int8 weights meet large values, silently: an int8 model says other things there. It costs them an eighth of
the time, and others nothing."""


def open_session(path: Path, memory_bytes: int | None) -> Any:
    """A session of one thread whose tensors take at most `memory_bytes`; a call that needs more memory fails.

    Raises ModelError.
    """
    try:
        return new_session(path, memory_bytes)
    except Exception as error:  # ONNX Runtime has a class of its own for each thing that can be wrong
        rewritten = next((rewritten for words, rewritten in REWRITTEN.items() if words in str(error)), None)
        if rewritten is None:
            raise ModelError(f"{path.name} cannot be loaded: {explained(str(error))}") from error
    try:
        return new_session(rewritten(path.read_bytes()), memory_bytes)
    except Exception as error:
        raise ModelError(f"{path.name} cannot be loaded: {explained(str(error))}") from error


def new_session(model: Path | bytes, memory_bytes: int | None) -> Any:
    """A session with its own memory arena: it takes the arena that was registered last, hence the lock around both."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.x64quantprecision", EXACT)
    if memory_bytes is None:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    options.add_session_config_entry("session.use_env_allocators", "1")
    info = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    with _registering:
        onnxruntime.create_and_register_allocator(info, onnxruntime.OrtArenaCfg(memory_bytes, -1, -1, -1))
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def explained(message: str) -> str:
    """ONNX Runtime's message, and what to do."""
    advice = next((advice for words, advice in ADVICE.items() if words in message.lower()), None)
    shortened = PREFIX.sub("", " ".join(message.split()))[:400]
    return f"{shortened}; {advice}" if advice else shortened
