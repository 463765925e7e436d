"""ONNX Runtime's builds report to their makers unless they are told not to, and keep a name of this machine for it."""

import os
import subprocess
import sys
from pathlib import Path

MODEL = Path(__file__).parents[2] / "models" / "sentiment-fast" / "1.0.0"

OPEN = """
import os
import sys
from pathlib import Path


class Noting:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime":
            print(os.environ.get("ORT_DISABLE_TELEMETRY"))


sys.meta_path.insert(0, Noting())
from prediction_service.models.folders.manifest_file import read_manifest
from prediction_service.models.runtimes.load import load_runtime

load_runtime(Path(sys.argv[1]), read_manifest(Path(sys.argv[1])))
"""
"""Opens a model, and writes what the environment says of telemetry in the moment in which ONNX Runtime is loaded."""


def test_a_model_that_is_opened_leaves_nothing_to_be_sent_in_the_users_home(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    process = subprocess.run(
        [sys.executable, "-c", OPEN, str(MODEL)],
        check=True, env=kept | {"HOME": str(tmp_path)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.split() == ["1"]  # also where this build of it has nothing to report with
    assert list(tmp_path.rglob("*")) == []
