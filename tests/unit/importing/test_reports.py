"""The report of refused rows, which somebody will open in a spreadsheet, mend and import."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from portal.importing.operations.csv_reader import CsvFile, open_csv, read_records
from portal.importing.operations.reports import write_report
from portal.spreadsheets import safe_cell


def report_of(path: Path, *refusals: tuple[int, str, list[str]], delimiter: str = ",", skip_rows: int = 0) -> str:
    out = io.StringIO(newline="")
    write_report(out, open_csv(path, delimiter, skip_rows), refusals)
    return out.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.csv"
    path.write_text("Number,Total,description\n1,2,x\n")
    return path


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠", " =", "\u00a0@", "\0="])
def test_no_cell_begins_a_formula(start):
    cell = safe_cell(f"{start}HYPERLINK(1)")

    assert cell.startswith("'")
    assert "\0" not in cell


def test_harmless_cell_is_left_as_it_is():
    assert safe_cell("536414,12/1/2010 11:52,(blank)") == "536414,12/1/2010 11:52,(blank)"


def test_report_can_be_read_back(file):
    text = report_of(file, (7, "customer is empty", ["a, b", "=1\nnext", 'say "hi"']))

    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["line", "reason", "Number", "Total", "description"],
        ["7", "customer is empty", "a, b", "'=1\nnext", 'say "hi"'],
    ]


def test_report_has_the_delimiter_of_its_file_and_the_line_that_names_it(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("sep=;\nNumber;Total\n1;2\n")

    assert report_of(path, (3, "why", ["1", "2"])).splitlines() == ["sep=;", "line;reason;Number;Total", "3;why;1;2"]


def test_report_that_is_mended_is_read_without_its_own_columns_and_without_rows_to_skip(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("A title\n\nNumber;Total;line\n1;-2;x\n")
    mended = tmp_path / "mended.csv"
    mended.write_text(report_of(path, (4, "why", ["1", "-2", "x"]), delimiter=";", skip_rows=2))

    again: CsvFile = open_csv(mended, ";", skip_rows=2)

    assert again.columns == ("", "", "Number", "Total", "line")
    assert [record.cells[2:] for record in read_records(again, lambda _: None)] == [["1", "'-2", "x"]]
    assert "reason" not in report_of(mended, (2, "again", ["4", "why", "1", "'-2", "x"]), delimiter=";").splitlines()[1]


def test_report_repeats_no_card_number(file):
    text = report_of(file, (7, "looks like a card number", ["A-1", "paid by 4242 4242 4242 4242", "12.40"]))

    assert "A-1,paid by •••• 4242,12.40" in text
