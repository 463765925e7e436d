"""A model's requirements.txt is installed ahead, once; until then its folder is skipped, and the reason says how."""

import zipfile
from pathlib import Path

import pytest

from prediction_service.batching.runtime import ModelError
from prediction_service.models.folders.contents import fingerprint
from prediction_service.models.folders.listing import ModelFolder
from prediction_service.models.runtimes.python import make_environments
from prediction_service.models.runtimes.python.environments import environment_for, requirements_of
from prediction_tests.gated_model import STAYS
from prediction_tests.python_models import admission, admitted, python_model

CODE = """
import sys
import tiny_words

try:
    import numpy
except ImportError:
    numpy = None


def predict(rows):
    assert numpy is None, "the service's libraries are not the model's"
    assert "site-packages" in tiny_words.__file__ and sys.prefix in tiny_words.__file__
    return [{"yes": tiny_words.share(row["text"])} | {"no": 1 - tiny_words.share(row["text"])} for row in rows]
"""

REQUIREMENTS = "--no-index\n--find-links wheels\ntiny-words==1.0\n"

PACKAGE = 'def share(text):\n    return 0.75 if "good" in text else 0.25\n'


def wheel(folder: Path, content: str = PACKAGE) -> None:
    """A wheel of one module, as simple as wheels may be."""
    folder.mkdir()
    info = "tiny_words-1.0.dist-info"
    with zipfile.ZipFile(folder / "tiny_words-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("tiny_words.py", content)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-words\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    path = python_model(tmp_path / "models", CODE, requirements=REQUIREMENTS)
    wheel(path / "wheels")
    return path


@pytest.mark.timeout(180)
async def test_it_is_made_by_the_command_that_the_reason_names(
    tmp_path: Path, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    models, environments = tmp_path / "models", tmp_path / "environments"
    with pytest.raises(ModelError, match=r"make model-env NAME=own/1\.0\.0$"):
        await admission(environments).admit(ModelFolder("own", "1.0.0", path))
    before = fingerprint(path)
    assert make_environments.main(models, environments, "own/1.0.0") == 0
    assert fingerprint(path) != before, "the service looks again"
    async with admitted(path, admission(environments)) as model:
        results = await model.batcher.run(["good", "bad"], STAYS)
        assert [result.output for result in results] == [[0.25, 0.75], [0.75, 0.25]]
    made = environment_for(requirements_of(path) or b"", path, environments)
    assert not list(made.glob("lib/*/site-packages/pip")), "the model installs nothing more"
    status = (made / "pyvenv.cfg").stat()
    assert make_environments.main(models, environments) == 0
    assert (made / "pyvenv.cfg").stat() == status, "it is made once"
    assert "own/1.0.0 has its environment" in capfd.readouterr().out


@pytest.mark.timeout(120)
def test_what_cannot_be_installed_leaves_nothing(tmp_path: Path, path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (path / "requirements.txt").write_text("--no-index\nno-such-package-of-ours==1\n")
    assert make_environments.main(tmp_path / "models", tmp_path / "environments", "own") == 1
    assert list((tmp_path / "environments").iterdir()) == []
    told = capfd.readouterr().err
    assert "no-such-package-of-ours" in told
    assert "model-env: own/1.0.0: pip install failed, as it says above" in told


@pytest.mark.timeout(180)
async def test_the_same_words_about_another_wheel_are_another_environment(tmp_path: Path, path: Path) -> None:
    models, environments = tmp_path / "models", tmp_path / "environments"
    other = python_model(models, CODE, name="other", requirements=REQUIREMENTS)
    wheel(other / "wheels", PACKAGE.replace("0.75", "0.875"))
    assert make_environments.main(models, environments) == 0
    async with admitted(path, admission(environments)) as own, admitted(other, admission(environments)) as another:
        for model, share in ((own, 0.75), (another, 0.875)):
            (result,) = await model.batcher.run(["good"], STAYS)
            assert result.output == [1 - share, share]


def test_other_requirements_are_another_environment(tmp_path: Path) -> None:
    def key(requirements: str) -> Path:
        return environment_for(requirements.encode(), tmp_path, tmp_path)

    assert key("a==1\n") == key("a==1\n") != key("a==2\n")


@pytest.mark.parametrize(
    ("requirements", "file"),
    [
        ("-r more.txt\n", "more.txt"),
        ("-rmore.txt\n", "more.txt"),
        ("-c lists/bounds.txt\na\n", "lists/bounds.txt"),
        ("-r more.txt\n", "lists/named_there.txt"),
        ("./mine\n", "mine/mine/__init__.py"),
        ("mine @ file:mine\n", "mine/pyproject.toml"),
        ("--find-links=.\na\n", "a-1.0-py3-none-any.whl"),
        ("a\n", "wheels/a-1.0.tar.gz"),
    ],
)
def test_what_requirements_ask_for_belongs_to_them(tmp_path: Path, requirements: str, file: str) -> None:
    for name in ("more.txt", "lists/x.txt", "mine/y.py", "words.txt", "model.py", file):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("-r lists/named_there.txt" if name == "more.txt" else "")

    def key() -> Path:
        return environment_for(requirements.encode(), tmp_path, tmp_path)

    before = key()
    for name in ("words.txt", "model.py", "requirements.txt"):
        (tmp_path / name).write_text("other words")
    assert key() == before, "what pip does not read"
    with (tmp_path / file).open("a") as changed:
        changed.write("\n# changed")
    assert key() != before


@pytest.mark.parametrize("name", ["other", "own/2.0.0"])
def test_a_name_that_no_model_has_is_said(
    tmp_path: Path, path: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert make_environments.main(tmp_path / "models", tmp_path / "environments", name) == 1
    assert f"there is no model {name}" in capfd.readouterr().err
