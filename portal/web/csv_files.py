"""Files of comma-separated values as a response: sent as they are made, and safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import chain

from flask import Response

from portal.spreadsheets import safe_cell

_BYTE_ORDER_MARK = "\ufeff"
"""Without it, Excel reads a file of UTF-8 in the code page of the machine."""
_CHUNK_CHARACTERS = 32_000
_NUMBER = re.compile(r"-[0-9]+(?:\.[0-9]+)?", re.ASCII)


def stream_csv(name: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Response:
    """Return the response with a file `name.csv` (RFC 4180, UTF-8 with a byte order mark), of which a chunk is in memory at a time.

    `name` has letters, digits and hyphens. A cell that a spreadsheet would take for a formula has an apostrophe before it, a number below
    zero has none: it is to be added up.
    """
    assert name.isascii() and name.replace("-", "").isalnum(), (
        "the name of a file is made of letters, digits and hyphens"
    )
    response = Response(csv_pieces(header, rows), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def csv_pieces(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the text of such a file in pieces."""
    buffer = StringIO(_BYTE_ORDER_MARK)
    buffer.seek(0, 2)
    writer = csv.writer(buffer)
    for row in chain([header], rows):
        writer.writerow([cell if _NUMBER.fullmatch(cell) else safe_cell(cell) for cell in row])
        if buffer.tell() > _CHUNK_CHARACTERS:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()
