"""The weights of a released model, read back from the file of 8 bits that is served: where a polish of it begins.

    python -m training.released --model FOLDER_OF_2.0.0 --run RUN

The file is the graph as `export` left it before it was drawn for one text a call (`single_text`). Writes
RUN/best.safetensors and RUN/tokenizer.json. What was lost in 8 bits stays lost: the logits are those of the served file
but for the rounding of its activations.
"""

import argparse
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import GraphProto, numpy_helper
from safetensors.torch import save_file
from torch import Tensor

from training.metrics import Array

WORDS = "embeddings.word_embeddings.weight"

DENSE = {"MatMul", "MatMulInteger"}
"""Nodes that multiply by weights; those between activations have none."""


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="folder of a version of the model")
    parser.add_argument("--run", type=Path, required=True, help="folder for weights and tokenizer")
    arguments = parser.parse_args()
    arguments.run.mkdir(parents=True, exist_ok=True)
    save_file(read_back(arguments.model / "model.onnx"), arguments.run / "best.safetensors")
    shutil.copyfile(arguments.model / "tokenizer.json", arguments.run / "tokenizer.json")


def read_back(file: Path) -> dict[str, Tensor]:
    """The parameters of `encoder.Classifier` in 32 bits."""
    graph = onnx.load(file).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights = {
        name.replace(".many.", "."): values
        for name, values in stored.items()
        if name.endswith((".bias", "LayerNorm.weight", "position_embeddings.weight"))
    }
    weights[WORDS] = in_32_bits(stored, WORDS)
    # Of the two segments only the first is used; in the graph it is the one constant that is added to the words.
    first = next(stored[node.input[1]] for node in graph.node if node.name == "/embeddings/Add_1")
    weights["embeddings.token_type_embeddings.weight"] = np.stack([first, first])
    for layer, columns, part in dense(graph, stored):
        whole = weights.setdefault(f"{layer}.weight", np.zeros((part.shape[1], 0), np.float32))
        if whole.shape[1] < max(columns) + 1:
            weights[f"{layer}.weight"] = whole = np.pad(whole, ((0, 0), (0, max(columns) + 1 - whole.shape[1])))
        whole[:, columns] += part.T
    return {name: torch.tensor(values, dtype=torch.float32) for name, values in weights.items()}


def dense(graph: GraphProto, stored: Mapping[str, Array]) -> Iterator[tuple[str, list[int], Array]]:
    """Of each dense layer its name, inputs and weights; of one in two parts (`outliers`) both."""
    for node in graph.node:
        if node.op_type not in DENSE:
            continue
        weight = node.input[1].removesuffix("_quantized")
        if weight in stored or f"{weight}_quantized" in stored:
            layer = node.name.rsplit("/", 1)[0].strip("/").replace("/", ".").removesuffix(".many")
            values = in_32_bits(stored, weight)
            if layer.endswith(".few"):
                layer = layer.removesuffix(".few")
                yield layer, stored[f"{layer}.outliers"].tolist(), values
            else:
                yield layer, list(range(len(values))), values


def in_32_bits(stored: Mapping[str, Array], name: str) -> Array:
    """As it stands there, or out of its 8 bits."""
    if name in stored:
        return stored[name]
    values, zero = (stored[f"{name}_{part}"].astype(np.float32) for part in ("quantized", "zero_point"))
    return np.asarray((values - zero) * stored[f"{name}_scale"], dtype=np.float32)


if __name__ == "__main__":
    main()
