"""A manifest says what a person means, in whatever editor it was written; labels are what the model was taught."""

import codecs
import os
from pathlib import Path

import pytest

from prediction_service.models.folders.manifest import Manifest
from prediction_service.models.folders.manifest_file import ManifestError, read_cheaply, read_manifest

LABELS = [
    "C#",
    "5 stars (best)",
    "😀",
    "-1",
    "+1",
    "👩‍💻",
    "n/a",
    "über-gut",
    "良い",
    "a:b",
    "don't",
    "100 %",
    '"quoted"',
    "<b>",
]
MANIFEST = 'labels = {labels}\n[runtime]\nkind = "onnx"\n'


def written(folder: Path, content: bytes) -> Manifest:
    (folder / "model.toml").write_bytes(content)
    return read_manifest(folder)


def manifest(labels: object = ["no", "yes"], more: str = "") -> str:
    return MANIFEST.format(labels=labels) + more


def test_labels_are_what_the_model_was_taught(tmp_path: Path) -> None:
    lines = ", ".join(f"'''{label}'''" for label in LABELS)
    assert written(tmp_path, manifest(f"[{lines}]").encode()).labels == LABELS


@pytest.mark.parametrize(
    "label",
    [
        "",
        " ",
        " padded",
        "padded ",
        "two\\nlines",
        "\\u0000",
        "\\u2028",
        "\\t",
        "x" * 101,
        "\\u202Eevil",
        "a\\u200Bb",
        "a\\u200Db",
        "a\\u200Cb",
        "\\uFEFFa",
        "\\u2066a",
        "a\\u00ADb",
        "a\\U000E0041b",
    ],
)
def test_a_label_that_no_chart_can_show_is_refused(tmp_path: Path, label: str) -> None:
    with pytest.raises(ManifestError, match="labels"):
        written(tmp_path, manifest(f'["{label}", "b"]').encode())


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF8 + manifest().encode(),
        codecs.BOM_UTF8 + manifest().replace("\n", "\r\n").encode(),
        manifest().replace("\n", "\r\n").encode(),
    ],
)
def test_a_manifest_from_a_windows_editor_is_read(tmp_path: Path, content: bytes) -> None:
    assert written(tmp_path, content).labels == ["no", "yes"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_refused_with_what_to_do(tmp_path: Path, encoding: str) -> None:
    mark = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(encoding, b"")
    with pytest.raises(ManifestError, match="save it as UTF-8"):
        written(tmp_path, mark + manifest().encode(encoding))


@pytest.mark.parametrize(
    "file", ["onnx/model.onnx", "model_quantized.onnx", "my model (1).onnx", "a/b/c.onnx", "x+y.onnx"]
)
def test_a_file_may_lie_in_a_folder_below(tmp_path: Path, file: str) -> None:
    assert written(tmp_path, manifest(more=f'file = "{file}"').encode()).runtime.file == file


@pytest.mark.parametrize(
    "file", ["../model.onnx", "/etc/passwd", "onnx/../../x", "..", "", "a\\\\..\\\\b", "a\\u0000b"]
)
def test_a_file_outside_the_folder_is_refused(tmp_path: Path, file: str) -> None:
    with pytest.raises(ManifestError, match="runtime"):
        written(tmp_path, manifest(more=f'file = "{file}"').encode())


@pytest.mark.parametrize("content", [b"\xff\xfe", b"labels = [", b"\x00", b"\xc3\x28", b"a = " + b"[" * 100_000])
def test_what_is_not_toml_is_told(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ManifestError, match=r"model\.toml"):
        written(tmp_path, content)


@pytest.mark.parametrize(
    "label",
    [
        "👩\u200d💻", "🏳️\u200d🌈", "❤️\u200d🔥", "🧑🏽\u200d🚀", "1️⃣",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "ශ්\u200dරී",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    ],
)  # fmt: skip
def test_signs_without_width_that_belong_to_a_word_are_fine(tmp_path: Path, label: str) -> None:
    assert written(tmp_path, manifest(f'["{label}", "b"]').encode()).labels == [label, "b"]


@pytest.mark.parametrize("name", ["description", "source"])
def test_a_text_that_turns_its_direction_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ManifestError, match=f"{name}: .*turns the direction"):
        written(tmp_path, f'{name} = "from \\u202Egro.elpmaxe"\n{manifest()}'.encode())
    written(tmp_path, f'{name} = """two\nlines, 👩\u200d💻"""\n{manifest()}'.encode())


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a = " + b"9" * 6000, "a number of more digits than any setting"),
        (b"a = 0x" + b"f" * 60_000, "Extra inputs"),
        (b"a = " + b"[" * 50_000, "nested too deeply"),
        (b"a = " + b"{a=" * 20_000, "nested too deeply"),
        (b"#" * (3 << 20), "more than 2,097,152 bytes"),
        (b"".join(b"k%d = 1\n" % number for number in range(3000)), "and 2992 more"),
        (b"k" * 60_000 + b" = 1\n", "Extra inputs"),
    ],
)
def test_a_manifest_beyond_all_measure_says_so_in_short(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "model.toml").write_bytes(content)
    with pytest.raises(ManifestError, match=reason) as refused:
        read_cheaply(tmp_path)
    assert len(str(refused.value)) < 5000


@pytest.mark.timeout(20)
def test_what_takes_the_square_of_its_size_is_left_to_the_trial(tmp_path: Path) -> None:
    (tmp_path / "model.toml").write_bytes(b".".join([b"a"] * 30_000) + b" = 1")
    read_cheaply(tmp_path)
    (tmp_path / "model.toml").write_bytes(b"# " + b"x" * 70_000 + b"\na = [")
    read_cheaply(tmp_path)


@pytest.mark.timeout(20)
def test_a_manifest_that_is_no_file_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.toml")
    with pytest.raises(ManifestError, match="is not a plain file"):
        read_cheaply(tmp_path)
    (tmp_path / "model.toml").unlink()
    (tmp_path / "model.toml").symlink_to("/dev/zero")
    with pytest.raises(ManifestError, match="is not a plain file"):
        read_cheaply(tmp_path)
