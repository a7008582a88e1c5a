"""How the bench tells what it measured: tables of ratios, and beside each figure its aim. A missed aim is said, not hidden."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.measuring import Ratio, Sample, median, ratio
from tests.bench.weights import Weight

AIM_OF_FLOOR = 0.70
AIM_OF_GROWTH = 1.10
AIM_OF_NARROWED = 1.50
AIM_START_SECONDS = 1.0
AIM_STATEMENTS = 3
AIM_BYTES, AIM_GZIPPED = 16 * 1024, 4 * 1024
AIM_VISIT, AIM_REQUESTS = 40 * 1024, 2
AIM_BEFORE_PAINT = 32 * 1024

_PAGES = (
    "lean 50",
    "history 50",
    "lean 10000",
    "history 10000",
    "lean 10000 deep",
    "history 10000 deep",
    "invoices 10000",
    "overview 10000",
)
_TITLES = {
    "lean 50": "/lean, 50 payments", "history 50": "history, 50 payments", "lean 10000": "/lean, 10,000 payments",
    "history 10000": "history, 10,000 payments", "lean 10000 deep": "/lean, 10,000, page 200",
    "history 10000 deep": "history, 10,000, page 200", "invoices 10000": "invoices, 10,000 payments",
    "overview 10000": "overview, 10,000 payments",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figures:
    """The samples of one database system, by the names of their cases."""

    database: str
    samples: Mapping[str, Sequence[Sample]]
    sizes: Sequence[int]
    has_database_time: bool


def print_figures(figures: Figures) -> None:
    """Ratios to the floor: 1.00 is as cheap, or as many a second, as `/q25` of the same customer in the same round."""
    beside = "with its database processes" if figures.has_database_time else "of the server"
    for size in figures.sizes:
        print(
            f"\n{figures.database}, {size:,} payments of others: q25 by page (median, least–most of {_rounds(figures)} pairs)"
        )
        print(f"  {'':26}{'CPU ratio':>10}{'':14}{'server only':>12}{'rate ratio':>12}{'':14}{'CPU ms':>8}{'req/s':>7}")
        for page in ("q25 10000", *_PAGES):
            print(_line(figures, size, page))
        print(f"  CPU is a request’s user and system time, {beside}.")
    print()
    _print_growth(figures)


def print_narrowed(figures: Figures, plain: str, names: Iterable[str]) -> None:
    """What each filter and search costs by the plain history of the same round: 1.00 is as much processor time."""
    for size in figures.sizes:
        print(
            f"\n{figures.database}, {size:,} payments of others: the history narrowed, by the plain one (aim at most {AIM_OF_NARROWED:.2f})"
        )
        whole = figures.samples[f"{size} {plain}"]
        print(f"  {'':44}{'CPU ratio':>10}{'':14}{'CPU ms':>8}")
        for name in names:
            found = figures.samples[f"{size} {plain} {name}"]
            grown = ratio(found, whole, _seconds)
            missed = "" if grown.median <= AIM_OF_NARROWED else "  MISSED"
            print(f"  {name:44}{_wide(grown)}{median(found, _seconds) * 1000:8.2f}{missed}")


def print_weights(pages: Mapping[str, Weight], first: Mapping[str, Weight]) -> None:
    print(
        "\nWeight (page as a proxy compresses it; aims: 16 KB, 4 KB compressed, 3 statements; first visit 40 KB, 5 requests before paint)"
    )
    print(
        f"  {'':12}{'bytes':>8}{'gzipped':>9}{'statements':>12}{'first visit, gzipped':>22}{'requests':>10}{'before paint':>14}"
    )
    for name, weight in {**pages, **first}.items():
        print(
            f"  {name:12}{weight.page_bytes:8,}{weight.page_gzipped:9,}{weight.statements:12}{weight.visit_gzipped:22,}"
            f"{weight.visit_requests:10}{weight.requests_before_paint:14}{_missed(name, weight)}"
        )


def print_memory(pss: Mapping[str, Sequence[int]]) -> None:
    each = ", ".join(f"{name} {statistics.mean(found) / 2**20:.0f} MB" for name, found in pss.items() if found)
    print(f"  memory a worker after the load (PSS): {each}")


def print_start(seconds: Sequence[float]) -> None:
    found = statistics.median(seconds)
    print(
        f"\nFrom process start to the first signed-in page: {found:.2f} s ({min(seconds):.2f}–{max(seconds):.2f} of {len(seconds)});"
        f" aim about {AIM_START_SECONDS:.0f} s{'' if found <= AIM_START_SECONDS * 1.15 else '  MISSED'}"
    )


def _line(figures: Figures, size: int, page: str) -> str:
    whose = page.partition(" ")[2]
    floor = figures.samples[f"{size} q25 {whose}"]
    found = figures.samples[f"{size} {page}"]
    cost = f"{median(found, _seconds) * 1000:8.2f}{median(found, _rate):7.0f}"
    if page.startswith("q25"):
        return f"  {'/q25, the floor':26}{'':48}{'':14}{cost}"
    by_cpu, by_rate = ratio(floor, found, _seconds), ratio(found, floor, _rate)
    alone = ratio(floor, found, lambda sample: sample.server_seconds)
    missed = page.startswith("history") and min(by_cpu.median, by_rate.median) < AIM_OF_FLOOR
    return (
        f"  {_TITLES[page]:26}{_wide(by_cpu)}{alone.median:12.2f}{_wide(by_rate, 12)}{cost}"
        f"{f'  MISSED: aim {AIM_OF_FLOOR:.2f}' if missed else ''}"
    )


def _print_growth(figures: Figures) -> None:
    small = figures.sizes[0]
    pairs: list[tuple[str, str, str]] = []
    if len(figures.sizes) > 1:
        large = figures.sizes[-1]
        pairs += [
            (f"{_TITLES[page]}: {large:,} by {small:,} rows", f"{large} {page}", f"{small} {page}")
            for page in ("history 50", "history 10000", "history 10000 deep", "invoices 10000", "overview 10000")
        ]
    pairs += [
        (f"history: page 200 by page 1, {size:,} rows", f"{size} history 10000 deep", f"{size} history 10000")
        for size in figures.sizes
    ]
    print(f"  growth in CPU (aim at most {AIM_OF_GROWTH:.2f})")
    for title, upper, lower in pairs:
        grown = ratio(figures.samples[upper], figures.samples[lower], _seconds)
        print(f"  {title:58}{_wide(grown, 6)}{'' if grown.median <= AIM_OF_GROWTH else '  MISSED'}")


def _missed(name: str, weight: Weight) -> str:
    faults = [
        word
        for word, is_missed in (
            ("bytes", name == "history" and weight.page_bytes > AIM_BYTES),
            ("gzipped", name == "history" and weight.page_gzipped > AIM_GZIPPED),
            ("statements", weight.statements > AIM_STATEMENTS),
            ("first visit", weight.visit_gzipped > AIM_VISIT),
            ("before paint", weight.requests_before_paint > AIM_REQUESTS),
        )
        if is_missed
    ]
    return f"  MISSED: {', '.join(faults)}" if faults else ""


def _wide(found: Ratio, width: int = 10) -> str:
    return f"{found.median:{width}.2f} ({found.least:.2f}–{found.most:.2f})".ljust(width + 14)


def _rounds(figures: Figures) -> int:
    return len(next(iter(figures.samples.values())))


_seconds: Callable[[Sample], float] = lambda sample: sample.seconds  # noqa: E731 - a name for what is compared
_rate: Callable[[Sample], float] = lambda sample: sample.rate  # noqa: E731
