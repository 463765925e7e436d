"""Makes the ONNX files beside itself: small graphs with inputs and outputs of every kind, some with a mistake in them.

Needs the package onnx (requirements.txt); run it after a change here. Written in ONNX's own text format.
"""

from pathlib import Path

from onnx import checker, parser

FOLDER = Path(__file__).parent

HEADER = '<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>'

IMAGE = """
    mean = ReduceMean<axes = [2, 3], keepdims = 0>(image)
    shades = Softmax<axis = 1>(mean)
"""

GRAPHS = {
    # What people have: images, series, several tensors, every kind of number.
    "image": f"g (float[n, 3, 4, 4] image) => (float[n, 3] shades) {{ {IMAGE} }}",
    "image-float16": f"g (float16[n, 3, 4, 4] image) => (float16[n, 3] shades) {{ {IMAGE} }}",
    "image-double": f"g (double[n, 3, 4, 4] image) => (double[n, 3] shades) {{ {IMAGE} }}",
    "image-of-two": f"g (float[2, 3, 4, 4] image) => (float[2, 3] shades) {{ {IMAGE} }}",
    "image-other-name": f"g (float[n, 3, 4, 4] pixel_values) => (float[n, 3] shades) {{ {IMAGE} }}".replace(
        "(image)", "(pixel_values)"
    ),
    "series": "g (float[n, t] series) => (float[n] total) { total = ReduceSum<keepdims = 0>(series, axis) }",
    "pair": """g (float[n, 3] left, float[n, 3] right) => (float[n, 1] product) {
        each = Mul(left, right)
        product = ReduceSum<keepdims = 1>(each, axis)
    }""",
    "kinds": """g (double[n, 1] number, int32[n] small, int64[n, 1] whole, uint8[n] byte, bool[n, 1] flag,
                  string[n, 1] word, float[n] place, int64[n] moment, float16[n] half)
            => (double[n, 1] out_number, int32[n] out_small, int64[n, 1] out_whole, uint8[n] out_byte,
                bool[n, 1] out_flag, string[n, 1] out_word, float[n] out_place, int64[n] out_moment,
                float16[n] out_half) {
        out_number = Identity(number)
        out_small = Identity(small)
        out_whole = Identity(whole)
        out_byte = Identity(byte)
        out_flag = Identity(flag)
        out_word = Identity(word)
        out_place = Identity(place)
        out_moment = Identity(moment)
        out_half = Identity(half)
    }""",
    # Products of bytes that are more than 16 bits have room for, as those of int8 models are.
    "large-bytes": "g (uint8[n, 4] bytes) => (int32[n, 2] sums) { sums = MatMulInteger(bytes, weights) }",
    "shared-bytes": """g (uint8[n, 4] bytes, uint8[n, 4] others) => (int32[n, 2] sums, int32[n, 2] other_sums) {
        sums = MatMulInteger(bytes, weights)
        other_sums = MatMulInteger(others, weights)
    }""",
    "matrix": "g (float[n, 3] X) => (float[n, 3] Y) { Y = Identity(X) }",
    "matrix-of-any-width": "g (float[n, k] X) => (float[n, k] Y) { Y = Identity(X) }",
    "two-matrices": """g (float[n, 2] numbers, string[n, 2] words) => (float[n, 2] Y, string[n, 2] Z) {
        Y = Identity(numbers)
        Z = Identity(words)
    }""",
    "names": """g (float[n, 1] monthly_fee, float[n, 1] age_0) => (float[n, 1] sum) {
        sum = Add(monthly_fee, age_0)
    }""",
    "several-outputs": """g (float[n, 3] X) => (seq(float[n, 3]) probabilities) {
        first = Softmax<axis = 1>(X)
        second = Identity(X)
        probabilities = SequenceConstruct(first, second)
    }""",
    "sequence": """g (float[n, 2] X) => (seq(float[2]) rows) {
        rows = SplitToSequence<axis = 0, keepdims = 0>(X)
    }""",
    "one-number": "g (float[n, 4] X) => (float[n, 1] y) { y = ReduceMean<axes = [1], keepdims = 1>(X) }",
    "labelled": """g (float[n, 2] X) => (string[n] label, float[n, 2] probabilities) {
        probabilities = Softmax<axis = 1>(X)
        first = ArgMax<axis = 1, keepdims = 0>(probabilities)
        label = Gather(names, first)
    }""",
    # Mistakes.
    "image-without-rows": f"g (float[3, 4, 4] image) => (float[3] shades) {{ {IMAGE} }}".replace(
        "[2, 3]", "[1, 2]"
    ).replace("axis = 1", "axis = 0"),
    "not-a-number": """g (float[n, 1] x) => (float[n, 1] y) {
        negative = Sub(x, huge)
        y = Log(negative)
    }""",
    "too-wide": """g (float[n, 3] X) => (float[n, k] Y) {
        twice = Concat<axis = 1>(X, X)
        Y = Compress<axis = 1>(twice, kept)
    }""",
    "no-rows": "g (float[n, 3] X) => (float[k] Y) { Y = ReduceSum<keepdims = 0>(X, rows) }",
    "in-company": """g (float[n, 1] x) => (float[n, 1] y) {
        mean = ReduceMean<axes = [0], keepdims = 1>(x)
        y = Sub(x, mean)
    }""",
    "takes-a-sequence": "g (seq(float[n]) parts) => (float[n] y) { y = ConcatFromSequence<axis = 0>(parts) }",
}

CONSTANTS = {
    "axis": "int64[1] axis = {1}",
    "rows": "int64[1] rows = {0}",
    "weights": "int8[4, 2] weights = {127, -128, 127, -128, 127, -128, 127, -128}",
    "kept": "bool[6] kept = {1, 1, 1, 1, 1, 1}",
    "huge": "float[1] huge = {1e30}",
    "names": 'string[2] names = {"cold", "hot"}',
}
"""Name → how ONNX's text format declares it, within angle brackets."""


def text_of(graph: str) -> str:
    """The graph with the constants that it uses."""
    head, body = graph.split("{", 1)
    used = [declared for name, declared in CONSTANTS.items() if f", {name})" in body or f"({name}," in body]
    return f"{HEADER} {head} <{', '.join(used)}> {{{body}" if used else f"{HEADER} {graph}"


def main() -> None:
    """Writes all of them."""
    for path in FOLDER.glob("*.onnx"):
        path.unlink()
    for name, graph in GRAPHS.items():
        model = parser.parse_model(text_of(graph))
        checker.check_model(model)
        (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString())


if __name__ == "__main__":
    main()
