"""Cells of a table are numbers where JSON's readers, and no more lenient ones, would say so."""

import re

from hypothesis import given
from hypothesis import strategies as st

from prediction_service.streams.cells import number

GRAMMAR = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
"""A decimal literal, as RFC 8259 has it but for a sign and for a point at either end, which tables have too."""


@given(st.text("0123456789.eE+-_ naif\u0663", max_size=8) | st.floats().map(repr) | st.integers().map(str))
def test_a_cell_is_a_number_by_its_grammar_alone(cell: str) -> None:
    read = number(cell)
    assert isinstance(read, float) == (GRAMMAR.fullmatch(cell) is not None)
    assert read == (float(cell) if isinstance(read, float) else cell)
