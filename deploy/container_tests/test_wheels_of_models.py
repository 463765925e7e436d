"""A Python model with a `requirements.txt` has its environment in the image whose build has seen it.

Last of all by its name: a build beside the tests of scaling and restarts, on the same machine, costs them an answer.
"""

import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from container_tests.stack import REPOSITORY, run

IMAGE = "modelserver/prediction-service:test-model-environment"

MODEL = """
import sys
import tiny_words

try:
    import numpy
except ImportError:
    numpy = None


def predict(rows):
    assert numpy is None, "the service's libraries are not the model's"
    assert tiny_words.__file__.startswith("/app/model-environments/") and sys.prefix in tiny_words.__file__
    return [{"yes": tiny_words.share(row["text"]), "no": 1 - tiny_words.share(row["text"])} for row in rows]
"""

GOLDEN = '{"text": "good", "expect": {"label": "yes"}}\n{"text": "bad", "expect": {"label": "no"}}\n'

CHECK = """
from pathlib import Path
from prediction_service.check import check

(verdict,) = check(
    Path("/app/models/own"), seconds=120, memory_bytes=256 << 20, environments=Path("/app/model-environments")
)
raise SystemExit(verdict.fault or 0)
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The prediction-service's, of a repository with one more model; what is below it was built for the stack."""
    folder = tmp_path_factory.mktemp("repository")
    files = run("git", "ls-files", "-z", "deploy", "shared", "prediction-service", "models", ".dockerignore")
    for name in filter(None, files.split("\0")):
        if (source := REPOSITORY / name).is_file() and "_tests/" not in name:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            target.chmod(source.stat().st_mode)
    write_model(folder / "models" / "own" / "1.0.0")
    run(
        "docker", "build", "--quiet", "--file", str(folder / "deploy" / "Dockerfile"),
        "--build-arg", "SERVICE=prediction-service", "--tag", IMAGE, str(folder),
    )  # fmt: skip
    yield IMAGE
    run("docker", "image", "rm", "--force", IMAGE)


def write_model(folder: Path) -> None:
    """One that asks for a wheel beside it, so that no index is needed."""
    (folder / "wheels").mkdir(parents=True)
    (folder / "model.py").write_text(MODEL)
    (folder / "model.toml").write_text('labels = ["no", "yes"]\n[runtime]\nkind = "python"\n')
    (folder / "golden.jsonl").write_text(GOLDEN)
    (folder / "requirements.txt").write_text("--no-index\n--find-links wheels\ntiny-words==1.0\n")
    with zipfile.ZipFile(folder / "wheels" / "tiny_words-1.0-py3-none-any.whl", "w") as archive:
        info = "tiny_words-1.0.dist-info"
        archive.writestr("tiny_words.py", "def share(text):\n    return 0.75 if 'good' in text else 0.25\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-words\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")


def inside(image: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command as the service runs: nobody special, nothing to write to, and no network."""
    bounds = ["--network", "none", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"]
    return subprocess.run(
        ["docker", "run", "--rm", *bounds, "--security-opt", "no-new-privileges:true", image, *command],
        text=True, capture_output=True, timeout=300, check=False,
    )  # fmt: skip


def test_the_model_passes_its_trial_with_the_libraries_that_it_asked_for(image: str) -> None:
    tried = inside(image, "python", "-c", CHECK)
    assert tried.returncode == 0, tried.stdout + tried.stderr


def test_nothing_can_be_installed_into_it_any_more(image: str) -> None:
    """And models without requirements have none."""
    listed = inside(image, "sh", "-c", "ls /app/model-environments; ls /app/model-environments/*/lib/*/site-packages")
    environment, *packages = listed.stdout.split()
    assert len(environment) == 20, listed.stdout + listed.stderr
    assert "tiny_words.py" in packages
    assert not [package for package in packages if package.startswith("pip")]
