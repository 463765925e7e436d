"""ONNX Runtime, told before it is loaded that it sends nothing to its makers: its builds do, unless they are told.

Import it from here. `ORT_DISABLE_TELEMETRY=0` in the environment leaves it as it comes.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime  # type: ignore[import-untyped]  # the package carries no types; it looks once

__all__ = ["onnxruntime"]
