"""Where a field's value comes from, and which mistakes of a command are reported before anything is read."""

from __future__ import annotations

import pytest

from portal.importing.errors import MappingFault
from portal.importing.rules.mapping import Command, Fields, Sources, compile_sources

FIELDS = Fields(
    names=("number", "customer", "email", "total", "issued_on"),
    needed=(("number",), ("customer", "email")),
    prefixes=("metadata.",),
)


def sources_of(*columns: str, **command: object) -> Sources:
    return compile_sources(FIELDS, columns, Command(**command))  # type: ignore[arg-type]  # as the tests write it


def test_column_named_as_a_field_is_that_field():
    sources = sources_of("number", "customer", "other")

    assert sources.values(["1", " acme ", "x"]) == {"number": "1", "customer": "acme"}
    assert sources.by_own_name == (("number", "number"), ("customer", "customer"))


@pytest.mark.parametrize(
    "header", ["Issued On", "ISSUED_ON", "issued-on", "Issued  on", "*Issued On", "\ufeffissued_on", "issued - on"]
)
def test_header_matches_whatever_its_case_blanks_hyphens_and_underscores(header):
    sources = sources_of("number", "customer", header)

    assert sources.values(["1", "c", "2025-10-01"])["issued_on"] == "2025-10-01"


def test_mapped_column_matches_in_the_same_way_and_exactly_before():
    folded = sources_of("NUMBER", "customer", maps=[("total", "Number"), ("number", "customer"), ("email", "number")])
    assert folded.values(["1", "c"]) == {"total": "1", "number": "c", "email": "1"}
    exact = sources_of("Total", "total", "number", "customer", maps=[("total", "total")])
    assert exact.values(["1", "2", "3", "4"])["total"] == "2"


def test_mapped_column_wins_over_one_of_the_fields_name():
    sources = sources_of("number", "No", "customer", maps=[("number", "No")])

    assert sources.values(["wrong", "right", "c"])["number"] == "right"


def test_mapped_column_feeds_no_other_field_by_its_own_name():
    sources = sources_of("number", "email", "total", maps=[("customer", "email")])

    assert sources.values(["1", "a@x", "2"]) == {"number": "1", "customer": "a@x", "total": "2"}
    assert ("email", "email") not in sources.by_own_name


def test_column_may_feed_two_fields_that_map_it():
    sources = sources_of("number", "Id", maps=[("customer", "Id"), ("email", "Id")])

    assert sources.values(["1", "7"]) == {"number": "1", "customer": "7", "email": "7"}


def test_fixed_value_wins_over_a_column():
    sources = sources_of("number", "customer", "total", "Sum", maps=[("total", "Sum")], sets=[("total", "5")])

    assert sources.values(["1", "c", "3", "4"])["total"] == "5"


def test_ignored_column_is_not_read():
    sources = sources_of("number", "customer", "Total", ignored=["total"])

    assert sources.values(["1", "c", "3"]) == {"number": "1", "customer": "c"}


def test_two_equal_headers_are_no_fault_where_neither_is_used():
    assert sources_of("number", "customer", "note", "note").values(["1", "c", "x", "y"])
    for ignored in (["total", "Total"], ["TOTAL"]):
        assert sources_of("number", "customer", "total", "Total", ignored=ignored).names == {"number", "customer"}
    assert sources_of("number", "customer", "total", "total", ignored=["total"]).names == {"number", "customer"}


def test_word_of_the_file_means_another_value_or_none():
    words = [("customer", "0", ""), ("customer", "Guest", ""), ("total", "gratis", "0")]
    sources = sources_of("number", "customer", "email", "total", words=words)

    assert sources.values(["1", "0", "a@x", "GRATIS"]) == {"number": "1", "email": "a@x", "total": "0"}
    assert sources.values(["1", " guest ", "a@x", "2"]) == {"number": "1", "email": "a@x", "total": "2"}
    assert sources.values(["1", "00", "a@x", "2"])["customer"] == "00"


def test_template_takes_cells_of_the_row():
    sources = sources_of("number", "Id", sets=[("email", "{id}@shop.example")])

    assert sources.values(["1", "17850"])["email"] == "17850@shop.example"


@pytest.mark.parametrize("blank", ["", "  ", "(blank)", "\u200b", "\u3164"])
def test_template_with_an_empty_cell_is_empty(blank):
    sources = sources_of("number", "Id", sets=[("email", "{Id}@shop.example")])

    assert sources.values(["1", blank]) == {"number": "1"}


def test_apostrophe_of_a_spreadsheet_is_no_part_of_the_cell():
    assert sources_of("number", "customer").values(["'-12", "'Lena"]) == {"number": "-12", "customer": "'Lena"}


def test_prefixed_fields_are_known():
    sources = sources_of("number", "customer", "Metadata.Plan")

    assert sources.values(["1", "c", "gold"])["metadata.Plan"] == "gold"


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ({"maps": [("nombre", "number")]}, "no field nombre"),
        ({"maps": [("total", "Sum")]}, "no column Sum"),
        ({"sets": [("total", "{Sum}")]}, "no column Sum"),
        ({"ignored": ["Sum"]}, "no column Sum"),
        ({"words": [("stand", "Sent", "open")]}, "no field stand"),
        ({"maps": [("total", "Twice")]}, "more than one column Twice"),
        ({"maps": [("total", "number"), ("total", "customer")]}, "total is given twice"),
        ({"sets": [("total", "1"), ("total", "2")]}, "total is given twice"),
        ({"sets": [("metadata.", "x")]}, "no field metadata."),
        ({"maps": [("total", "number")], "ignored": ["number"]}, "mapped and ignored"),
    ],
)
def test_mistake_is_named(command, sentence):
    with pytest.raises(MappingFault, match=sentence):
        sources_of("number", "customer", "Twice", "Twice", **command)


@pytest.mark.parametrize("columns", [("total", "total"), ("total", "Total"), ("Issued On", "issued_on")])
def test_two_equal_headers_in_use_are_refused(columns):
    with pytest.raises(MappingFault, match="more than one column"):
        sources_of("number", "customer", *columns)


def test_all_mistakes_are_named_at_once():
    with pytest.raises(MappingFault) as fault:
        sources_of("A", maps=[("x", "A"), ("total", "B")])

    assert all(part in str(fault.value) for part in ("field x", "column B", "number, customer or email", "columns A"))
    assert fault.value.lacks_columns
