"""The encoder's graph for one text a call: the same arithmetic in the same order, without what only a batch needs.

    python -m training.single_text EXPORTED.onnx INTO.onnx

A text alone has no padding, so nothing is masked; its shape is known but for the number of tokens, so none is computed;
what the exporter spreads over several nodes is the one operator that ONNX Runtime makes of them. Logits stay what they
were to the last bit, which is checked before anything is written (docs/decisions/0046).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto

from training.encoder import Shape
from training.graphs import MICROSOFT, Array, Drawing, Exported
from training.outliers import EXACT

SIZES = Shape(vocabulary=0, classes=0)
"""What all of our encoders have in common; these two are read from the graph."""

EPSILON = 1e-12
"""Of every normalisation, as in encoder.py."""

LONGEST = 64
"""Tokens of the longest text of the check: as many as are served."""

ALL = slice(None)

ZERO, ONE = np.float32(0), np.float32(1)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exported", type=Path, help="a graph in dynamic 8 bits, with padding")
    parser.add_argument("into", type=Path, help="the file to write")
    arguments = parser.parse_args()
    rewrite(arguments.exported, arguments.into)


def rewrite(exported: Path, into: Path) -> None:
    """Writes the graph for one text a call. Raises AssertionError when it says something else, with nothing written."""
    model = onnx.load(exported)
    single = Rewriting(Exported(model)).model()
    check(model, single)
    onnx.save(single, into)


def check(exported: onnx.ModelProto, single: onnx.ModelProto) -> None:
    """Raises AssertionError unless both give the same logits, to the last bit, for a text of each length."""
    before, after = opened(exported), opened(single)
    words = len(Exported(exported).array("embeddings.word_embeddings.weight_quantized"))
    random = np.random.default_rng(0)
    for tokens in range(2, LONGEST + 1):
        ids = random.integers(words, size=(1, tokens))
        (expected,) = before.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        (found,) = after.run(None, {"input_ids": ids})
        np.testing.assert_array_equal(found, expected)


def opened(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """As the service opens it: one thread, sums of bytes that are exact on every processor."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


class Rewriting:
    """Draws the graph anew, part by part, with the exported weights. States have the shape [tokens, width]."""

    def __init__(self, exported: Exported) -> None:
        self._from, self._to = exported, Drawing()

    def model(self) -> onnx.ModelProto:
        """See the module."""
        tokens = self._to.node("Shape", ["input_ids"], start=1, end=2)
        states = self._embeddings(tokens)
        for number in range(SIZES.layers):
            states = self._layer(states, f"layers.{number}")
        self._head(self._pooled(states, tokens))
        return self._to.model(classes=len(self._from.array("head.bias")))

    def _embeddings(self, tokens: str) -> str:
        words = "embeddings.word_embeddings.weight"
        gathered = self._to.node("Gather", [self._same(f"{words}_quantized"), "input_ids"])
        scaling = [self._same(f"{words}_scale"), self._same(f"{words}_zero_point")]
        found = self._to.node("DequantizeLinear", [gathered, *scaling])
        places = [self._same("embeddings.position_embeddings.weight"), self._axis(), tokens, self._axis()]
        placed = self._to.node("Add", [found, self._to.node("Slice", places)])
        segment = self._to.constant("embeddings.segment", self._from.input_of("embeddings", "Add_1", 1))
        return self._flat(self._normalized(self._to.node("Add", [placed, segment]), "embeddings.LayerNorm"))

    def _layer(self, states: str, layer: str) -> str:
        mixed = self._attention(states, f"{layer}.attention")
        # ONNX Runtime makes SkipLayerNormalization, which adds up in another order, of the second sum of an exported
        # layer and not of the first. `Sum` is an `Add` that it leaves alone.
        attended = self._normalized(self._to.node("Sum", [states, mixed]), f"{layer}.attention.LayerNorm")
        norm = self._norm(f"{layer}.LayerNorm")
        inputs = [attended, self._feed_forward(attended, layer), *norm]
        return self._to.node("SkipLayerNormalization", inputs, domain=MICROSOFT, epsilon=EPSILON)

    def _attention(self, states: str, part: str) -> str:
        quantized = self._to.split("DynamicQuantizeLinear", [states], 3)
        query, key = (self._in_heads(self._shared(quantized, f"{part}.{name}")) for name in ("query", "key"))
        value = self._in_heads(self._parted(states, f"{part}.value"))
        fraction = (SIZES.width // SIZES.heads) ** -0.5
        weights = self._to.node("FusedMatMul", [query, key], domain=MICROSOFT, transB=1, alpha=fraction)
        mixed = self._to.node("MatMul", [self._to.node("Softmax", [weights], axis=-1), value])
        return self._dense(self._flat(self._to.node("Transpose", [mixed], perm=[1, 0, 2])), f"{part}.output")

    def _feed_forward(self, states: str, layer: str) -> str:
        """The outliers among the inner channels are put last, so that they are split off instead of gathered."""
        outliers = self._from.array(f"{layer}.output.outliers")
        others = np.setdiff1d(np.arange(SIZES.inner), outliers)
        inner = self._parted(states, f"{layer}.intermediate", np.concatenate([others, outliers]))
        sizes = self._to.constant("inner.sizes", np.array([len(others), len(outliers)]))
        many, few = self._to.split("Split", [self._to.node("Gelu", [inner], domain=MICROSOFT), sizes], 2, axis=-1)
        return self._sum(few, self._dense(many, f"{layer}.output.many", rows=others), f"{layer}.output")

    def _parted(self, states: str, part: str, columns: Array | slice = ALL) -> str:
        """A dense layer a few of whose inputs are multiplied in 32 bits (outliers.py)."""
        outliers = self._from.array(f"{part}.outliers")
        others = self._to.constant(f"{part}.others", np.where(np.isin(np.arange(SIZES.width), outliers), ZERO, ONE))
        few = self._to.node("Gather", [states, self._same(f"{part}.outliers")], axis=-1)
        many = self._dense(self._to.node("Mul", [states, others]), f"{part}.many", columns=columns)
        return self._sum(few, many, part, columns)

    def _sum(self, few: str, many: str, part: str, columns: Array | slice = ALL) -> str:
        """The product of the few inputs, added to that of the many."""
        weights = self._from.input_of(part, f"{EXACT}/MatMul", 1)[:, columns]
        return self._to.node("Gemm", [few, self._to.constant(f"{part}.{EXACT}", weights), many])

    def _dense(self, states: str, part: str, rows: Array | slice = ALL, columns: Array | slice = ALL) -> str:
        """A dense layer in 8 bits, of these inputs and outputs."""
        inputs = [states, *self._weights(part, rows, columns)]
        return self._to.node("DynamicQuantizeMatMul", inputs, domain=MICROSOFT)

    def _shared(self, quantized: Sequence[str], part: str) -> str:
        """A dense layer of states that are in 8 bits already, for several layers."""
        numbers, scale, zero = quantized
        weights, scales, zeros, bias = self._weights(part, ALL, ALL)
        inputs = [numbers, weights, scale, scales, zero, zeros, bias]
        return self._to.node("MatMulIntegerToFloat", inputs, domain=MICROSOFT)

    def _weights(self, part: str, rows: Array | slice, columns: Array | slice) -> list[str]:
        """Weights, scales, zero points and bias."""
        weights, scales = self._from.eight_bits(part, "MatMul_quant")
        bias = self._from.array(f"{part}.bias")
        return [
            self._to.constant(f"{part}.weight", weights[rows][:, columns]),
            self._to.constant(f"{part}.scales", scales[columns]),
            self._to.constant(f"{part}.zeros", np.zeros(len(bias), np.int8)),
            self._to.constant(f"{part}.bias", bias[columns]),
        ]

    def _in_heads(self, states: str) -> str:
        shape = self._to.constant("heads", np.array([-1, SIZES.heads, SIZES.width // SIZES.heads]))
        return self._to.node("Transpose", [self._to.node("Reshape", [states, shape])], perm=[1, 0, 2])

    def _flat(self, states: str) -> str:
        return self._to.node("Reshape", [states, self._to.constant("flat", np.array([-1, SIZES.width]))])

    def _normalized(self, states: str, norm: str) -> str:
        return self._to.node("LayerNormalization", [states, *self._norm(norm)], axis=-1, epsilon=EPSILON)

    def _norm(self, name: str) -> list[str]:
        return [self._same(f"{name}.weight"), self._same(f"{name}.bias")]

    def _pooled(self, states: str, tokens: str) -> str:
        """The first token beside the mean."""
        first = self._to.node("Gather", [states, self._axis()], axis=0)
        total = self._to.node("ReduceSum", [states, self._axis()], keepdims=1)
        mean = self._to.node("Div", [total, self._to.node("Cast", [tokens], to=TensorProto.FLOAT)])
        return self._to.node("Concat", [first, mean], axis=1)

    def _head(self, pooled: str) -> str:
        weights, scales = self._from.eight_bits("head", "Gemm_MatMul_quant")
        constants = {"weight": weights, "scales": scales, "zeros": np.zeros(len(scales), np.int8)}
        inputs = [self._to.constant(f"head.{name}", value) for name, value in constants.items()]
        return self._to.node("DynamicQuantizeMatMul", [pooled, *inputs, self._same("head.bias")], domain=MICROSOFT)

    def _axis(self) -> str:
        """The tokens' axis, which is also their beginning."""
        return self._to.constant("tokens.axis", np.array([0]))

    def _same(self, name: str) -> str:
        return self._to.constant(name, self._from.array(name))


if __name__ == "__main__":
    main()
