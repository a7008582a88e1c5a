"""Reads of notices: which invoices to remind of, what a customer wants, who gets copies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

import sqlalchemy as sa

from portal.database import Reader
from portal.invoices.models import Invoice, is_outstanding
from portal.merchants.queries import MerchantProfile
from portal.notice_kinds import NoticeKind
from portal.notices.models import InvoiceReminder, NoticeCopy, NoticePreference
from portal.notices.rules import Window
from portal.tenancy import MerchantScope, Scope


class DueInvoice(NamedTuple):
    """An invoice that may have to be reminded of."""

    id: str
    due_on: date


def list_to_remind(
    reader: Reader, scope: MerchantScope, window: Window, *, with_imported: bool, after: DueInvoice | None, limit: int
) -> Sequence[DueInvoice]:
    """Return invoices of a window that were not reminded of on its day or a later one, by due date; `after` is the last one seen.

    Only those that something is left to pay of, and no payment of which is under way.
    """
    statement = (
        sa.select(Invoice.id, Invoice.due_on)
        .where(
            Invoice.merchant_id == scope.merchant_id,
            is_outstanding(Invoice.status),
            Invoice.due_on.between(window.first_due_on, window.last_due_on),
            Invoice.amount_reserved == 0,
            _later_reminder(window.days).is_(None),
        )
        .order_by(Invoice.due_on, Invoice.id)
        .limit(limit)
    )
    if not with_imported:
        statement = statement.where(Invoice.import_digest.is_(None))
    if after is not None:
        statement = statement.where(sa.tuple_(Invoice.due_on, Invoice.id) > (after.due_on, after.id))
    return [DueInvoice._make(row) for row in reader.execute(statement)]


def has_reminder(reader: Reader, scope: MerchantScope, invoice_id: str, due_on: date, days: int) -> bool:
    """Return whether an invoice was reminded of on this day from its due date, or on a later one."""
    found = reader.execute(
        sa.select(sa.literal(1)).where(
            InvoiceReminder.merchant_id == scope.merchant_id,
            InvoiceReminder.invoice_id == invoice_id,
            InvoiceReminder.due_on == due_on,
            InvoiceReminder.days >= days,
        )
    )
    return found.first() is not None


def is_wanted(reader: Reader, merchant: MerchantProfile, customer_id: str, kind: NoticeKind) -> bool:
    """Return whether a customer gets a kind of notice now, by what it chose and what the merchant decided."""
    notices = merchant.settings.notices
    if not kind.is_stoppable:
        return notices.is_sent(kind, None)
    chosen = reader.execute(
        sa.select(NoticePreference.is_on).where(
            NoticePreference.merchant_id == merchant.id,
            NoticePreference.customer_id == customer_id,
            NoticePreference.kind == kind.name,
        )
    ).scalar()
    return notices.is_sent(kind, chosen)


def read_choices(reader: Reader, scope: Scope) -> dict[str, bool]:
    """Return what a customer chose, by kind; a kind that it chose nothing about is not there."""
    rows = reader.execute(
        sa.select(NoticePreference.kind, NoticePreference.is_on).where(
            NoticePreference.merchant_id == scope.merchant_id, NoticePreference.customer_id == scope.customer_id
        )
    )
    return {row.kind: row.is_on for row in rows}


class StoredCopy(NamedTuple):
    """An address that gets copies, or was asked to; `agreed_at` is None until it agreed, `ended_at` until somebody ended it."""

    id: str
    customer_id: str
    address: str
    created_at: datetime
    agreed_at: datetime | None
    ended_at: datetime | None


_COPY_COLUMNS = [getattr(NoticeCopy, name) for name in StoredCopy._fields]


def list_copies(reader: Reader, scope: Scope) -> list[StoredCopy]:
    """Return the addresses that get copies or are asked to, oldest first; there are a few at most."""
    rows = reader.execute(
        sa.select(*_COPY_COLUMNS)
        .where(
            NoticeCopy.merchant_id == scope.merchant_id,
            NoticeCopy.customer_id == scope.customer_id,
            NoticeCopy.ended_at.is_(None),
        )
        .order_by(NoticeCopy.id)
    )
    return [StoredCopy._make(row) for row in rows]


def find_copy(reader: Reader, scope: MerchantScope, copy_id: str) -> StoredCopy | None:
    """Return the copy of an id, ended ones too."""
    row = reader.execute(
        sa.select(*_COPY_COLUMNS).where(NoticeCopy.merchant_id == scope.merchant_id, NoticeCopy.id == copy_id)
    ).first()
    return StoredCopy._make(row) if row is not None else None


def _later_reminder(days: int) -> sa.ScalarSelect[int]:
    """The invoice's latest reminder of this day or a later one. As a subquery of its own, since PostgreSQL would make an anti-join of
    NOT EXISTS, and read every reminder there ever was for it."""
    return (
        sa.select(InvoiceReminder.days)
        .where(
            InvoiceReminder.merchant_id == Invoice.merchant_id,
            InvoiceReminder.invoice_id == Invoice.id,
            InvoiceReminder.due_on == Invoice.due_on,
            InvoiceReminder.days >= days,
        )
        .order_by(InvoiceReminder.days.desc())
        .limit(1)
        .correlate(Invoice)
        .scalar_subquery()
    )
