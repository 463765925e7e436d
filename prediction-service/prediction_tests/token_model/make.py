"""Makes model.onnx and tokenizer.json beside itself: five words, two labels, logits from the mean of the words.

Needs the packages onnx and tokenizers. The values are chosen by hand: "good" says yes, "bad" says no.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

FOLDER = Path(__file__).parent
WORDS = {"[PAD]": 0, "[UNK]": 1, "good": 2, "bad": 3, "very": 4}
LOGITS = np.array([[9, -9], [0, 0], [2, -2], [-2, 2], [0.5, 0.5]], dtype=np.float32)


def main() -> None:
    """Writes both files."""
    tokenizer = Tokenizer(WordLevel(WORDS, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(FOLDER / "tokenizer.json"))
    ids = [helper.make_tensor_value_info(n, TensorProto.INT64, ["n", "t"]) for n in ("input_ids", "attention_mask")]
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 2])
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["words"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["mask3"]),
        helper.make_node("Mul", ["words", "mask3"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "tokens"], ["sum"], keepdims=0),
        helper.make_node("ReduceSum", ["mask3", "tokens"], ["count"], keepdims=0),
        helper.make_node("Div", ["sum", "count"], ["logits"]),
    ]
    constants = [
        numpy_helper.from_array(LOGITS, "table"),
        numpy_helper.from_array(np.array([2]), "last"),
        numpy_helper.from_array(np.array([1]), "tokens"),
    ]
    graph = helper.make_graph(nodes, "words", ids, [logits], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    (FOLDER / "model.onnx").write_bytes(model.SerializeToString())


if __name__ == "__main__":
    main()
