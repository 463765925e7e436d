"""A manifest says what a person means, in whatever editor it was written; labels are what the model was taught."""

import codecs
from pathlib import Path

import pytest

from prediction_service.manifest import Manifest, ManifestError, read_manifest

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
    "label", ["", " ", " padded", "padded ", "two\\nlines", "\\u0000", "\\u2028", "\\t", "x" * 101]
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
