"""Reads what ONNX Runtime does not expose of an ONNX file: nodes with their attributes.

Messages and field numbers are those of onnx.proto; fields that are not listed here are kept when a file is rewritten.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from prediction_service.batching.runtime import ModelError

if TYPE_CHECKING:
    from google.protobuf.message import Message

FIELDS: dict[str, dict[str, tuple[int, str]]] = {
    "Model": {"graph": (7, "Graph")},
    "Graph": {"node": (1, "Node*"), "initializer": (5, "Tensor*")},
    "Node": {"input": (1, "bytes*"), "op_type": (4, "bytes"), "attribute": (5, "Attribute*")},
    "Tensor": {"data_type": (2, "int64"), "name": (8, "bytes")},
    "Attribute": {
        "name": (1, "bytes"),
        "s": (4, "bytes"),
        "ints": (8, "int64*"),
        "strings": (9, "bytes*"),
        "type": (20, "int64"),
    },
}
"""Message → field → its number and type; `*`: repeated."""

STRING = 3
"""AttributeProto.AttributeType of strings."""

INT8 = 3
"""TensorProto.DataType of signed bytes."""

CLASS_LABELS = (b"classlabels_strings", b"classlabels_int64s", b"classlabels_ints")
"""Attributes with the labels of classifiers and ZipMap in ai.onnx.ml, in the order of their scores."""

NORMALIZER, LOCALE = b"StringNormalizer", b"locale"


def model_class() -> "type[Message]":
    """A protobuf class for such files, built from FIELDS."""
    # Here, since few models are read in this way, and each trial would wait for the library.
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    types = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="onnx_part.proto", package="onnx_part", syntax="proto2")
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            label = types.LABEL_REPEATED if kind.endswith("*") else types.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, label=label)
            plain = {"bytes": types.TYPE_BYTES, "int64": types.TYPE_INT64}.get(kind.rstrip("*"))
            added.type = types.TYPE_MESSAGE if plain is None else plain
            if plain is None:
                added.type_name = f".onnx_part.{kind.rstrip('*')}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    made: type[Message] = message_factory.GetMessageClass(pool.FindMessageTypeByName("onnx_part.Model"))
    return made


def read(content: bytes) -> Any:
    """The model, with the fields in FIELDS. Raises ModelError."""
    from google.protobuf.message import DecodeError  # here for the reason above

    try:
        return model_class().FromString(content)
    except DecodeError as error:
        raise ModelError(f"is not an ONNX file: {error}") from error


def class_labels(content: bytes) -> list[str] | None:
    """The labels of the graph's classifier; None without one, or if there are several with different labels."""
    found = {
        tuple(value.decode(errors="replace") for value in attribute.strings) or tuple(map(str, attribute.ints))
        for _, attribute in attributes(read(content))
        if attribute.name in CLASS_LABELS
    }
    return list(found.pop()) if len(found) == 1 else None


def attributes(model: Any) -> Iterator[tuple[Any, Any]]:
    """Node and attribute, of all nodes on the top level."""
    return ((node, attribute) for node in model.graph.node for attribute in node.attribute)


def with_locale(content: bytes, locale: str) -> bytes:
    """The same model, but lower-casing by `locale`: the default, en_US, is not installed everywhere."""
    model = read(content)
    for node in model.graph.node:
        if node.op_type == NORMALIZER:
            kept = [attribute for attribute in node.attribute if attribute.name != LOCALE]
            del node.attribute[:]
            node.attribute.extend(kept)
            node.attribute.add(name=LOCALE, s=locale.encode(), type=STRING)
    return bytes(model.SerializeToString())


def with_own_bytes(content: bytes) -> bytes:
    """The same model, but no two nodes of its top level share a constant of signed bytes: each has a copy."""
    model = read(content)
    constants = {tensor.name: tensor for tensor in model.graph.initializer if tensor.data_type == INT8}
    taken: set[bytes] = set()
    for number, node in enumerate(model.graph.node):
        for place, name in enumerate(node.input):
            if name in taken:
                copy = model.graph.initializer.add()
                copy.CopyFrom(constants[name])
                node.input[place] = copy.name = b"%s of node %d, input %d" % (name, number, place)
            elif name in constants:
                taken.add(name)
    return bytes(model.SerializeToString())
