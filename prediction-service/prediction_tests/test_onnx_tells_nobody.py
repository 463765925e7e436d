"""ONNX Runtime's builds report to their makers unless they are told not to, and keep a name of this machine for it."""

import os
import subprocess
import sys
from pathlib import Path

MODEL = Path(__file__).parents[2] / "models" / "sentiment-fast" / "1.0.0"

OPEN = """
import sys
from pathlib import Path
from prediction_service.models.folders.manifest_file import read_manifest
from prediction_service.models.runtimes.load import load_runtime

load_runtime(Path(sys.argv[1]), read_manifest(Path(sys.argv[1])))
assert "onnxruntime" in sys.modules
"""


def test_a_model_that_is_opened_leaves_nothing_to_be_sent_in_the_users_home(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    subprocess.run([sys.executable, "-c", OPEN, str(MODEL)], check=True, env=kept | {"HOME": str(tmp_path)})
    assert list(tmp_path.rglob("*")) == []
