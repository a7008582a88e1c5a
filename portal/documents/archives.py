"""A ZIP of papers as a stream: each is drawn when the download has come to it, and none is kept."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import NamedTuple


class Entry(NamedTuple):
    """A file of an archive: `load` returns its bytes when its turn has come."""

    name: str
    at: datetime
    load: Callable[[], bytes]


class Archive:
    """The bytes of a ZIP, in pieces. `place` is held from the first to the last, and let go of by `close`, which servers call."""

    def __init__(self, entries: Iterable[Entry], place: AbstractContextManager[object]) -> None:
        self._pieces = _zipped(entries)
        self._place: AbstractContextManager[object] | None = place

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        """Let go of the place, once; also when the download was broken off."""
        place, self._place = self._place, None
        if place is not None:
            place.__exit__(None, None, None)


class _Pieces(io.RawIOBase):
    """A file to write to that hands out what was written; `zipfile` needs nothing else of a stream that cannot seek."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: object) -> int:
        self._written.append(bytes(piece))  # type: ignore[call-overload]  # Whatever has bytes.
        return len(self._written[-1])

    def take(self) -> bytes:
        taken = b"".join(self._written)
        self._written.clear()
        return taken


def _zipped(entries: Iterable[Entry]) -> Iterator[bytes]:
    pieces = _Pieces()
    names: set[str] = set()
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_STORED) as archive:
        for entry in entries:
            # A ZIP knows the years from 1980 to 2107. PDFs are compressed already.
            at = (min(max(entry.at.year, 1980), 2107), *entry.at.timetuple()[1:6])
            archive.writestr(zipfile.ZipInfo(_unused(entry.name, names), at), entry.load())
            yield pieces.take()
    yield pieces.take()


def _unused(name: str, names: set[str]) -> str:
    """Return the name, with a number where another file has it already: a number is unique within a customer, a cleaned one is not."""
    stem, _, suffix = name.rpartition(".")
    number = 1
    while name.lower() in names:
        number += 1
        name = f"{stem}-{number}.{suffix}"
    names.add(name.lower())
    return name
