"""Examples of the statement: every kind of line, long amounts, credit, nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from portal.examples.parts import NOW, Example, example_id
from portal.statement.page_builders import build_statement_page
from portal.statement.pages import StatementPage
from portal.statement.rules import KINDS, Posted, Statement, age, build_movements

_FIRST, _LAST = date(2026, 1, 1), date(2026, 3, 19)


def statement_examples() -> Iterator[Example]:
    """The page of the statement, each state of it once."""
    today = NOW.date()

    def example(name: str, statement: Statement, *, under_way: int = 0) -> Example:
        page = build_statement_page(statement, ("EUR", "USD"), today=today, root="/acme", under_way=under_way)
        return Example(f"statement-{name}", "statement.html", page, "statement")

    every = [
        Posted(
            kind, date(2026, 1, 5 + place), 23958 if place % 2 else -9210, credit=0, sales=-500, refunds=4200,
            invoice_id=example_id("inv", place), payment_id=example_id("pay", place) if place > 3 else None,
            number=f"ACME-{400 + place}", title="Team plan, with a description that goes on for quite a while",
        )
        for place, kind in enumerate(KINDS)
    ]  # fmt: skip
    from_credit = Posted("payment_captured", _LAST, 0, credit=900)
    owed = [
        (date(2026, 4, 1), 10),
        (date(2026, 3, 1), 20),
        (date(2026, 2, 1), 30),
        (date(2026, 1, 1), 40),
        (date(2025, 1, 1), 50),
    ]
    movements = tuple(build_movements(29842, [*every, from_credit]))
    yield example("full", Statement("USD", _FIRST, _LAST, 29842, movements, age(owed, 4250, _LAST)), under_way=67519)
    long = tuple(
        build_movements(0, [Posted("invoice_opened", _FIRST, 99_999_999_999_999, title="W" * 60, number="9" * 40)])
    )
    yield example("long", Statement("USD", _FIRST, _LAST, 0, long, age([(_FIRST, 99_999_999_999_999)], 0, _LAST)))
    many = tuple(
        build_movements(0, [Posted("invoice_opened", _FIRST, 100, title=f"Fare {number}") for number in range(503)])
    )
    yield example("many", Statement("USD", _FIRST, _LAST, 0, many, age([], 0, _LAST)))
    yield example("credit", Statement("USD", _FIRST, _LAST, -4250, (), age([], 4250, _LAST)))
    yield example("settled", Statement("USD", _FIRST, _LAST, 0, (), age([], 0, _LAST)))
    yield Example("statement-empty", "statement.html", StatementPage(None), "statement")
