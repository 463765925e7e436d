"""The file of a backup: whatever lies among the models, and whatever became of the file, nothing wrong is restored."""

import io
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.archive.form import DUMP, LIST, REVISION
from local.archive.packing import pack
from local.archive.unpacking import added_models, unpack
from local.errors import CannotRunError
from shared.database.schema_version import NEWEST_REVISION
from tests.stack import REPOSITORY

SEED = int(os.environ.get("SEED", "0")) or random.randrange(1 << 32)
VERSION = "words/1.0.0"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    version = tmp_path / "models" / VERSION
    (version / "onnx").mkdir(parents=True)
    (version / "model.toml").write_text("labels = []")
    (version / "onnx" / "größe.bin").write_bytes(bytes(range(256)) * 40)
    return tmp_path / "models"


def packed(tmp_path: Path, models: Path) -> tuple[Path, list[str]]:
    (tmp_path / "rev").write_text(NEWEST_REVISION + "\n")
    (tmp_path / "dump").write_bytes(b"dump" * 1000)
    file = tmp_path / "backup.tar"
    return file, pack(file, tmp_path / "rev", tmp_path / "dump", models)


def restored(file: Path, tmp_path: Path) -> dict[str, bytes]:
    folder = tmp_path / "out"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    unpack(file, folder)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def complaint(file: Path, tmp_path: Path) -> str:
    with pytest.raises(CannotRunError) as refused:
        restored(file, tmp_path)
    return str(refused.value)


def a_pipe(folder: Path) -> None:
    os.mkfifo(folder / "odd")


def a_socket(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "odd"))


def a_device(folder: Path) -> None:
    (folder / "odd").symlink_to("/dev/zero")


def a_dangling_link(folder: Path) -> None:
    (folder / "odd").symlink_to("nowhere")


def a_link_to_itself(folder: Path) -> None:
    (folder / "odd").symlink_to("odd")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("put", [a_pipe, a_socket, a_device, a_dangling_link, a_link_to_itself])
def test_what_is_no_file_is_left_out_and_named(put: Callable[[Path], None], tmp_path: Path, models: Path) -> None:
    before = restored(packed(tmp_path, models)[0], tmp_path).keys()
    put(models / VERSION)
    file, left_out = packed(tmp_path, models)
    (line,) = left_out
    assert line.startswith(f"models/{VERSION}/odd ")
    assert restored(file, tmp_path).keys() == before


def a_link_to_a_long_name(folder: Path) -> None:
    (folder / "odd").symlink_to("b" * 256)


@pytest.mark.parametrize("put", [a_link_to_a_long_name, a_link_to_itself])
@pytest.mark.parametrize("place", [".", "words", VERSION])
def test_what_cannot_be_looked_at_is_named_and_everything_else_is_in_it(
    put: Callable[[Path], None], place: str, tmp_path: Path, models: Path
) -> None:
    before = restored(packed(tmp_path, models)[0], tmp_path).keys()
    put(models / place)
    file, left_out = packed(tmp_path, models)
    (line,) = left_out
    assert line.startswith(f"{Path('models', place, 'odd')} ")
    assert restored(file, tmp_path).keys() == before


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Where every user may read and write."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("closed", ["model.toml", "onnx", ".", ".."])
def test_what_may_not_be_read_is_named_and_everything_else_is_in_it(
    closed: str, tmp_path: Path, models: Path, open_folder: Path
) -> None:
    """Root may read everything, so somebody else does it."""
    before = restored(packed(tmp_path, models)[0], tmp_path).keys()
    shutil.copytree(models, open_folder / "models")
    (open_folder / "models" / VERSION / closed).chmod(0o000)
    if is_root := os.geteuid() == 0:
        os.seteuid(65534)
    try:
        file, left_out = packed(open_folder, open_folder / "models")
    finally:
        if is_root:
            os.seteuid(0)
    place = str(Path(os.path.normpath(f"models/{VERSION}/{closed}")))
    assert left_out == [f"{place} cannot be read: Permission denied"]
    assert restored(file, tmp_path).keys() == {name for name in before if not f"{name}/".startswith(f"{place}/")}


@pytest.mark.parametrize("target", ["..", ".", "../..", "/"])
def test_a_link_to_a_folder_above_is_no_end_of_it(target: str, tmp_path: Path, models: Path) -> None:
    (models / VERSION / "above").symlink_to(target)
    file, left_out = packed(tmp_path, models)
    content = restored(file, tmp_path)
    assert (f"models/{VERSION}/model.toml" in content) != bool(left_out)
    assert all("more than" in line for line in left_out)


def test_versions_that_are_links_are_backed_up_as_what_they_lead_to(tmp_path: Path, models: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "model.toml").write_text("other")
    (models / "words" / "2.0.0").symlink_to(tmp_path / "elsewhere")
    file, left_out = packed(tmp_path, models)
    assert left_out == []
    assert restored(file, tmp_path)["models/words/2.0.0/model.toml"] == b"other"


def test_files_that_no_disk_can_take_are_named_and_nothing_is_left(tmp_path: Path, models: Path) -> None:
    with (models / VERSION / "giant.bin").open("wb") as file:
        file.truncate(1 << 43)
    with pytest.raises(CannotRunError, match=r"the largest is models/words/1\.0\.0/giant\.bin"):
        packed(tmp_path, models)
    assert not list(tmp_path.glob("*.tar*"))


def test_a_failure_leaves_the_backup_before_and_no_half_one(tmp_path: Path, models: Path) -> None:
    file, _ = packed(tmp_path, models)
    whole = file.read_bytes()
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        pack(file, tmp_path / "file" / "x", tmp_path / "dump", models)
    shutil.rmtree(models)
    with pytest.raises(CannotRunError, match="MODELS_DIR: there is no folder"):
        packed(tmp_path, models)
    assert file.read_bytes() == whole
    assert not list(tmp_path.glob("*.part"))


def test_a_file_that_ends_anywhere_before_its_end_is_refused(tmp_path: Path, models: Path) -> None:
    file, _ = packed(tmp_path, models)
    whole = file.read_bytes()
    with tarfile.open(file) as archive:
        bounds = [member.offset for member in archive] + [member.offset_data for member in archive]
        end = archive.getmember(LIST).offset_data + archive.getmember(LIST).size
    print(f"SEED={SEED}")
    torn = tmp_path / "torn.tar"
    for length in {*bounds, *random.Random(SEED).sample(range(end), 40)}:
        torn.write_bytes(whole[:length])
        assert "backup.tar" not in complaint(torn, tmp_path)
        torn.write_bytes(whole[:length] + bytes(10_240))  # as if it ended well there
        assert complaint(torn, tmp_path)


Members = list[tuple[tarfile.TarInfo, bytes]]


def without_the_dump(members: Members) -> Members:
    return [(info, content) for info, content in members if info.name != DUMP]


def without_a_file(members: Members) -> Members:
    return [(info, content) for info, content in members if "größe" not in info.name]


def with_one_twice(members: Members) -> Members:
    return [members[1], *members]


def with_a_bit_turned(members: Members) -> Members:
    return [(info, content[:-1] + b"!" if info.name == DUMP else content) for info, content in members]


def with_more_behind(members: Members) -> Members:
    return [*members, members[0]]


def with_one_more(members: Members) -> Members:
    return [member("models/words/1.0.0/more", b"x"), *members]


def with_another_list(members: Members) -> Members:
    return [(info, b'{"form": 1, "files": []}' if info.name == LIST else content) for info, content in members]


def of_a_newer_form(members: Members) -> Members:
    return [
        (info, json.dumps(json.loads(content) | {"form": 2}).encode() if info.name == LIST else content)
        for info, content in members
    ]


def member(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def with_a_path_above(members: Members) -> Members:
    return [member("models/words/1.0.0/../../../../evil", b"x"), *members]


def with_an_absolute_path(members: Members) -> Members:
    return [member("/tmp/evil", b"x"), *members]


def with_a_link(members: Members) -> Members:
    return [member("models/words/1.0.0/link", type=tarfile.SYMTYPE, linkname="/etc"), *members]


def with_a_hard_link(members: Members) -> Members:
    return [member("models/words/1.0.0/link", type=tarfile.LNKTYPE, linkname="../../etc/passwd"), *members]


def with_a_device(members: Members) -> Members:
    return [member("models/words/1.0.0/null", type=tarfile.CHRTYPE), *members]


def with_a_hidden_version(members: Members) -> Members:
    return [member("models/.words/1.0.0/model.toml", b"x"), *members]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (without_the_dump, "schemas.dump is missing"),
        (without_a_file, "is missing"),
        (with_one_twice, "is in it twice"),
        (with_a_bit_turned, "schemas.dump is missing, or not what was backed up"),
        (with_more_behind, "something follows its list"),
        (with_one_more, "more is missing, or not what was backed up"),
        (with_another_list, "is missing, or not"),
        (of_a_newer_form, "newer release"),
        (with_a_path_above, "no place for"),
        (with_an_absolute_path, "no place for"),
        (with_a_link, "not a plain file"),
        (with_a_hard_link, "not a plain file"),
        (with_a_device, "not a plain file"),
        (with_a_hidden_version, "no place for"),
    ],
)
def test_a_file_that_is_not_what_was_written_is_refused(
    change: Callable[[Members], Members], named: str, tmp_path: Path, models: Path
) -> None:
    file, _ = packed(tmp_path, models)
    with tarfile.open(file) as archive:
        members = [(info, archive.extractfile(info).read()) for info in archive]
    other = tmp_path / "other.tar"
    with tarfile.open(other, "w") as archive:
        for info, content in change(members):
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    assert named in complaint(other, tmp_path)
    assert not (tmp_path / "evil").exists()


def test_models_are_added_when_all_went_well_or_not_at_all(tmp_path: Path, models: Path) -> None:
    there = tmp_path / "there"
    (there / "words" / ".1.0.0.part").mkdir(parents=True)  # of a restore that was killed
    with pytest.raises(CannotRunError, match="the database"), added_models(models, there):
        raise CannotRunError("the database")
    assert not list(there.glob("*/*"))
    with added_models(models, there) as count:
        assert not (there / VERSION).exists()
    assert count == 1
    assert (there / VERSION / "model.toml").exists()
    assert [path.name for path in (there / "words").iterdir()] == ["1.0.0"]


def test_the_script_for_containers_checks_the_file_before_it_touches_the_stack(tmp_path: Path, models: Path) -> None:
    """`docker` is a program that notes down what it is asked, and answers as Postgres would."""
    (tmp_path / "bin").mkdir()
    docker = tmp_path / "bin" / "docker"
    docker.write_text(
        f'#!/bin/sh\necho "$*" >>{tmp_path}/asked\n'
        f'case "$*" in *version_num*) echo {NEWEST_REVISION} ;; *pg_dump*) echo dump ;; *count*) echo 7 ;; esac\n'
    )
    docker.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "MODELS_DIR": str(models)}
    (tmp_path / "python").symlink_to(sys.executable)

    def run(verb: str, file: Path) -> subprocess.CompletedProcess[str]:
        command = [str(REPOSITORY / "deploy" / "backup"), verb, str(file)]
        return subprocess.run(command, env=environment, text=True, capture_output=True, check=False)

    a_pipe(models / VERSION)
    file = tmp_path / "backup.tar"
    done = run("backup", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"not in it: models/{VERSION}/odd is not a plain file" in done.stdout
    assert file.stat().st_mode & 0o077 == 0
    content = restored(file, tmp_path)
    assert content[DUMP] == b"dump\n"
    assert content[REVISION].decode().strip() == NEWEST_REVISION

    (tmp_path / "asked").unlink()
    whole = file.read_bytes()
    file.write_bytes(whole[: whole.index(b'"form"')])
    done = run("restore", file)
    assert done.returncode == 1
    assert "make restore:" in done.stderr
    assert not (tmp_path / "asked").exists()

    shutil.rmtree(models)
    done = run("backup", tmp_path / "other.tar")
    assert (done.returncode, done.stderr) == (1, f"make backup: MODELS_DIR: there is no folder {models}\n")
    assert not list(tmp_path.glob("other.tar*"))
