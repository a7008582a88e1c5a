"""Writes the report of refused rows: the file's own rows with the reasons in front, safe to open in a spreadsheet, and fit to be mended
and read again."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from typing import TextIO

from portal.contacts import mask_card_numbers
from portal.importing.operations.csv_reader import CsvFile
from portal.importing.rules.mapping import REPORT_COLUMNS
from portal.spreadsheets import safe_cell


def write_report(out: TextIO, file: CsvFile, refusals: Iterable[tuple[int, str, Sequence[str]]]) -> None:
    """One row for each refusal: line, reason, and the row's own cells under the file's header, with card numbers masked (threats 167):
    the report is for whoever corrects the file."""
    if file.has_separator_line:
        out.write(f"sep={file.delimiter}\r\n")
    writer = csv.writer(out, delimiter=file.delimiter)
    writer.writerow([*REPORT_COLUMNS, *(safe_cell(name) for name in file.own_cells(file.columns))])
    for line, reason, cells in refusals:
        row = [safe_cell(mask_card_numbers(cell)) for cell in file.own_cells(cells)]
        writer.writerow([line, safe_cell(reason), *row])
