"""The history of the customer's payments: by status, narrowed and searched, as a page and as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Response, g, request

from portal.customer_pages.context import can_pay, current_scope, current_services, now, reading, root, today
from portal.database import Database, Reader
from portal.paging import Cursor, Slice, read_pages
from portal.payments.page_builders.history import build_payment_rows, build_payments_page
from portal.payments.queries.counts import PaymentCounts, read_counts
from portal.payments.queries.filtered_history import (
    ExportRecord,
    Narrowed,
    list_for_export,
    narrow,
    read_filtered,
)
from portal.payments.queries.history import FILTERS, read_history, read_refunds
from portal.payments.rules.filters import HistoryFilter, read_history_filter
from portal.payments.rules.search import Notation, query_terms
from portal.payments.views.csv_rows import csv_header, csv_row
from portal.people.rules import Right
from portal.public_ids import is_id
from portal.refunds.queries import find_refund
from portal.rendering.formats import formats_for
from portal.tenancy import Scope
from portal.web.csv_files import stream_csv
from portal.web.lists import build_pager, read_cursor
from portal.web.policies import signed_in
from portal.web.render import render_page


@signed_in(to=Right.READ, by_notice=True)
def payments() -> Response:
    """The history, 25 payments a page."""
    scope = current_scope()
    wanted = read_history_filter(request.args, FILTERS)
    cursor = read_cursor(request.args, lambda text: text if is_id("pay", text) else None)
    with reading() as reader:
        if wanted.is_narrowed:
            counts = read_counts(reader, scope)
            found = read_filtered(reader, scope, _narrowed(reader, scope, wanted, counts), cursor, now=now())
        else:
            found, counts = read_history(reader, scope, wanted.status, cursor, now=now())
    rows = build_payment_rows(
        found.rows, read_refunds(found.rows), zone=ZoneInfo(g.merchant.timezone), root=root(), can_pay=can_pay()
    )
    pager = build_pager(found, wanted.fields, lambda row: row.id)
    return render_page("payments/list.html", build_payments_page(wanted, rows, pager, counts, root=root()))


@signed_in(to=Right.READ, by_notice=True)
def payments_csv() -> Response:
    """The payments that the page with the same filters lists, on all its pages, as a file."""
    services, scope = current_services(), current_scope()
    wanted = read_history_filter(request.args, FILTERS)
    with reading() as reader:
        narrowed = _narrowed(reader, scope, wanted, read_counts(reader, scope))
    zone, locale = ZoneInfo(g.merchant.timezone), g.shell.locale
    rows = (csv_row(each, zone, locale) for page in _pages(services.database, scope, narrowed, now()) for each in page)
    return stream_csv(f"payments-{g.merchant.slug}-{today().isoformat()}", csv_header(locale), rows)


def _pages(database: Database, scope: Scope, narrowed: Narrowed, at: datetime) -> Iterator[Sequence[ExportRecord]]:
    """Yield the payments as they stand at `at`, some hundred at a time; while these are sent, however slowly, no connection is held."""

    def read_page(cursor: Cursor, size: int) -> Slice[ExportRecord]:
        with database.read() as reader:
            return list_for_export(reader, scope, narrowed, cursor, size, now=at)

    return read_pages(read_page, lambda row: row.payment.id)


def _narrowed(reader: Reader, scope: Scope, wanted: HistoryFilter, counts: PaymentCounts) -> Narrowed:
    zone = ZoneInfo(g.merchant.timezone)
    if not wanted.q:
        return narrow(wanted, counts, zone)
    if payment_id := _named_payment(reader, scope, wanted.q):
        return narrow(wanted, counts, zone, payment_id=payment_id)
    return narrow(wanted, counts, zone, query_terms(wanted.q, _notation(g.shell.locale, sorted(counts.currencies))))


def _named_payment(reader: Reader, scope: Scope, text: str) -> str | None:
    """Return the payment that a search names by its reference on pages and mails, or by that of its refund."""
    if is_id("pay", text):
        return text
    refund = find_refund(reader, scope, text) if is_id("re", text) else None
    return refund.payment_id if refund else None


def _notation(locale: str, currencies: Sequence[str]) -> Notation:
    """Return how the page writes the amounts of these currencies."""
    written = [formats_for(locale).money_notation(currency) for currency in currencies]
    if not written:
        return Notation()
    marks = {mark for each in written for mark in (each.before, each.after)}
    return Notation(written[0].point, max(each.digits for each in written), (*marks, *currencies))
