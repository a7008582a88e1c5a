"""Writes which rows were refused and why, in a file that a spreadsheet may open without obeying it."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import TextIO

from portal.contacts import mask_card_numbers

HEADER = ("line", "reason", "row")
_DANGEROUS = tuple("=+-@\t\r\n\0＝＋－＠")


def write_report(out: TextIO, refusals: Iterable[tuple[int, str, str]]) -> None:
    """One row for each refusal: line, reason, and the row as it stood in the file, but for card numbers (threats 167): the
    report goes to whoever mends the file."""
    writer = csv.writer(out)
    writer.writerow(HEADER)
    for line, reason, row in refusals:
        writer.writerow((line, safe_cell(reason), safe_cell(mask_card_numbers(row))))


def safe_cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula (threats 188): an apostrophe goes before what would begin one."""
    text = text.replace("\0", "")
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_DANGEROUS) else text
