"""Makes the page of a statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from urllib.parse import urlencode

from portal.statement.pages import MovementRow, Period, StatementPage
from portal.statement.rules import Movement, PeriodName, Statement, period

MAX_ROWS = 500
"""Lines of one page; the file has all of them."""
_PERIODS: tuple[PeriodName, ...] = ("month", "quarter", "year", "last_year")


def build_statement_page(
    statement: Statement, currencies: Sequence[str], *, today: date, root: str, under_way: int
) -> StatementPage:
    """Return the page of a statement. `root` is the prefix of the merchant's pages, `under_way` what is on its way in this currency."""
    skipped, shown = statement.movements[:-MAX_ROWS], statement.movements[-MAX_ROWS:]
    chosen = {"from": statement.first_on, "to": statement.last_on, "currency": statement.currency}
    return StatementPage(
        currency=statement.currency,
        currencies=tuple(currencies),
        periods=tuple(_period(name, statement, today) for name in _PERIODS),
        first_on=statement.first_on,
        last_on=statement.last_on,
        opening=statement.opening,
        charged=statement.charged,
        credited=statement.credited,
        closing=statement.closing,
        rows=tuple(MovementRow(each, _url(each, root)) for each in shown),
        skipped_count=len(skipped),
        brought_forward=skipped[-1].balance if skipped else statement.opening,
        ageing=statement.ageing,
        under_way=under_way,
        csv_url=f"{root}/statement.csv?{urlencode(chosen)}",
        pdf_url=f"{root}/statement.pdf?{urlencode(chosen)}",
        zip_url=f"{root}/statement.zip?{urlencode({'from': statement.first_on, 'to': statement.last_on})}",
    )


def _period(name: PeriodName, statement: Statement, today: date) -> Period:
    first, last = period(name, today)
    query = urlencode({"from": first, "to": last, "currency": statement.currency})
    return Period(name, f"?{query}", first, (statement.first_on, statement.last_on) == (first, last))


def _url(movement: Movement, root: str) -> str | None:
    if movement.payment_id is not None and movement.kind not in ("opening", "undone"):
        return f"{root}/payments/{movement.payment_id}"
    return f"{root}/invoices/{movement.invoice_id}" if movement.invoice_id is not None else None
