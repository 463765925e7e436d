"""ONNX Runtime, told before it is loaded that it sends nothing to its makers: its builds do, unless they are told.

Import it from here: nothing else in this package may. `ORT_DISABLE_TELEMETRY=0` in the service's environment leaves it
as it comes; in trials and workers of Python models it is told in any case.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime  # type: ignore[import-untyped]  # noqa: TID251 - no types in it; it looks once, and now it is told

__all__ = ["onnxruntime"]
