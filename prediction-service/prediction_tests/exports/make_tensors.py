"""Makes the folders in `tensors`: models whose inputs and outputs are tensors, written node by node.

Needs `onnx` of requirements.txt. `echo` gives back what it is given, in every datatype; `image` is asked for one large
tensor and gives the mean of each of its channels, and which is the brightest.
"""

from pathlib import Path

from onnx import TensorProto, checker, helper, save

FOLDER = Path(__file__).parent / "tensors"

TYPES = {
    "BOOL": TensorProto.BOOL,
    **{f"UINT{bits}": getattr(TensorProto, f"UINT{bits}") for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": getattr(TensorProto, f"INT{bits}") for bits in (8, 16, 32, 64)},
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}


def tensor(name: str, datatype: str, *sizes: int) -> object:
    """Rows first."""
    return helper.make_tensor_value_info(name, TYPES[datatype], ["n", *sizes])


def declared(kind: str, name: str, datatype: str, *sizes: int) -> str:
    """A table of the manifest."""
    kind, more = ("inputs", 'type = "tensor"\n') if kind == "inputs" else (kind, "")
    return f'[[{kind}]]\nname = "{name}"\n{more}datatype = "{datatype}"\nshape = {list(sizes)}\n'


def keep(name: str, nodes: list[object], inputs: list[object], outputs: list[object], manifest: list[str]) -> None:
    """Writes a folder."""
    model = helper.make_model(
        helper.make_graph(nodes, name, inputs, outputs), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    checker.check_model(model, full_check=True)
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    save(model, folder / "model.onnx")
    text = ['task_type = "generic"\n', *manifest, '[runtime]\nkind = "onnx"\n']
    (folder / "model.toml").write_text("".join(text))


def echo() -> None:
    """An identity for each datatype."""
    keep(
        "echo",
        [helper.make_node("Identity", [name], [f"same {name}"]) for name in TYPES],
        [tensor(name, name, 2, 3) for name in TYPES],
        [tensor(f"same {name}", name, 2, 3) for name in TYPES],
        [declared("inputs", name, name, 2, 3) for name in TYPES]
        + [declared("outputs", f"same {name}", name, 2, 3) for name in TYPES],
    )


def image() -> None:
    """Means of channels."""
    keep(
        "image",
        [
            helper.make_node("ReduceMean", ["image"], ["means"], axes=[2, 3], keepdims=0),
            helper.make_node("ArgMax", ["means"], ["brightest"], axis=1, keepdims=0),
        ],
        [tensor("image", "FP32", 3, 224, 224)],
        [tensor("means", "FP32", 3), tensor("brightest", "INT64")],
        [
            declared("inputs", "image", "FP32", 3, 224, 224),
            declared("outputs", "means", "FP32", 3),
            declared("outputs", "brightest", "INT64"),
        ],
    )


if __name__ == "__main__":
    echo()
    image()
