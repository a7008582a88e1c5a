"""Reads a CSV file as a stream of records: finds its encoding, its header and the line of each record."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from portal.importing.errors import FileUnreadable

_CHUNK_BYTES = 1 << 20
_CELL_CHARACTERS = 1 << 17


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A file whose header was read. `encoding` is one of Python's names; `size` is in bytes."""

    path: Path
    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Record:
    """One record: the line it begins on (the header is on line 1), its cells, and what is wrong with its form."""

    line: int
    cells: list[str]
    fault: str | None = None


def open_csv(path: Path, delimiter: str) -> CsvFile:
    """Detect encoding and header of a file. Raises FileUnreadable."""
    try:
        size = path.stat().st_size
        encoding = _encoding_of(path)
        with path.open(encoding=encoding, newline="") as text:
            header = next(csv.reader(text, delimiter=delimiter), [])
    except OSError as fault:
        raise FileUnreadable(f"{path} cannot be read: {fault.strerror}") from fault
    except csv.Error as fault:
        raise FileUnreadable(f"{path} cannot be read as CSV: {fault}") from fault
    columns = tuple(name.strip() for name in header)
    if not any(columns):
        raise FileUnreadable(f"{path} has no header in its first line")
    return CsvFile(path, encoding, delimiter, columns, size)


def read_records(file: CsvFile, advance: Callable[[int], None]) -> Iterator[Record]:
    """Every record below the header, empty lines left out; `advance` is called with the bytes read since its last call."""
    csv.field_size_limit(_CELL_CHARACTERS)
    with file.path.open("rb") as raw, io.TextIOWrapper(raw, encoding=file.encoding, newline="") as text:
        reader = csv.reader(text, delimiter=file.delimiter)
        next(reader, None)
        reported = 0
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error as fault:
                yield Record(line, [], f"the row cannot be read as CSV: {fault}")
                continue
            if line & 0x3FF == 0:
                advance(raw.tell() - reported)
                reported = raw.tell()
            if cells:
                yield Record(line, cells, _fault_of(cells, len(file.columns)))
        advance(file.size - reported)


def raw_text(cells: list[str]) -> str:
    """A record as one line of CSV with commas, for the report."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue()


def _fault_of(cells: list[str], width: int) -> str | None:
    return None if len(cells) == width else f"the row has {len(cells)} cells, the header has {width}"


def _encoding_of(path: Path) -> str:
    """UTF-8 with or without its mark; UTF-16 by its mark; else what Windows programs write in Western Europe."""
    with path.open("rb") as raw:
        start = raw.read(2)
        if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            if not _decodes(path, "utf-16"):
                raise FileUnreadable(f"{path} begins as UTF-16 and is not; save it as CSV UTF-8")
            return "utf-16"
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
