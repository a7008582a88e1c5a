"""What `portal import` shows while it works: a bar with rate and end at a terminal, a line now and then in a log."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TextIO

import click

_BAR_WIDTH = 24
_WIDEST_CELL = 40
_DRAWN_EVERY_SECONDS = 0.1


class Progress(Protocol):
    """Shows the progress, in bytes read and rows written."""

    def begin(self, label: str, total: int) -> None: ...

    def advance(self, amount: int) -> None: ...

    def end(self) -> None: ...


@contextmanager
def show_progress(stream: TextIO) -> Iterator[Progress]:
    """Yield what shows progress on a stream; a line that was begun is ended also when the work fails."""
    shown = TerminalProgress(stream) if stream.isatty() else PlainProgress(stream)
    try:
        yield shown
    finally:
        shown.leave()


class TerminalProgress:
    """A bar: how much of how many, how fast, and how long it still takes."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._is_drawn = False

    def begin(self, label: str, total: int) -> None:
        self._label, self._total, self._done = label, total, 0
        self._began_at = self._clock()
        self._drawn_at = 0.0
        self._draw()

    def advance(self, amount: int) -> None:
        self._done += amount
        if self._clock() - self._drawn_at >= _DRAWN_EVERY_SECONDS:
            self._draw()

    def end(self) -> None:
        self._done = self._total
        self._draw()
        self.leave()

    def leave(self) -> None:
        """End the line of the bar."""
        if self._is_drawn:
            self._stream.write("\n")
            self._stream.flush()
        self._is_drawn = False

    def _draw(self) -> None:
        self._drawn_at = self._clock()
        width = shutil.get_terminal_size().columns - 1
        line = describe(self._label, self._done, self._total, self._drawn_at - self._began_at)
        self._stream.write(f"\r{line[:width]:<{width}}")
        self._stream.flush()
        self._is_drawn = True


class PlainProgress:
    """A line every few seconds, for a log."""

    _PAUSE_SECONDS = 5.0

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock

    def begin(self, label: str, total: int) -> None:
        self._label, self._total, self._done = label, total, 0
        self._began_at = self._printed_at = self._clock()
        click.echo(f"{label}: {total:,} {_unit(label)}", file=self._stream)

    def advance(self, amount: int) -> None:
        self._done += amount
        if self._clock() - self._printed_at >= self._PAUSE_SECONDS:
            self._printed_at = self._clock()
            line = describe(self._label, self._done, self._total, self._printed_at - self._began_at, bar_width=0)
            click.echo(line, file=self._stream)

    def end(self) -> None:
        """Print nothing: the next line or the summary follows."""

    def leave(self) -> None:
        """Print nothing: each line is whole."""


def describe(label: str, done: int, total: int, seconds: float, *, bar_width: int = _BAR_WIDTH) -> str:
    """Return a line such as `writing [####----] 12,000 of 24,000 rows, 4,000 a second, 0:03 left`."""
    share = min(done / total, 1.0) if total else 1.0
    filled = int(share * bar_width)
    bar = f"[{'#' * filled}{'-' * (bar_width - filled)}] " if bar_width else ""
    amounts = f"{done / 1e6:.1f} of {total / 1e6:.1f} MB" if _unit(label) == "bytes" else f"{done:,} of {total:,} rows"
    rate = done / seconds if seconds > 0 else 0.0
    speed = f"{rate / 1e6:.1f} MB" if _unit(label) == "bytes" else f"{rate:,.0f}"
    if done >= total:
        return f"{label:<7} {bar}{amounts} in {_clock_time(seconds)}"
    left = f", {_clock_time((total - done) / rate)} left" if rate > 0 else ""
    return f"{label:<7} {bar}{amounts}, {speed} a second{left}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows as a table of plain text; what is too long is cut."""
    cells = [[_cut(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(head))]
    lines = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)
    return "\n".join(f"  {line}" for line in lines)


def _cut(cell: str) -> str:
    text = "".join(letter if letter.isprintable() else " " for letter in cell)
    return text if len(text) <= _WIDEST_CELL else f"{text[: _WIDEST_CELL - 1]}…"


def _unit(label: str) -> str:
    return "bytes" if label == "reading" else "rows"


def _clock_time(seconds: float) -> str:
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
