"""Where a field's value comes from, and which mistakes of a command are told before anything is read."""

from __future__ import annotations

import pytest

from portal.importing.errors import MappingFault
from portal.importing.rules.mapping import Fields, compile_sources

FIELDS = Fields(
    names=("number", "customer", "email", "total"), needed=(("number",), ("customer", "email")), prefixes=("metadata.",)
)


def test_column_named_as_a_field_is_that_field():
    sources = compile_sources(FIELDS, ["number", "customer", "other"], [], [])

    assert sources.values(["1", " acme ", "x"]) == {"number": "1", "customer": "acme"}


def test_mapped_column_wins_over_one_of_the_fields_name():
    sources = compile_sources(FIELDS, ["number", "No", "customer"], [("number", "No")], [])

    assert sources.values(["wrong", "right", "c"])["number"] == "right"


def test_template_takes_cells_of_the_row():
    sources = compile_sources(FIELDS, ["number", "Id"], [], [("email", "{Id}@shop.example")])

    assert sources.values(["1", "17850"])["email"] == "17850@shop.example"


@pytest.mark.parametrize("blank", ["", "  ", "(blank)"])
def test_template_with_an_empty_cell_is_empty(blank):
    sources = compile_sources(FIELDS, ["number", "Id"], [], [("email", "{Id}@shop.example")])

    assert sources.values(["1", blank]) == {"number": "1"}


def test_prefixed_fields_are_known():
    sources = compile_sources(FIELDS, ["number", "customer", "metadata.plan"], [], [])

    assert sources.values(["1", "c", "gold"])["metadata.plan"] == "gold"


@pytest.mark.parametrize(
    ("maps", "sets", "sentence"),
    [
        ([("nombre", "number")], [], "no field nombre"),
        ([("total", "Sum")], [], "no column Sum"),
        ([], [("total", "{Sum}")], "no column Sum"),
        ([("total", "Twice")], [], "more than one column Twice"),
        ([("total", "number"), ("total", "customer")], [], "total is given twice"),
        ([("total", "number")], [("total", "5")], "total is given twice"),
        ([], [("metadata.", "x")], "no field metadata."),
    ],
)
def test_mistake_is_named(maps, sets, sentence):
    with pytest.raises(MappingFault, match=sentence):
        compile_sources(FIELDS, ["number", "customer", "Twice", "Twice"], maps, sets)


def test_all_mistakes_are_named_at_once():
    with pytest.raises(MappingFault) as fault:
        compile_sources(FIELDS, ["A"], [("x", "A"), ("total", "B")], [])

    assert all(part in str(fault.value) for part in ("field x", "column B", "number, customer or email", "columns A"))
