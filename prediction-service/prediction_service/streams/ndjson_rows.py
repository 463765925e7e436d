"""Rows from NDJSON: a line is the inputs of one row, or an object that has them as `inputs`."""

from codecs import BOM_UTF8
from typing import Any

import orjson

from prediction_service.signature.signature import TEXT, InputFaults, Signature
from prediction_service.streams.row import MAX_RECORD_BYTES, MAX_ROW_VALUES, PASSED_THROUGH, Row, StreamFault, fault_of
from shared.http.json_structure import check_structure
from shared.http.problems import InvalidRequest, Problem

INPUTS = "inputs"


class NdjsonRows:
    """A RowReader. Blank lines are no rows."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._is_wrapped = INPUTS not in signature.names
        text_name = signature.names[0] if signature.takes_text() else TEXT
        self._text_name = None if text_name == TEXT else text_name
        self._waiting, self._at = b"", 0
        self._begun, self._number = False, 0

    def feed(self, data: bytes, *, last: bool) -> None:
        """More bytes; the last line may lack its end."""
        if data and not self._begun:
            data, self._begun = data.removeprefix(BOM_UTF8), True
        self._waiting, self._at = self._waiting[self._at :] + data, 0
        if last and self._waiting and not self._waiting.endswith(b"\n"):
            self._waiting += b"\n"

    def take(self, most_rows: int, most_bytes: int) -> list[Row]:
        """The next rows."""
        rows, size = list[Row](), 0
        while len(rows) < most_rows and size < most_bytes:
            end = self._waiting.find(b"\n", self._at) + 1
            length = (end or len(self._waiting)) - self._at
            if length > MAX_RECORD_BYTES:
                if rows:
                    break  # it comes again
                raise StreamFault(f"Row {self._number + 1} is longer than {MAX_RECORD_BYTES} bytes.")
            if not end:
                break
            line, self._at = self._waiting[self._at : end], end
            if line.isspace():
                continue
            size += length
            self._number += 1
            rows.append(self._row(line))
        return rows

    def _row(self, line: bytes) -> Row:
        try:
            check_structure(line, MAX_ROW_VALUES)
            found = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            return Row(self._number, {}, fault=f"is not JSON: {error}"[:200])
        except InvalidRequest as problem:
            (fault,) = problem.extensions["errors"]
            where = fault["location"].removeprefix("body").removeprefix(".")
            return Row(self._number, {}, fault=f"{where} {fault['message']}".lstrip())
        except Problem as problem:
            return Row(self._number, {}, fault=problem.detail or problem.title)
        if not isinstance(found, dict):
            return Row(self._number, {}, fault="is no JSON object")
        names = set(self._signature.names)
        passed = {
            name: found.pop(name) for name in list(found) if name.startswith(PASSED_THROUGH) and name not in names
        }
        try:
            return Row(self._number, passed, self._signature.read(self._given(found)))
        except InputFaults as error:
            return Row(self._number, passed, fault=fault_of(error))

    def _given(self, found: dict[str, Any]) -> dict[str, Any]:
        """The inputs, however they were wrapped."""
        if self._is_wrapped and len(found) == 1 and isinstance(found.get(INPUTS), dict):
            inputs: dict[str, Any] = found[INPUTS]
            return inputs
        if self._text_name is not None and len(found) == 1 and TEXT in found:
            return {self._text_name: found[TEXT]}
        return found
