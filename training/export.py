"""From weights to a folder that the service loads: calibrated, in ONNX, in 8 bits, with a manifest.

    python -m training.export --data DATA --run RUN --kind encoder --into models/sentiment/2.1.0 [--fp32 FOLDER]
    python -m training.export --data DATA --run RUN --kind student --calibrate --into models/sentiment-fast/1.0.0

With --calibrate the calibration goes into the last layer, so whoever runs the file gets calibrated logits; runs that
began calibrated, with teachers that were, need none. Each step is checked against
PyTorch; a check that fails ends the command with nothing written.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import nn

from training import outliers, single_text
from training.calibration import Calibration, Labelled, build_in, errors, fitted, leave_one_out
from training.datasets import Example, read_dev, read_train
from training.dev_scores import logits_of
from training.encoder import restored
from training.grids import onto_grid, own_texts
from training.manifests import MANIFESTS
from training.padding import padded
from training.student import Student

CALIBRATED_ON = ("sst2", "sst3", "tweeteval", "goemotions3", "dynasent-r1")
"""Dev sets of the domains of the training, and one that is foreign to it, as what comes in may be."""

EXACT = 1e-4
"""How far ONNX's logits in 32 bits may be from PyTorch's."""

PADDING = 1e-5
"""How far logits with padding may be from those without."""

TRIED = (
    "Good.",
    "I did not like the soup, but the waiter was very kind to us all evening.",
    "The train leaves at nine",
)
"""The checks' texts."""


def main() -> None:
    """See the module."""
    arguments = parse()
    torch.set_num_threads(2)
    tokenizer = Tokenizer.from_file(str(arguments.run / "tokenizer.json"))
    model = loaded(arguments.run, arguments.kind)
    dev = read_dev(arguments.data)
    calibrate(model, dev, tokenizer, change=arguments.calibrate)
    if arguments.kind == "encoder":
        outliers.part(model, shown(texts_of_each(dev), tokenizer))
        onto_grid(model, shown([*texts_of_each(read_train(arguments.data)), *own_texts()], tokenizer))
    with tempfile.TemporaryDirectory() as folder:
        exact, small = Path(folder, "exact.onnx"), Path(folder, "model.onnx")
        to_onnx(model, exact)
        check(model, exact, [tokenizer.encode(text).ids for text in TRIED])
        # The student is so small that arithmetic in 8 bits would cost more than it saves: only its table is packed.
        to_8_bits(exact, small, kinds=["Gather"] if arguments.kind == "student" else None)
        if arguments.kind == "encoder":
            single_text.rewrite(small, small)
        write(arguments.into, small, arguments.run / "tokenizer.json", MANIFESTS[arguments.kind])
        if arguments.fp32:
            write(arguments.fp32, exact, arguments.run / "tokenizer.json", MANIFESTS[arguments.kind])


def loaded(run: Path, kind: str) -> nn.Module:
    """The weights of a run. Raises FileNotFoundError when they are not there."""
    if kind == "encoder":
        return restored(load_file(run / "best.safetensors")).eval()
    weights = load_file(run / "student.safetensors")
    student = Student(len(weights["words.weight"]))
    student.load_state_dict(weights)
    return student.eval()


def calibrate(model: nn.Module, dev: dict[str, list[Example]], tokenizer: Tokenizer, *, change: bool) -> None:
    """Says how sure the network is when it is right; with `change`, puts what fits the dev sets into the last layer."""
    tokenizer.enable_truncation(64)
    sets = {name: labelled(model, rows, tokenizer) for name, rows in dev.items()}
    tokenizer.no_truncation()
    print("calibration errors:", rounded(errors(sets, Calibration())))  # noqa: T201 - figures of the card
    for domain, (temperature, found) in leave_one_out(sets).items():
        print(f"temperature without {domain}: {temperature:.3f}, its errors then:", rounded(found))  # noqa: T201
    if not change:
        return
    calibration = fitted({name: sets[name] for name in CALIBRATED_ON})
    print(calibration, rounded(errors(sets, calibration)))  # noqa: T201
    build_in(model, calibration)


def texts_of_each(sets: dict[str, list[Example]]) -> list[str]:
    """Texts of every kind, 50 of each set."""
    return [row.text for rows in sets.values() for row in rows[:: max(1, len(rows) // 50)]]


def shown(texts: list[str], tokenizer: Tokenizer) -> list[list[int]]:
    """What a network is watched at."""
    tokenizer.enable_truncation(64)
    encodings = tokenizer.encode_batch(texts)
    tokenizer.no_truncation()
    return [encoding.ids for encoding in encodings]


def labelled(model: nn.Module, rows: list[Example], tokenizer: Tokenizer) -> Labelled:
    """Logits and truth of one set."""
    ids = [encoding.ids for encoding in tokenizer.encode_batch([row.text for row in rows])]
    return logits_of(model, ids).numpy().astype(np.float64), np.array([row.label for row in rows])


def rounded(found: dict[str, float]) -> dict[str, float]:
    """For reading."""
    return {name: round(error, 3) for name, error in found.items()}


def to_onnx(model: nn.Module, file: Path) -> None:
    """Any number of rows and of tokens."""
    ids, mask = padded([[2, 5, 6, 3], [2, 7, 3]])
    rows_and_tokens = {0: "rows", 1: "tokens"}
    torch.onnx.export(
        model, (ids, mask), str(file), dynamo=False, opset_version=17,
        input_names=["input_ids", "attention_mask"], output_names=["logits"],
        dynamic_axes={"input_ids": rows_and_tokens, "attention_mask": rows_and_tokens, "logits": {0: "rows"}},
    )  # fmt: skip


def to_8_bits(exact: Path, small: Path, kinds: list[str] | None = None) -> None:
    """Weights of nodes of these kinds (None: of all), but for what `outliers` kept apart."""
    kept = [node.name for node in onnx.load(exact).graph.node if f"/{outliers.EXACT}/" in node.name]
    quantize_dynamic(
        exact, small, per_channel=True, weight_type=QuantType.QInt8, op_types_to_quantize=kinds, nodes_to_exclude=kept
    )


def check(model: nn.Module, file: Path, rows: list[list[int]]) -> None:
    """Raises AssertionError when ONNX differs from PyTorch, or a text in company from the same text alone."""
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    ids, mask = padded(rows)
    with torch.inference_mode():
        expected = model(ids, mask).numpy()
    (together,) = session.run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})
    np.testing.assert_allclose(together, expected, atol=EXACT)
    for row, logits in zip(rows, together, strict=True):
        (alone,) = session.run(None, {"input_ids": np.array([row]), "attention_mask": np.ones((1, len(row)), np.int64)})
        np.testing.assert_allclose(alone[0], logits, atol=PADDING)


def write(folder: Path, model: Path, tokenizer: Path, manifest: str) -> None:
    """The folder of a model's version."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(model, folder / "model.onnx")
    shutil.copyfile(tokenizer, folder / "tokenizer.json")
    (folder / "model.toml").write_text(manifest, encoding="utf-8")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of <set>/<part>.tsv.gz")
    parser.add_argument("--run", type=Path, required=True, help="folder of weights and tokenizer.json")
    parser.add_argument("--kind", choices=tuple(MANIFESTS), required=True)
    parser.add_argument("--into", type=Path, required=True, help="folder of the model's version")
    parser.add_argument("--calibrate", action="store_true", help="fit temperature and offsets on the dev sets")
    parser.add_argument("--fp32", type=Path, help="a second folder, for the same model in 32 bits")
    return parser.parse_args()


if __name__ == "__main__":
    main()
