"""Reading an exported graph in 8 bits, and drawing another node by node."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = np.ndarray[Any, Any]

MICROSOFT = "com.microsoft"
"""ONNX Runtime's own operators."""


class Exported:
    """The weights of a graph that `export` made, by the names of the encoder's parts."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._arrays = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
        self._nodes = {node.name: node for node in model.graph.node}

    def array(self, name: str) -> Array:
        """A parameter that kept its name. Raises KeyError."""
        return self._arrays[name]

    def input_of(self, part: str, node: str, place: int) -> Array:
        """The constant that a part's node takes. Raises KeyError where there is none."""
        return self._arrays[self._nodes[path(part) + node].input[place]]

    def eight_bits(self, part: str, node: str) -> tuple[Array, Array]:
        """Weights, of shape [inputs, outputs], and the outputs' scales. Raises KeyError."""
        name = self._nodes[path(part) + node].input[1]
        return self._arrays[name], self._arrays[name.replace("_quantized", "_scale")]


def path(part: str) -> str:
    """What the exporter's names of a part's nodes begin with: `layers.0.output` has `/layers.0/output/`."""
    return f"/{part.replace('.', '/').replace('layers/', 'layers.')}/"


class Drawing:
    """A graph that grows node by node."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: Array) -> str:
        """One for each name."""
        self._constants.setdefault(name, numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def node(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        """The name of its only output."""
        return self.split(operator, inputs, 1, **attributes)[0]

    def split(self, operator: str, inputs: Sequence[str], count: int, **attributes: Any) -> list[str]:
        """The names of its outputs."""
        name = f"{operator}_{len(self._nodes)}"
        outputs = [f"{name}_{place}" for place in range(count)]
        self._nodes.append(helper.make_node(operator, inputs, outputs, name=name, **attributes))
        return outputs

    def model(self, classes: int) -> onnx.ModelProto:
        """From one text's token ids to logits, which the last node gives."""
        self._nodes[-1].output[0] = "logits"
        ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])
        logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, classes])
        graph = helper.make_graph(self._nodes, "single-text", [ids], [logits], list(self._constants.values()))
        operators = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=operators, ir_version=8)
