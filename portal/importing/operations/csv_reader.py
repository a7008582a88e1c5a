"""Reads a CSV file as a stream of records: finds its encoding, its delimiter, its header and the line of each record.

A quote that is never closed spoils the row in which it was opened and no other: reading goes on at the next line.
"""

from __future__ import annotations

import codecs
import io
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from portal.importing.errors import FileUnreadable
from portal.importing.rules.mapping import REPORT_COLUMNS

_CHUNK_BYTES = 1 << 20
_LINE_CHARACTERS = 1 << 17
_QUOTED_CHARACTERS, _QUOTED_LINES = 64 * 1024, 200
"""How long a quoted cell may be: one that is longer was never closed."""
CUT_OFF = 'a quote (") is opened in this row and never closed: the file ends inside of it'
"""What is wrong with a row in which the file ends: it may be cut off."""
_LOOKED_AT_FOR_HEADER = 30
_SEPARATOR_LINE = re.compile(r'"?sep=(?P<delimiter>[^"\r\n])"?[,;\t]*[\r\n]*', re.IGNORECASE)
_QUOTED_CELL = re.compile(r'"((?:[^"]++|"")*+)"')
_ENDS = "\r\n"
_OTHER_DELIMITERS = {";": "';'", "\t": "tab", "|": "'|'", ",": "','"}


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A file whose header was read. `encoding` is one of Python's names; `size` is in bytes.

    `columns` are the header's cells; a report of refused rows that is read again has two of them nameless. `first_line` is the
    first line below the header (counted from 1).
    """

    path: Path
    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    size: int
    first_line: int
    has_separator_line: bool = False
    is_report: bool = False

    def own_cells(self, cells: Sequence[str]) -> Sequence[str]:
        """Return the cells of a row that are the file's own, without what a report has in front of them."""
        return cells[len(REPORT_COLUMNS) :] if self.is_report else cells


@dataclass(frozen=True, slots=True)
class Record:
    """One record: the line it begins on (the file's first is 1), its cells, and what is wrong with its form."""

    line: int
    cells: list[str]
    fault: str | None = None


LooksLikeRow = Callable[[list[str]], bool]


def open_csv(path: Path, delimiter: str = ",", skip_rows: int = 0) -> CsvFile:
    """Detect encoding, delimiter and header of a file; the header is below `skip_rows` rows. Raises FileUnreadable.

    A first line `sep=;` decides the delimiter. A report of refused rows has no rows to skip.
    """
    try:
        size = path.stat().st_size
        encoding = _encoding_of(path)
        with _Lines(path, encoding) as lines:
            named = lines.take_separator()
            delimiter = named or delimiter
            records = _split(lines, delimiter, None)
            first = next(records, None)
            if first is not None and not _is_report(first.cells):
                for _ in range(skip_rows):
                    first = next(records, None)
            while first is not None and not any(cell.strip() for cell in first.cells):
                first = next(records, None)
            if first is not None and first.fault:
                raise FileUnreadable(f"{path}: the header in line {first.line}: {first.fault}")
            first_line = lines.number
    except OSError as fault:
        raise FileUnreadable(f"{path} cannot be read: {fault.strerror}") from fault
    columns = tuple(cell.strip() for cell in first.cells) if first else ()
    if not any(columns):
        raise FileUnreadable(f"{path} has no header in line {first.line if first else 1}")
    is_report = _is_report(list(columns))
    if is_report:
        columns = ("",) * len(REPORT_COLUMNS) + columns[len(REPORT_COLUMNS) :]
    return CsvFile(path, encoding, delimiter, columns, size, first_line, named is not None, is_report)


def read_records(
    file: CsvFile, advance: Callable[[int], None], looks_like_row: LooksLikeRow | None = None
) -> Iterator[Record]:
    """Every record below the header, empty ones left out; `advance` is called with the bytes read since its last call.

    `looks_like_row` says of the cells of a line within quotes whether they are a row of their own: then the quote is a broken one.
    """
    reported = 0
    with _Lines(file.path, file.encoding) as lines:
        lines.skip_to(file.first_line)
        for count, record in enumerate(_split(lines, file.delimiter, looks_like_row)):
            if count & 0x3FF == 0x3FF:
                position = lines.bytes_read()
                advance(position - reported)
                reported = position
            if any(cell and not cell.isspace() for cell in record.cells) or record.fault:
                yield _fitted(record, file.columns)
    advance(file.size - reported)


def suggest_options(file: CsvFile, skipped_rows: int = 0) -> list[str]:
    """Return what may be wrong with a header that lacks what is needed, each with the option that would help."""
    found = []
    if sum(map(bool, file.columns)) == 1:
        header = next(name for name in file.columns if name)
        others = [option for mark, option in _OTHER_DELIMITERS.items() if mark != file.delimiter and mark in header]
        found += (
            [f"the header is a single cell; another delimiter is named by --delimiter {others[0]}"] if others else []
        )
    above = _rows_above_header(file)
    if above and above != skipped_rows:
        found.append(f"the header seems to be further down, below {above} rows of titles: --skip-rows {above}")
    return found


def lenient_cells(text: str, delimiter: str) -> list[str]:
    """Return the cells of a line whose quotes are broken, for the report."""
    return [cell.strip().strip('"') for cell in text.rstrip(_ENDS).split(delimiter)]


class _Lines:
    """The lines of a file, by number; some may be put back. A line that is too long is cut, and what is beyond is passed over."""

    def __init__(self, path: Path, encoding: str) -> None:
        self._raw = path.open("rb")
        self._text = io.TextIOWrapper(self._raw, encoding=encoding, newline="")
        self._back: deque[str] = deque()
        self.number = 1
        """The line that comes next."""

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        self._text.close()

    def take(self) -> str:
        """Return the next line with its end, "" at the end of the file."""
        line = self._back.popleft() if self._back else self._read()
        if line:
            self.number += 1
        return line

    def put_back(self, lines: list[str]) -> None:
        self._back.extendleft(reversed(lines))
        self.number -= len(lines)

    def take_separator(self) -> str | None:
        """Take a first line that names the delimiter (`sep=;`, as Excel writes it) and return what it names."""
        line = self.take()
        named = _SEPARATOR_LINE.fullmatch(line)
        if named is None:
            self.put_back([line] if line else [])
            return None
        return named.group("delimiter")

    def skip_to(self, number: int) -> None:
        while self.number < number and self.take():
            pass

    def bytes_read(self) -> int:
        return self._raw.tell()

    def _read(self) -> str:
        line = self._text.readline(_LINE_CHARACTERS + 1)
        rest = line
        while len(rest) > _LINE_CHARACTERS and not rest.endswith(("\n", "\r")):
            rest = self._text.readline(_LINE_CHARACTERS + 1)
        return line


def _split(lines: _Lines, delimiter: str, looks_like_row: LooksLikeRow | None) -> Iterator[Record]:
    while True:
        number = lines.number
        line = lines.take()
        if not line:
            return
        if len(line) > _LINE_CHARACTERS:
            yield Record(number, lenient_cells(line[:1000], delimiter), "the row is longer than a row can be")
        elif "\0" in line:
            yield Record(
                number,
                lenient_cells(line.replace("\0", ""), delimiter),
                "the row has a character without a meaning (NUL)",
            )
        elif '"' not in line:
            yield Record(number, line.rstrip(_ENDS).split(delimiter))
        else:
            yield _quoted(lines, number, line, delimiter, looks_like_row)


def _quoted(lines: _Lines, number: int, first: str, delimiter: str, looks_like_row: LooksLikeRow | None) -> Record:
    """Read a record with quotes, which may go on over several lines. One that is broken ends with its first line."""
    taken: list[str] = []
    text = first
    while True:
        cells, is_open = _cells_of(text, delimiter)
        if not is_open:
            break
        more, ends = _rest_of_cell(lines, len(taken), len(text))
        taken += more
        text += "".join(more)
        if not more or ends:
            lines.put_back(taken)
            return Record(number, lenient_cells(first, delimiter), _never_closed(ends))
    swallowed = cells is not None and any(_is_row(line, delimiter, looks_like_row) for line in taken)
    if cells is None or swallowed:
        lines.put_back(taken)
        fault = "a quote (\") is broken: it is closed in the middle of a cell" if not taken else (
            "a quote (\") is opened in this row and not closed in it, so that it would swallow rows"
        )  # fmt: skip
        return Record(number, lenient_cells(first, delimiter), fault)
    return Record(number, cells)


def _rest_of_cell(lines: _Lines, line_count: int, length: int) -> tuple[list[str], str]:
    """Take lines until one has a quote; return them, and why there are no more: "" when they go on."""
    more: list[str] = []
    while True:
        line = lines.take()
        if not line:
            return more, "end"
        more.append(line)
        length += len(line)
        if length > _QUOTED_CHARACTERS or line_count + len(more) >= _QUOTED_LINES:
            return more, "long"
        if '"' in line:
            return more, ""


def _never_closed(ends: str) -> str:
    if ends == "end":
        return CUT_OFF
    return 'a quote (") is opened in this row and never closed'


def _cells_of(text: str, delimiter: str) -> tuple[list[str] | None, bool]:
    """Return the cells of a record, None when a quote is closed in the middle of a cell; and whether a quote is still open."""
    text = text.rstrip(_ENDS)
    cells: list[str] = []
    position = 0
    while True:
        if text.startswith('"', position):
            quoted = _QUOTED_CELL.match(text, position)
            if quoted is None:
                return None, True
            cells.append(quoted.group(1).replace('""', '"'))
            position = quoted.end()
            while text.startswith(" ", position):
                position += 1
            if position < len(text) and not text.startswith(delimiter, position):
                return None, False
        else:
            end = text.find(delimiter, position)
            end = len(text) if end < 0 else end
            cells.append(text[position:end])
            position = end
        if not text.startswith(delimiter, position):
            return cells, False
        position += len(delimiter)


def _is_row(line: str, delimiter: str, looks_like_row: LooksLikeRow | None) -> bool:
    return looks_like_row is not None and looks_like_row(lenient_cells(line, delimiter))


def _fitted(record: Record, columns: tuple[str, ...]) -> Record:
    """Return the record with as many cells as the header has; empty ones at the end do not count, and nameless columns need none."""
    cells, width = record.cells, len(columns)
    if record.fault or len(cells) == width:
        return record
    if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
        return Record(record.line, cells[:width])
    if len(cells) < width and not any(columns[len(cells) :]):
        return Record(record.line, cells + [""] * (width - len(cells)))
    return Record(record.line, cells, f"the row has {len(cells)} cells, the header has {width}")


def _is_report(cells: list[str]) -> bool:
    return tuple(cell.strip().casefold() for cell in cells[:2]) == REPORT_COLUMNS and len(cells) > 2


def _rows_above_header(file: CsvFile) -> int:
    """Return how many rows of titles there may be above the header: 0 when the first row has as many cells as any."""
    with _Lines(file.path, file.encoding) as lines:
        lines.skip_to(2 if file.has_separator_line else 1)
        counts = []
        for record in _split(lines, file.delimiter, None):
            counts.append(sum(bool(cell.strip()) for cell in record.cells))
            if len(counts) == _LOOKED_AT_FOR_HEADER:
                break
    return counts.index(max(counts)) if counts and counts[0] <= max(counts) / 2 else 0


def _encoding_of(path: Path) -> str:
    """UTF-8 with or without its mark; UTF-16 by its mark or its zeros; else what Windows programs write in Western Europe."""
    with path.open("rb") as raw:
        start = raw.read(512)
    if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        if not _decodes(path, "utf-16"):
            raise FileUnreadable(f"{path} begins as UTF-16 and is not; save it as CSV UTF-8")
        return "utf-16"
    for encoding, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
        if zeros and 10 * zeros.count(0) > 7 * len(zeros) and _decodes(path, encoding):
            return encoding
    for encoding in ("utf-8-sig", "cp1252"):
        if _decodes(path, encoding):
            return encoding
    raise FileUnreadable(f"{path} is text neither in UTF-8 nor in Windows-1252; save it as CSV UTF-8")


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as raw:
            while chunk := raw.read(_CHUNK_BYTES):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
