"""Builds the history of payments from rows: its filters, months and rows. No queries, no texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, tzinfo
from functools import lru_cache
from itertools import groupby
from urllib.parse import urlencode

from portal.payment_methods.pages import method_name
from portal.payments.page_builders.addresses import retry_url
from portal.payments.page_builders.refunds import build_refund_rows
from portal.payments.pages import FilterChip, PaymentMonth, PaymentRow, PaymentsPage
from portal.payments.queries.counts import PaymentCounts
from portal.payments.queries.history import FILTERS, PaymentRecord, RefundRecord
from portal.payments.rules.filters import METHODS, HistoryFilter
from portal.web.pages import Pager

TABS = ("all", "complete", "pending", "failed", "refunded")
"""The filters of `FILTERS` that the history offers, in this order."""


def build_payments_page(
    asked: HistoryFilter, rows: Sequence[PaymentRow], pager: Pager, counts: PaymentCounts, *, root: str
) -> PaymentsPage:
    """Build the history's page: rows, newest first, under the months in which they were made; `asked` is what of it was asked for, and
    `counts` are those of all payments of the customer."""
    fields = asked.fields
    if not asked.is_narrowed:
        pager = _counted(pager, len(rows), counts.of(FILTERS[asked.status]))
    return PaymentsPage(
        status=asked.status,
        months=group_by_month(rows),
        pager=pager,
        has_any=counts.total > 0,
        counts={} if asked.is_narrowed else {tab: counts.of(FILTERS[tab]) for tab in TABS},
        total=counts.total,
        asked=asked,
        tabs=_tabs(root, urlencode({name: text for name, text in fields.items() if name != "status"})),
        chips=tuple(
            FilterChip(name, _day_of(asked, name) or text, _history_url(root, asked.without(name)))
            for name, text in fields.items()
            if name != "status" or asked.status not in TABS
        )
        if fields
        else (),
        methods=tuple(method for method in METHODS if method in counts.methods or method == asked.method),
        currencies=tuple(sorted({*counts.currencies, asked.currency} - {""})),
        csv_url=f"{root}/payments.csv{f'?{urlencode(fields)}' if fields else ''}" if rows else "",
    )


def group_by_month(rows: Sequence[PaymentRow]) -> tuple[PaymentMonth, ...]:
    """Group rows, newest first, by month. Months of one payment that follow each other share a heading; one that stands alone
    shares that of the month before it, the newest page's last one that of the month after it."""
    months = [list(of_month) for _, of_month in groupby(rows, key=lambda row: (row.on.year, row.on.month))]
    groups: list[list[PaymentRow]] = []
    was_sparse = False
    for month in months:
        is_sparse = len(month) == 1
        # The heading before is open to this month where it has had none but sparse ones.
        if groups and was_sparse and (is_sparse or len(groups[-1]) == 1):
            groups[-1] += month
        else:
            groups.append(month)
        was_sparse = is_sparse
    if len(groups) > 1 and len(groups[-1]) == 1:
        last = groups.pop()
        groups[-1] += last
    return tuple(_month_of(group) for group in groups)


def _day_of(asked: HistoryFilter, name: str) -> date | None:
    return {"from": asked.from_on, "to": asked.to_on}.get(name)


@lru_cache(maxsize=1024)
def _tabs(root: str, others: str) -> Mapping[str, str]:
    """Return the addresses of the tabs, with the query of what else is asked for: "" on most pages that are opened. Queries alone, where
    they have one: the page is to stay below 16 KB."""
    ends = {tab: "&".join(filter(None, (others, "" if tab == "all" else f"status={tab}"))) for tab in TABS}
    return {tab: f"?{end}" if end else f"{root}/payments" for tab, end in ends.items()}


def _history_url(root: str, asked: HistoryFilter) -> str:
    fields = asked.fields
    return f"{root}/payments?{urlencode(fields)}" if fields else f"{root}/payments"


def _counted(pager: Pager, shown: int, total: int) -> Pager:
    """Say where in a list of known length its first and its last page are; of a page between, nobody has counted what is before it."""
    if pager.newer_url is None and shown:
        return replace(pager, first=1, last=shown, total=total)
    if pager.older_url is None and 0 < shown < total:
        return replace(pager, first=total - shown + 1, last=total, total=total)
    return pager


def _month_of(rows: Sequence[PaymentRow]) -> PaymentMonth:
    newest, oldest = rows[0].on, rows[-1].on
    is_one = (newest.year, newest.month) == (oldest.year, oldest.month)
    return PaymentMonth(newest, tuple(rows), None if is_one else oldest)


def build_payment_rows(
    records: Iterable[PaymentRecord], refunds: Iterable[RefundRecord], *, zone: tzinfo, root: str, can_pay: bool
) -> list[PaymentRow]:
    """Build the rows of a list of payments, each with its refunds. `root` is the prefix of the merchant's pages; `can_pay`
    is whether the merchant accepts payments here at all."""
    refunds_of: dict[str, list[RefundRecord]] = {}
    for refund in refunds:
        refunds_of.setdefault(refund.payment_id, []).append(refund)
    rows = []
    # Unpacked rather than read by name: 25 rows of a page are most of what its view does.
    for (
        id, status, currency, amount, _, description, note, more_count, kind, method_type, brand, last4, failure_code, created_at,
        unpaid, _,
    ) in records:  # fmt: skip
        method = method_name(method_type, brand, last4, brand) if method_type else ""
        has_title = description and description != note
        rows.append(
            PaymentRow(
                id,
                description if has_title else note,
                note if has_title else "",
                created_at.astimezone(zone).date(),
                method,
                status,
                amount,
                currency,
                more_count,
                failure_code,
                retry_url(root, id, unpaid.split()) if unpaid and can_pay else None,
                build_refund_rows(refunds_of[id], method, zone) if id in refunds_of else (),
                kind == "top_up",
            )
        )
    return rows
