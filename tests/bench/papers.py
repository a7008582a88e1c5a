"""How many pages of papers a second of processor time draws: `python -m tests.bench.papers`. Asserts nothing."""

from __future__ import annotations

import resource
import time
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from portal.documents.papers import LAYOUT, Buyer, InvoiceFacts, LineFacts, PaperBrand, Seller, StoredPaper, TaxFacts
from portal.documents.typesetting import Typesetter
from portal.documents.wording.invoices import invoice_paper
from portal.documents.wording.words import words_of

_SELLER = Seller("Acme Software Inc.", ("410 Union Street", "Seattle, WA 98101"), "billing@acme.example")
_BUYER = Buyer("Lindqvist Studio", ("Maya Lindqvist", "1220 Pine Street, Suite 4", "Seattle, WA 98101"), "US")


def main() -> None:
    """Print one line for each size: papers, pages of each, seconds of processor and of the clock, pages a second, memory."""
    typesetter = Typesetter()
    begun = time.perf_counter()
    typesetter.draw(_paper("first", 8, "en"))
    print(f"first paper, with typst's import and the fonts: {time.perf_counter() - begun:.2f} s")
    for label, locale, lines, count in (
        ("one page, English", "en", 8, 100),
        ("one page, Arabic", "ar", 8, 100),
        ("two pages", "en", 30, 50),
        ("1,000 lines", "en", 1_000, 2),
        ("10,000 lines", "en", 10_000, 1),
    ):
        papers = [_paper(f"{label} {number}", lines, locale) for number in range(count)]
        cpu, begun, pages, drawn = _processor_seconds(), time.perf_counter(), 0, b""
        for paper in papers:
            drawn = typesetter.draw(paper)
            pages += drawn.count(b"/StructParents ")
        cpu, clock = _processor_seconds() - cpu, time.perf_counter() - begun
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(
            f"{label}: {count} papers, {pages} pages, {cpu:.2f} s of processor ({clock:.2f} s): {pages / cpu:.0f} pages a second, "
            f"{len(drawn) // 1024} KB, {memory} MB"
        )


def _processor_seconds() -> float:
    """The time of this process and of those that it started for long papers."""
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _paper(name: str, line_count: int, locale: str) -> StoredPaper:
    lines = tuple(
        LineFacts(f"Team plan, seat {number} of {name}", Decimal(number % 9 + 1), Decimal(1900), Decimal(8), 1900 * (number % 9 + 1))
        for number in range(line_count)
    )  # fmt: skip
    subtotal = sum(line.amount for line in lines)
    tax = subtotal * 8 // 100
    facts = InvoiceFacts(name, "USD", date(2026, 11, 1), date(2026, 12, 1), lines, (TaxFacts(Decimal(8), subtotal, tax),), subtotal, subtotal + tax)  # fmt: skip
    paper = invoice_paper(words_of(locale), _SELLER, replace(_BUYER, name=name), facts)
    return StoredPaper(LAYOUT, paper.content(), PaperBrand("Acme"), datetime(2026, 11, 1, tzinfo=UTC), name)


if __name__ == "__main__":
    main()
