"""Rows from CSV: the header names the inputs; cells are read by their types, and an empty one is missing."""

from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Callable
from typing import Any

from prediction_service.signature.inputs import MAX_INPUTS, shown
from prediction_service.signature.signature import InputFaults, Signature
from prediction_service.streams.cells import conversion
from prediction_service.streams.csv_records import CsvRecords, Record
from prediction_service.streams.row import PASSED_THROUGH, Row, StreamFault, fault_of
from shared.contracts.problem import FieldError
from shared.http.problems import MAX_REPORTED_ERRORS, InvalidRequest, place

MAX_COLUMNS = 2 * MAX_INPUTS
"""As many again as a model may have inputs can be passed through."""

OTHER_SEPARATORS = ";\t|"
"""What spreadsheets write between cells where the decimal point is a comma, and others anywhere."""


class Columns:
    """What the header says. Raises InvalidRequest for columns that are unknown, missing or named twice."""

    def __init__(self, header: Record, signature: Signature) -> None:
        names = header.cells
        declared = {one.name: one for one in signature.inputs}
        is_input = declared.__contains__ if declared else signature.names.__contains__
        self.count = len(names)
        self.inputs: list[tuple[int, str, Callable[[str], Any]]] = [
            (index, name, conversion(declared.get(name))) for index, name in enumerate(names) if is_input(name)
        ]
        self.passed = [
            (index, name) for index, name in enumerate(names) if name.startswith(PASSED_THROUGH) and not is_input(name)
        ]
        faults = self._faults(names, signature)
        if header.fault:
            faults = [FieldError(location="body.header", message=header.fault)]
        if faults:
            raise InvalidRequest(faults[:MAX_REPORTED_ERRORS])

    def _faults(self, names: list[str], signature: Signature) -> list[FieldError]:
        """What is wrong with the names."""
        if len(names) > MAX_COLUMNS:
            return [FieldError(location="body.header", message=f"must have at most {MAX_COLUMNS} columns")]
        if len(names) == 1 and any(other in names[0] for other in OTHER_SEPARATORS) and not self.inputs:
            return [FieldError(location="body.header", message="must have commas between cells, as all lines")]
        known = {name for _, name, _ in self.inputs} | {name for _, name in self.passed}
        takes = f"is no input of this model, which takes {shown(signature.names)}; begin it with _ to pass it through"
        faults = {name: takes for name in names if name not in known}
        faults |= {name: "stands there twice" for name, count in Counter(names).items() if count > 1}
        optional = {declared.name for declared in signature.inputs if declared.may_be_missing}
        faults |= {name: "is missing" for name in signature.names if name not in known and name not in optional}
        return [FieldError(location=place(("body", "header", name)), message=text) for name, text in faults.items()]


class CsvRows:
    """A RowReader."""

    def __init__(self, signature: Signature) -> None:
        self._signature, self._records = signature, CsvRecords()
        self.columns: Columns | None = None
        """None until the header has come."""
        self._begun = self._ended = False
        self._number = 0

    def feed(self, data: bytes, *, last: bool) -> None:
        """More bytes. A byte order mark at the beginning is passed over."""
        if data and not self._begun:
            data, self._begun = data.removeprefix(BOM_UTF8), True
        self._records.feed(data, last=last)
        self._ended = last

    def take(self, most_rows: int, most_bytes: int) -> list[Row]:
        """The next rows."""
        columns = self.columns or self._header()
        rows, size = list[Row](), 0
        while columns is not None and len(rows) < most_rows and size < most_bytes:
            try:
                record = self._records.take()
            except StreamFault as fault:
                if rows:
                    break  # it comes again
                raise StreamFault(f"Row {self._number + 1} {fault}") from None
            if record is None:
                break
            size += record.size
            self._number += 1
            rows.append(self._row(columns, record))
        return rows

    def _header(self) -> Columns | None:
        try:
            header = self._records.take()
        except StreamFault as fault:
            raise InvalidRequest([FieldError(location="body.header", message=str(fault))]) from None
        if header is None:
            if self._ended:
                raise InvalidRequest([FieldError(location="body.header", message="is missing")])
            return None
        self.columns = Columns(header, self._signature)
        return self.columns

    def _row(self, columns: Columns, record: Record) -> Row:
        cells = record.cells
        if record.fault:
            return Row(self._number, [""] * len(columns.passed), fault=record.fault)
        if len(cells) != columns.count:
            fault = f"has {len(cells)} cells, and the header {columns.count}"
            passed = [cells[index] if index < len(cells) else "" for index, _ in columns.passed]
            return Row(self._number, passed, fault=fault)
        passed = [cells[index] for index, _ in columns.passed]
        given = {name: convert(cell) if (cell := cells[index]) else None for index, name, convert in columns.inputs}
        try:
            return Row(self._number, passed, self._signature.read(given))
        except InputFaults as error:
            return Row(self._number, passed, fault=fault_of(error))
