"""Writes the report of refused rows and their reasons, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import TextIO

from portal.contacts import mask_card_numbers

HEADER = ("line", "reason", "row")
_DANGEROUS = tuple("=+-@\t\r\n\0＝＋－＠")


def write_report(out: TextIO, refusals: Iterable[tuple[int, str, str]]) -> None:
    """One row for each refusal: line, reason, and the row as in the file, with card numbers masked (threats 167): the
    report is for whoever corrects the file."""
    writer = csv.writer(out)
    writer.writerow(HEADER)
    for line, reason, row in refusals:
        writer.writerow((line, safe_cell(reason), safe_cell(mask_card_numbers(row))))


def safe_cell(text: str) -> str:
    """Return a text that no spreadsheet evaluates as a formula (threats 188): an apostrophe is put before what would begin one."""
    text = text.replace("\0", "")
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_DANGEROUS) else text
