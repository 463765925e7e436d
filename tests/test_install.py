"""`deploy/install`: what is installed is what is pinned, whatever an index offers that day and however old pip is."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.testing.certificates import write_certificates
from tests.package_index import PackageIndex, make_wheel, pinned

REPOSITORY = Path(__file__).parent.parent
INSTALL = REPOSITORY / "deploy" / "install"
PIPS = {"22.3": "the first that came with Python 3.11", "23.2.1": "that of 3.11.7", "newest": "when this was pinned"}
PACKAGES = ("house", "shelf", "lamp")


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pips of PIPS and the pinned uv, from the index that this machine uses, by their hashes."""
    folder = tmp_path_factory.mktemp("downloads")
    for name, target in [*((f"tests/pips/{pip}.txt", folder / pip) for pip in PIPS),
                         ("deploy/requirements/uv.txt", folder / "uv")]:  # fmt: skip
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
             "--only-binary", ":all:", "--dest", target, "--requirement", REPOSITORY / name],
            check=True,
        )  # fmt: skip
    return folder


def only_file(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


@pytest.fixture
def wheels(tmp_path: Path, downloads: Path) -> Path:
    """What the index has on the day when the versions are pinned: one each, and uv."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    (folder / only_file(downloads / "uv").name).symlink_to(only_file(downloads / "uv"))
    fill(folder, "1.0")
    return folder


def fill(folder: Path, version: str) -> list[Path]:
    """A package that is pinned with an extra, and another that needs it without: old pips look that one up again."""
    return [
        make_wheel(folder, "house", version, needs=("shelf>=1",)),
        make_wheel(folder, "shelf", version, needs=("lamp>=1; extra == 'light'",), extra="light"),
        make_wheel(folder, "lamp", version),
    ]


@pytest.fixture
def requirements(tmp_path: Path, wheels: Path) -> Path:
    """As `make requirements` writes it, with the extra."""
    file = tmp_path / "requirements.txt"
    file.write_text(
        pinned(*(wheels / f"{name}-1.0-py3-none-any.whl" for name in PACKAGES), extras={"shelf": "[light]"})
    )
    return file


@pytest.fixture
def index(wheels: Path) -> Iterator[PackageIndex]:
    with PackageIndex(wheels).serving() as index:
        yield index


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has set up nothing and cached nothing."""
    folder = tmp_path / "home"
    folder.mkdir()
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "PIP_CONFIG_FILE": os.devnull, "PYTHON": sys.executable}


def install(home: dict[str, str], *words: Path | str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The script. Where the environment has no pip, it borrows that of this test's; to make one takes three seconds."""
    return subprocess.run(
        [INSTALL, *words], env=home | variables, capture_output=True, text=True, check=False, timeout=120
    )


def versions(environment: Path) -> list[str]:
    code = f"print(*(__import__(name).version for name in {PACKAGES}))"
    return subprocess.run(
        [environment / "bin" / "python", "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()


def test_the_pinned_versions_are_installed_after_the_index_has_moved_on(
    index: PackageIndex, wheels: Path, requirements: Path, home: dict[str, str], tmp_path: Path
) -> None:
    fill(wheels, "2.0")
    done = install(home, tmp_path / "env", requirements, PIP_INDEX_URL=index.url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert versions(tmp_path / "env") == ["1.0"] * 3


@pytest.mark.parametrize("pip", PIPS)
def test_however_old_pip_is(
    index: PackageIndex,
    wheels: Path,
    requirements: Path,
    home: dict[str, str],
    tmp_path: Path,
    downloads: Path,
    pip: str,
) -> None:
    if pip == "22.3" and sys.version_info >= (3, 12):
        pytest.skip("this pip needs what Python 3.12 took out of pkgutil; no Python from there on came with it")
    fill(wheels, "2.0")
    environment = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "--no-index", only_file(downloads / pip)], env=home, check=True
    )

    resolved = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", requirements],
        env=home | {"PIP_INDEX_URL": index.url}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if pip != "newest":  # so this index is one that the former command failed with
        assert "must have their versions pinned with ==" in resolved.stderr
        assert resolved.returncode != 0

    assert install(home, environment, requirements, PIP_INDEX_URL=index.url).returncode == 0
    assert versions(environment) == ["1.0"] * 3
    checked = subprocess.run([python, "-m", "pip", "check"], env=home, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout) == (0, "No broken requirements found.\n")
    if pip != "newest":
        assert f"pip {pip} " in subprocess.check_output([python, "-m", "pip", "-V"], text=True)


@pytest.mark.parametrize("environment", ["with a space", "with 'quotes' and $DOLLARS", "ünïcode"])
def test_the_path_may_be_any(
    index: PackageIndex, requirements: Path, home: dict[str, str], tmp_path: Path, environment: str
) -> None:
    folder = tmp_path / environment
    folder.mkdir()
    requirements = requirements.rename(folder / "my requirements.txt")
    done = install(home, "--without-pip", folder / ".venv", requirements, PIP_INDEX_URL=index.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert versions(folder / ".venv") == ["1.0"] * 3


def test_an_environment_without_pip_borrows_one(
    index: PackageIndex, requirements: Path, home: dict[str, str], tmp_path: Path
) -> None:
    done = install(home, "--without-pip", tmp_path / "env", requirements, PIP_INDEX_URL=index.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert versions(tmp_path / "env") == ["1.0"] * 3
    assert not list((tmp_path / "env").rglob("pip"))


def test_a_home_that_cannot_be_written_to_is_done_without(
    index: PackageIndex, requirements: Path, home: dict[str, str], tmp_path: Path
) -> None:
    done = install(home, "--without-pip", tmp_path / "env", requirements, PIP_INDEX_URL=index.url, HOME="/proc/nowhere")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """With its key; nobody believes it who is not told to, by `public.pem` beside it."""
    folder = tmp_path / "certificates"
    folder.mkdir()
    write_certificates(folder)
    file = tmp_path / "certificate.pem"
    file.write_text((folder / "key.pem").read_text() + (folder / "certificate.pem").read_text())
    (folder / "ca.pem").rename(tmp_path / "public.pem")
    return file


@pytest.mark.parametrize(
    "configuration",
    [
        "index-url = {http}",
        "index-url = {empty}\nextra-index-url = {empty}\n    {http}",
        "no-index = true\nfind-links = {wheels}",
        "index-url = {empty}\nfind-links = {nothing}\n    {wheels}",
        "index-url = http://index.invalid/simple\ntrusted-host = index.invalid\nproxy = http://{host}",
        "index-url = {https_name}\ncert = {certificate}",
        "index-url = {https}\ntrusted-host = {https_host}",
        "timeout = 20\nretries = 1\nno-cache-dir = true\nindex-url = {http}",
    ],
)
def test_where_packages_are_is_what_pip_is_set_up_with(
    index: PackageIndex, wheels: Path, requirements: Path, home: dict[str, str], tmp_path: Path, certificate: Path,
    configuration: str,
) -> None:  # fmt: skip
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    with PackageIndex(wheels, certificate).serving() as https, PackageIndex(nothing).serving() as empty:
        file = tmp_path / "pip.conf"
        file.write_text("[global]\n" + configuration.format(
            http=index.url, host=index.host, https=https.url, https_host=https.host,
            https_name=https.url.replace("127.0.0.1", "localhost"),  # pip 24.2 cannot check the name of an address
            empty=empty.url,
            wheels=wheels, nothing=nothing, certificate=tmp_path / "public.pem",
        ))  # fmt: skip
        done = install(home, "--without-pip", tmp_path / "env", requirements, PIP_CONFIG_FILE=str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert versions(tmp_path / "env") == ["1.0"] * 3


def test_what_is_said_to_uv_itself_prevails(
    index: PackageIndex, requirements: Path, home: dict[str, str], tmp_path: Path
) -> None:
    with PackageIndex(tmp_path / "wheels").serving() as other:
        install(
            home, "--without-pip", tmp_path / "env", requirements, PIP_INDEX_URL=index.url, UV_DEFAULT_INDEX=other.url
        )
    assert versions(tmp_path / "env") == ["1.0"] * 3
    assert any("house" in path for path in other.asked)
    assert not any("house" in path for path in index.asked)


def test_after_kill_minus_9_the_next_run_begins_anew(
    index: PackageIndex, requirements: Path, home: dict[str, str], tmp_path: Path
) -> None:
    environment = tmp_path / "env"
    index.holds = "shelf"
    killed = subprocess.Popen(
        [INSTALL, environment, requirements], env=home | {"PIP_INDEX_URL": index.url}, start_new_session=True
    )
    assert index.is_asked_for_it.wait(60)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    # What a kill leaves while files are put in place: a package that looks installed and is not.
    (packages,) = environment.glob("lib/python3*/site-packages")
    (packages / "lamp-1.0.dist-info").mkdir()
    (packages / "lamp-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: lamp\nVersion: 1.0\n")

    index.may_go_on.set()
    done = install(home, environment, requirements, PIP_INDEX_URL=index.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert versions(environment) == ["1.0"] * 3


@pytest.mark.parametrize("left", ["nothing", "no pip", "no python", "no mark of an environment"])
def test_a_kill_while_the_environment_is_made_is_no_matter(
    index: PackageIndex, requirements: Path, home: dict[str, str], tmp_path: Path, left: str
) -> None:
    environment = tmp_path / "env"
    environment.mkdir()
    (environment / "being-installed").touch()
    if left != "nothing":
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    if left == "no python":
        (environment / "bin" / "python").unlink()
    if left == "no mark of an environment":
        (environment / "pyvenv.cfg").unlink()
    assert install(home, environment, requirements, PIP_INDEX_URL=index.url).returncode == 0
    assert versions(environment) == ["1.0"] * 3
    assert (environment / "bin" / "pip").exists()


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("install: ")
    return done.stderr


def test_a_folder_that_is_something_else_is_left_alone(
    home: dict[str, str], requirements: Path, tmp_path: Path
) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "letter").touch()
    assert "is no virtual environment" in refusal(install(home, "--without-pip", tmp_path / "documents", requirements))
    assert (tmp_path / "documents" / "letter").exists()


def test_a_package_without_a_wheel_for_this_machine_is_named(
    index: PackageIndex, wheels: Path, requirements: Path, home: dict[str, str], tmp_path: Path
) -> None:
    elsewhere = make_wheel(wheels, "grand_piano", "3.1", tag="cp39-cp39-win_amd64")
    requirements.write_text(requirements.read_text() + pinned(elsewhere).replace("grand_piano", "grand-piano"))
    said = refusal(install(home, "--without-pip", tmp_path / "env", requirements, PIP_INDEX_URL=index.url))
    assert "grand-piano 3.1 has no wheel for Python 3." in said
    assert "PYTHON=" in said


def test_nothing_is_built_from_source(
    index: PackageIndex, wheels: Path, requirements: Path, home: dict[str, str], tmp_path: Path
) -> None:
    source = wheels / "violin-1.0.tar.gz"
    source.write_bytes(b"never opened")
    requirements.write_text(pinned(source).replace("1.0.tar.gz", "1.0"))
    assert "violin 1.0 has no wheel" in refusal(
        install(home, "--without-pip", tmp_path / "env", requirements, PIP_INDEX_URL=index.url)
    )


def test_another_file_under_the_pinned_name_is_refused(
    index: PackageIndex, wheels: Path, requirements: Path, home: dict[str, str], tmp_path: Path
) -> None:
    make_wheel(wheels, "lamp", "1.0", needs=("house",))
    assert "lamp" in refusal(install(home, "--without-pip", tmp_path / "env", requirements, PIP_INDEX_URL=index.url))


def test_a_package_that_lacks_another_is_named(
    index: PackageIndex, wheels: Path, requirements: Path, home: dict[str, str], tmp_path: Path
) -> None:
    requirements.write_text(pinned(make_wheel(wheels, "chair", "1.0", needs=("table>=2",))))
    said = refusal(install(home, "--without-pip", tmp_path / "env", requirements, PIP_INDEX_URL=index.url))
    assert "chair" in said
    assert "table>=2" in said


def test_an_index_that_is_not_there_is_one_line(requirements: Path, home: dict[str, str], tmp_path: Path) -> None:
    away = {"PIP_INDEX_URL": "http://127.0.0.1:1/simple", "PIP_RETRIES": "0"}
    assert "cannot fetch uv" in refusal(install(home, "--without-pip", tmp_path / "env", requirements, **away))


@pytest.mark.parametrize("python", ["no-such-python", "/dev/null"])
def test_a_python_that_does_not_run_is_one_line(
    requirements: Path, home: dict[str, str], tmp_path: Path, python: str
) -> None:
    assert f"no {python} that runs" in refusal(
        install(home, "--without-pip", tmp_path / "env", requirements, PYTHON=python)
    )


NOT_OURS = {
    "examples/sentences/make.py": "what the example itself requires, as advice",
    "cli/modelserver/libraries.py": "what to install for a model of one's own, as advice",
    "prediction-service/prediction_service/models/runtimes/python/make_environments.py": "what a model itself requires",
}
"""Files that speak of installing what is no part of this project."""


def test_everything_that_is_installed_goes_through_the_one_script() -> None:
    """So that nothing depends on a resolver by another way."""
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    files = [
        REPOSITORY / line for line in listed.splitlines()
        if not line.startswith(("deploy/installer/", "tests/")) and "_tests/" not in line and line not in NOT_OURS
    ]  # fmt: skip
    kinds = {".py", ".sh", ".yml", ".toml", ""}
    installs = re.compile(r"pip[\"']?,? [\"']?(install|sync)|uv (add|sync|run)|conda install|easy_install")
    others = [
        str(file) for file in files
        if file.suffix in kinds and file.is_file() and installs.search(file.read_text(errors="replace"))
    ]  # fmt: skip
    assert others == []


def test_uv_is_pinned_once() -> None:
    pins = [
        re.search(r"^uv==\S+", (REPOSITORY / file).read_text(), re.MULTILINE)
        for file in ("requirements.txt", "deploy/requirements/uv.txt")
    ]
    assert pins[0] is not None
    assert pins[0][0] == (pins[1] and pins[1][0])
