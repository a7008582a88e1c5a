"""The report of refused rows, which somebody will open in a spreadsheet."""

from __future__ import annotations

import csv
import io

import pytest

from portal.importing.operations.reports import safe_cell, write_report


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠", " =", "\u00a0@", "\0="])
def test_no_cell_begins_a_formula(start):
    cell = safe_cell(f"{start}HYPERLINK(1)")

    assert cell.startswith("'")
    assert "\0" not in cell


def test_harmless_cell_is_left_as_it_is():
    assert safe_cell("536414,12/1/2010 11:52,(blank)") == "536414,12/1/2010 11:52,(blank)"


def test_report_can_be_read_back():
    out = io.StringIO()

    write_report(out, [(7, "customer is empty", '"a, b",=1\nnext')])

    rows = list(csv.reader(io.StringIO(out.getvalue())))
    assert rows == [["line", "reason", "row"], ["7", "customer is empty", '"a, b",=1\nnext']]


def test_report_repeats_no_card_number():
    out = io.StringIO()

    write_report(out, [(7, "description looks like it holds a card number", "A-1,paid by 4242 4242 4242 4242,12.40")])

    assert "A-1,paid by •••• 4242,12.40" in out.getvalue()
