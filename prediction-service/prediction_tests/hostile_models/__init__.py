"""Folders that no service should be given: some are broken, some mean harm, and some sleep until they serve."""

import json
import os
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
TRIGGER = "now"
"""The text that sets a sleeper off; see make.py."""

MANIFEST = 'labels = ["no", "yes"]\n[runtime]\nkind = "onnx"\n'

Fill = Callable[[Path], object]


def model(file: str, more: str = "", manifest: str = MANIFEST) -> Fill:
    """A folder with one of the files beside this one."""

    def fill(folder: Path) -> None:
        (folder / "model.toml").write_text(manifest + more)
        (folder / "model.onnx").write_bytes((HERE / f"{file}.onnx").read_bytes())

    return fill


def manifest(content: bytes) -> Fill:
    """A folder with a good model and this for a manifest."""

    def fill(folder: Path) -> None:
        model("even")(folder)
        (folder / "model.toml").write_bytes(content)

    return fill


def instead(name: str, make: Callable[[Path], object], more: str = "") -> Fill:
    """A folder with a good model, but for one file."""

    def fill(folder: Path) -> None:
        model("even", more)(folder)
        (folder / name).unlink(missing_ok=True)
        make(folder / name)

    return fill


def sparse(path: Path) -> None:
    """A terabyte that takes no room."""
    with path.open("wb") as file:
        file.truncate(1 << 40)


def lost_in_rules(folder: Path) -> None:
    """A tokenizer whose rule takes ever longer over one long word."""
    for name in ("model.toml", "model.onnx"):
        (folder / name).write_bytes((HERE.parent / "token_model" / name).read_bytes())
    tokenizer = {
        "version": "1.0", "added_tokens": [], "normalizer": None, "post_processor": None, "decoder": None,
        "truncation": None, "padding": None,
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(a|aa)+b"}, "behavior": "Isolated", "invert": False},
        "model": {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"},
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n"

BROKEN: dict[str, tuple[Fill, str]] = {
    "no-manifest": (lambda folder: (folder / "notes.txt").write_text("later"), "has no model.toml"),
    "not-toml": (manifest(b"labels = ["), "is not TOML"),
    "utf-16": (manifest(MANIFEST.encode("utf-16")), "save it as UTF-8"),
    "unknown-key": (model("even", "sofmax = true\n"), "sofmax"),
    "git-lfs": (instead("model.onnx", lambda path: path.write_bytes(POINTER)), "git lfs pull"),
    "half-a-file": (
        instead("model.onnx", lambda path: path.write_bytes((HERE / "even.onnx").read_bytes()[:150])),
        "cannot be loaded",
    ),
    "logits": (model("logits"), "softmax = true"),
    "sigmoids": (model("not_one"), "add up to 1.8"),
    "regression": (model("regression"), "regression"),
    "always-nan": (model("always_nan"), "NaN"),
    "weights-missing": (model("outside_missing"), "beside it"),
    "three-labels": (
        model("even", manifest=MANIFEST.replace('"yes"', '"yes", "perhaps"')),
        "2 probabilities for 3 labels",
    ),
    "one-label": (model("regression", manifest=MANIFEST.replace(', "yes"', "")), "one label"),
}
"""Name → how the folder is filled, and what its reason says."""

MALICIOUS: dict[str, tuple[Fill, str]] = {
    "endless": (model("endless"), "not ready in time"),
    "eats-memory": (model("eats_memory"), "memory"),
    "huge": (model("huge"), "memory"),
    "passwords": (model("outside_absolute"), "outside of its folder"),
    "passwords-above": (model("outside_relative"), "leads out of its folder"),
    "file-above": (model("even", 'file = "../../passwords/1.0.0/model.onnx"\n'), "below the model's folder"),
    "pipe": (instead("model.onnx", os.mkfifo), "not a plain file"),
    "pipe-for-a-manifest": (instead("model.toml", os.mkfifo), "not a plain file"),
    "terabyte": (instead("model.onnx", sparse), "1,099,511,627,776 bytes"),
    "zeros-without-end": (instead("model.onnx", lambda path: path.symlink_to("/dev/zero")), "not a plain file"),
    "link-to-itself": (instead("model.onnx", lambda path: path.symlink_to(path.name)), "cannot be read"),
    "dots": (manifest(b"a." * 200_000 + b"a = 1\n"), "not ready in time"),
    "lost-in-rules": (lost_in_rules, "the tokenizer fails"),
}
"""The same."""

SLEEPERS = {
    "sleeping-endless": "sleeping_endless",
    "sleeping-hog": "sleeping_eats_memory",
    "sleeping-nan": "sleeping_nan",
}
"""Name → file. They pass every trial; the trigger shows what they are."""


def drop_in(root: Path, name: str, fill: Fill) -> Path:
    """A model of this name, as people copy it: under a hidden name, then renamed."""
    hidden = root / f".{name}" / "1.0.0"
    hidden.mkdir(parents=True)
    fill(hidden)
    return hidden.parent.rename(root / name) / "1.0.0"
