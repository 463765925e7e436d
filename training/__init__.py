"""Makes the shipped models; not installed with the service."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before ONNX Runtime is loaded: else it reports to its makers
