"""From what a model returns, in whatever natural form, to what the service is sent: numbers, or named outputs."""

import json
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import frames

Encode = Callable[[Any, int], list[bytes | memoryview]]

KINDS = {"b1", *(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)), "f2", "f4", "f8"}
"""Types of arrays that are sent as they are."""


class Misfit(Exception):
    """What the model gives does not suit its task, whatever the row; the message follows the model's name."""


def encoder(settings: dict[str, Any]) -> Encode:
    """What makes an answer of what the model returns for so many rows. It raises Misfit."""
    task = settings["task"]
    if task == "generic":
        return named_outputs
    if task == "regression":
        return numbers(number, 1)
    if task == "embedding":
        return numbers(vector, settings["width"])
    labels = settings["labels"]
    places = {label: place for place, label in enumerate(labels)}
    return numbers(lambda row: probabilities(row, places), len(labels))


def numbers(read: Callable[[Any], Sequence[float]], width: int) -> Encode:
    """For models that give `width` numbers for each row."""

    def encode(results: Any, count: int) -> list[bytes | memoryview]:
        if (whole := whole_array(results, count, width)) is not None:
            return frames.parts(frames.NUMBERS, b"", [whole])
        flat = array("d")
        for row in counted(results, count):
            own = read(row)
            if len(own) != width:
                raise Misfit(f"gives {len(own)} numbers for a row, and not {width}")
            flat.extend(own)
        return frames.parts(frames.NUMBERS, b"", [memoryview(flat).cast("B")])

    return encode


def whole_array(results: Any, count: int, width: int) -> memoryview | None:
    """The numbers of an array of NumPy that has them all; None for anything else."""
    shape = getattr(results, "shape", None)
    if shape not in ((count, width), (count,) if width == 1 else None) or not hasattr(results, "astype"):
        return None
    if getattr(getattr(results, "dtype", None), "kind", "") not in "iuf":
        return None
    return memoryview(results.astype("=f8").tobytes())


def counted(results: Any, count: int) -> Sequence[Any]:
    """One result for each row. Raises Misfit."""
    if hasattr(results, "tolist"):
        results = results.tolist()
    if isinstance(results, (str, bytes, Mapping)) or not hasattr(results, "__len__"):
        if not hasattr(results, "__next__"):
            raise Misfit(f"predict gives {a(results)}, and not a list with one result for each row")
        results = list(results)
    if len(results) != count:
        raise Misfit(f"predict gives {len(results)} results for {count} rows")
    return results  # type: ignore[no-any-return]


def probabilities(row: Any, places: Mapping[str, int]) -> Sequence[float]:
    """A dict, label → probability (those left out: 0), or a list in the order of the manifest's labels."""
    if not isinstance(row, Mapping):
        if isinstance(row, str):
            raise Misfit(f"gives the label {row!r} alone; give probabilities: {{{row!r}: 1.0}} where it is certain")
        return vector(row)
    found = [0.0] * len(places)
    for label, probability in row.items():
        place = places.get(label)
        if place is None:
            place = places.get(str(label))
        if place is None:
            raise Misfit(f"gives the label {label!r:.100}, which is not among the manifest's labels")
        found[place] = number(probability)[0]
    return found


def vector(row: Any) -> Sequence[float]:
    """A list of numbers, or an array."""
    if hasattr(row, "tolist"):
        row = row.tolist()
    if not isinstance(row, (list, tuple)):
        raise Misfit(f"gives {a(row)} for a row, and not a list of numbers")
    return [number(value)[0] for value in row]


def number(value: Any) -> Sequence[float]:
    """A number of whatever library."""
    if isinstance(value, float):
        return (value,)
    if (
        type(value).__name__ in {"bool", "bool_"}
        or isinstance(value, (str, bytes))
        or not (hasattr(value, "__float__") or hasattr(value, "__index__"))
    ):
        raise Misfit(f"gives {a(value)} where a number is expected")
    try:
        return (float(value),)
    except (TypeError, ValueError, OverflowError):
        raise Misfit(f"gives {a(value)} where a number is expected") from None


def named_outputs(results: Any, count: int) -> list[bytes | memoryview]:
    """A dict for each row, name → what JSON can hold or an array of NumPy."""
    rows, arrays, data = [], [], []
    for index, row in enumerate(counted(results, count)):
        if not isinstance(row, Mapping):
            raise Misfit(f"gives {a(row)} for a row, and not a dict of named outputs")
        plain = {}
        for name, value in row.items():
            if not isinstance(name, str):
                raise Misfit(f"gives an output whose name is {a(name)}")
            if (sent := sent_as_array(value)) is not None:
                arrays.append([index, name, *sent[:2]])
                data.append(sent[2])
            else:
                plain[name] = value
        rows.append(plain)
    text = json.dumps({"rows": rows, "arrays": arrays}, default=as_json, ensure_ascii=False).encode()
    if len(text) + sum(map(len, data)) > frames.MOST_BYTES:
        raise Misfit(f"gives more than {frames.MOST_BYTES >> 20} MiB for {count} rows")
    return frames.parts(frames.OUTPUTS, text, data)


def sent_as_array(value: Any) -> tuple[str, list[int], memoryview] | None:
    """Type, shape and bytes of an array of numbers; None for anything else."""
    kind = getattr(getattr(value, "dtype", None), "str", "")[1:]
    if kind not in KINDS or not getattr(value, "shape", ()):
        return None
    return kind, list(value.shape), memoryview(value.astype(f"={kind}").tobytes())


def as_json(value: Any) -> Any:
    """What JSON has no word for. Raises Misfit."""
    for form in ("tolist", "isoformat"):
        if hasattr(value, form):
            return getattr(value, form)()
    if isinstance(value, (set, frozenset)):
        return list(value)
    raise Misfit(f"gives {a(value)} in an output, which JSON cannot hold")


def a(value: Any) -> str:
    """What it is, for a person."""
    try:
        return f"{type(value).__name__} {value!r:.60}"
    except Exception:
        return type(value).__name__
