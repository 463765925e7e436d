"""Makes the ONNX files beside itself: models that never end, eat memory, look outside, or talk nonsense.

Needs the package onnx (requirements.txt); run it after a change here. Each is a text classifier with two labels, and a
few hundred bytes long. What sets some of them off is a certain text, so that they are well-behaved until they serve.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).parent
TRIGGER = "now"
"""The text that sets a sleeper off."""

HUGE = 1 << 40

Node = onnx.NodeProto


def constant(name: str, value: Any) -> onnx.TensorProto:
    """A value that nodes may use."""
    return numpy_helper.from_array(np.array(value), name)


CONSTANTS = [
    constant("true", True),
    constant("false", False),
    constant("seed", np.array([1.0], np.float32)),
    constant("zero", np.float32(0)),
    constant("nan", np.float32("nan")),
    constant("half", np.array([0.5, 0.5], np.float32)),
    constant("logits", np.array([4.2, -1.7], np.float32)),
    constant("three halves", np.array([0.9, 0.9], np.float32)),
    constant("two", np.array([2], np.int64)),
    constant("one", np.array([1], np.int64)),
    constant("huge", np.array([HUGE], np.int64)),
    constant("trigger", np.array([TRIGGER], object)),
]


def save(
    name: str, nodes: Sequence[Node], scores: str, columns: int = 2, weights: Sequence[onnx.TensorProto] = ()
) -> None:
    """A model that gives `scores` (a row) for each text."""
    ending = [
        helper.make_node("Shape", ["text"], ["count"]),
        helper.make_node("Concat", ["count", "columns"], ["shape"], axis=0),
        helper.make_node("Expand", [scores, "shape"], ["probabilities"]),
    ]
    used = {name for node in [*nodes, *ending] for name in node.input}
    constants = [
        tensor for tensor in [*CONSTANTS, constant("columns", np.array([columns], np.int64))] if tensor.name in used
    ]
    graph = helper.make_graph(
        [*nodes, *ending],
        name,
        [helper.make_tensor_value_info("text", TensorProto.STRING, ["n"])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", columns])],
        [*constants, *weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=10)
    (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString())


def loop(condition: str, step: str) -> Node:
    """A loop that ends when `condition` is false at its beginning, else never; `step` is what it does to its value."""
    inputs = ["value", "value"] if step == "Concat" else ["value"]
    attributes = {"axis": 0} if step == "Concat" else {}
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["goes on"], ["goes on still"]),
            helper.make_node(step, inputs, ["next value"], **attributes),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("goes on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("value", TensorProto.FLOAT, [None]),
        ],
        [
            helper.make_tensor_value_info("goes on still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next value", TensorProto.FLOAT, [None]),
        ],
    )
    return helper.make_node("Loop", ["", condition, "seed"], ["looped"], body=body)


def scores_of_loop() -> list[Node]:
    """½, ½, once the loop has ended."""
    return [
        helper.make_node("ReduceMax", ["looped"], ["largest"], keepdims=0),
        helper.make_node("Mul", ["largest", "zero"], ["nothing"]),
        helper.make_node("Add", ["half", "nothing"], ["scores"]),
    ]


def is_triggered() -> list[Node]:
    """Whether the trigger is among the texts."""
    return [
        helper.make_node("Equal", ["text", "trigger"], ["equal"]),
        helper.make_node("Cast", ["equal"], ["as numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["as numbers"], ["any"], keepdims=0),
        helper.make_node("Cast", ["any"], ["triggered"], to=TensorProto.BOOL),
    ]


def outside(name: str, location: str) -> None:
    """Weights that are said to lie in a file elsewhere."""
    tensor = TensorProto(name="weights", data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", "0"), ("length", "8")):
        tensor.external_data.add(key=key, value=value)
    save(name, [], "weights", weights=[tensor])


def nan_for_trigger() -> None:
    """NaN in the row of the trigger, and in no other."""
    nodes = [
        helper.make_node("Equal", ["text", "trigger"], ["equal"]),
        helper.make_node("Where", ["equal", "nan", "zero"], ["added"]),
        helper.make_node("Unsqueeze", ["added", "one"], ["column"]),
        helper.make_node("Add", ["column", "half"], ["scores"]),
    ]
    save("sleeping_nan", nodes, "scores")


def nested(depth: int) -> None:
    """Subgraphs within subgraphs."""
    output = helper.make_tensor_value_info("inner", TensorProto.FLOAT, [2])
    leaf = helper.make_graph([helper.make_node("Identity", ["half"], ["inner"])], "leaf", [], [output])
    graph = leaf
    for _ in range(depth):
        node = helper.make_node("If", ["true"], ["inner"], then_branch=graph, else_branch=leaf)
        graph = helper.make_graph([node], "level", [], [output])
    save("nested", list(graph.node), "inner")


def main() -> None:
    """Writes all of them."""
    save("endless", [loop("true", "Identity"), *scores_of_loop()], "scores")
    save("eats_memory", [loop("true", "Concat"), *scores_of_loop()], "scores")
    save("sleeping_endless", [*is_triggered(), loop("triggered", "Identity"), *scores_of_loop()], "scores")
    save("sleeping_eats_memory", [*is_triggered(), loop("triggered", "Concat"), *scores_of_loop()], "scores")
    save(
        "huge",
        [
            helper.make_node(
                "ConstantOfShape", ["huge"], ["looped"], value=constant("fill", np.array([1], np.float32))
            ),
            *scores_of_loop(),
        ],
        "scores",
    )
    outside("outside_absolute", "/etc/passwd")
    outside("outside_relative", "../../../../../../etc/passwd")
    outside("outside_missing", "model.onnx.data")
    nan_for_trigger()
    save("always_nan", [helper.make_node("Add", ["half", "nan"], ["scores"])], "scores")
    save("logits", [helper.make_node("Identity", ["logits"], ["scores"])], "scores")
    save("not_one", [helper.make_node("Identity", ["three halves"], ["scores"])], "scores")
    save("even", [helper.make_node("Identity", ["half"], ["scores"])], "scores")
    save("regression", [helper.make_node("Mul", ["seed", "zero"], ["scores"])], "scores", columns=1)
    nested(20)


if __name__ == "__main__":
    main()
