"""What an import shows while it works: how much of how many, how fast, and how long it still takes."""

from __future__ import annotations

import io

import pytest

from portal.commands.import_progress import PlainProgress, TerminalProgress, describe, show_progress, table


class Stopwatch:
    """A clock that the test moves."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize(
    ("label", "done", "total", "seconds", "line"),
    [
        ("writing", 0, 24_000, 0, "writing 0 of 24,000 rows, 0 a second"),
        ("writing", 12_000, 24_000, 3, "writing 12,000 of 24,000 rows, 4,000 a second, 0:03 left"),
        ("writing", 1_000, 900_000, 1, "writing 1,000 of 900,000 rows, 1,000 a second, 14:59 left"),
        ("writing", 10, 900_000, 1, "writing 10 of 900,000 rows, 10 a second, 24:59:59 left"),
        ("writing", 24_000, 24_000, 6, "writing 24,000 of 24,000 rows in 0:06"),
        ("writing", 0, 0, 0, "writing 0 of 0 rows in 0:00"),
        ("reading", 2_500_000, 10_000_000, 1, "reading 2.5 of 10.0 MB, 2.5 MB a second, 0:03 left"),
    ],
)
def test_line_has_a_rate_and_an_end(label, done, total, seconds, line):
    assert describe(label, done, total, seconds, bar_width=0) == line


def test_bar_fills_and_its_line_ends():
    stream, clock = io.StringIO(), Stopwatch()
    bar = TerminalProgress(stream, clock)

    bar.begin("writing", 4)
    clock.seconds = 1
    bar.advance(1)
    bar.advance(1)  # Within a tenth of a second: not drawn.
    clock.seconds = 2
    bar.end()
    bar.leave()

    drawn = [line.rstrip() for line in stream.getvalue().split("\r")[1:]]
    assert [line[8:34] for line in drawn] == [f"[{'-' * 24}]", f"[{'#' * 6}{'-' * 18}]", f"[{'#' * 24}]"]
    assert "1 a second, 0:03 left" in drawn[1]
    assert stream.getvalue().count("\n") == 1


def test_log_gets_whole_lines_now_and_then():
    stream, clock = io.StringIO(), Stopwatch()
    log = PlainProgress(stream, clock)

    log.begin("writing", 100)
    for second in range(1, 12):
        clock.seconds = second
        log.advance(5)
    log.end()

    assert stream.getvalue().splitlines() == [
        "writing: 100 rows", "writing 25 of 100 rows, 5 a second, 0:15 left", "writing 50 of 100 rows, 5 a second, 0:10 left",
    ]  # fmt: skip


def test_line_of_the_bar_ends_also_when_the_work_fails():
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def work() -> None:
        with show_progress(stream) as progress:
            progress.begin("reading", 10)
            raise ValueError("broken")

    stream = Terminal()

    with pytest.raises(ValueError, match="broken"):
        work()

    assert stream.getvalue().endswith("\n")


def test_table_cuts_what_is_long_and_what_would_move_the_cursor():
    assert table(("number", "customer"), [("A-1", "x" * 50), ("A\x1b[2J", "Ann")]).splitlines() == [
        "  number  customer", f"  A-1     {'x' * 39}…", "  A [2J   Ann",
    ]  # fmt: skip
