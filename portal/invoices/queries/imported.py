"""Reads of invoices and credit notes for the import, which compares each row of a file with what is here, column by column."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Reader
from portal.invoices.models import CreditNote, Invoice
from portal.tenancy import MerchantScope

Numbered = dict[tuple[str, str], sa.Row[Any]]
"""Rows with all columns of their table, by number and customer."""


def lock_invoices_by_number(session: Session, scope: MerchantScope, numbers: Collection[str]) -> Numbered:
    """Return the invoices of these numbers, under their locks."""
    return _locked(session, sa.select(Invoice.__table__), Invoice, scope, numbers)


def lock_credit_notes_by_number(session: Session, scope: MerchantScope, numbers: Collection[str]) -> Numbered:
    """Return the credit notes of these numbers, under their locks."""
    return _locked(session, sa.select(CreditNote.__table__), CreditNote, scope, numbers)


def lock_invoices(session: Session, scope: MerchantScope, invoice_ids: Collection[str]) -> list[Invoice]:
    """Return invoices to be changed, by id, under their locks, as they are in the database now."""
    return list(
        session.scalars(
            sa.select(Invoice)
            .where(Invoice.merchant_id == scope.merchant_id, Invoice.id.in_(sorted(invoice_ids)))
            .order_by(Invoice.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


def lock_credit_notes(session: Session, scope: MerchantScope, note_ids: Collection[str]) -> list[CreditNote]:
    """Return credit notes to be changed, by id, under their locks."""
    return list(
        session.scalars(
            sa.select(CreditNote)
            .where(CreditNote.merchant_id == scope.merchant_id, CreditNote.id.in_(sorted(note_ids)))
            .order_by(CreditNote.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


def find_customers_with_invoices(
    reader: Reader, scope: MerchantScope, customer_ids: Collection[str], *, but_numbers_like: str
) -> set[str]:
    """Return those of these customers who have a credit note, or an invoice whose number is not like a pattern."""
    found: set[str] = set()
    for model, condition in (
        (Invoice, Invoice.number.not_like(but_numbers_like)),
        (CreditNote, sa.true()),
    ):
        found |= set(
            reader.execute(
                sa.select(model.customer_id).where(
                    model.merchant_id == scope.merchant_id, model.customer_id.in_(sorted(customer_ids)), condition
                )
            ).scalars()
        )
    return found


def lock_invoice(session: Session, scope: MerchantScope, invoice_id: str) -> Invoice:
    """Return one invoice to be changed, under its lock, as it is in the database now."""
    key = (scope.merchant_id, invoice_id)
    return session.get_one(Invoice, key, with_for_update=True, populate_existing=True)


def _locked(
    session: Session, statement: sa.Select[Any], model: Any, scope: MerchantScope, numbers: Collection[str]
) -> Numbered:
    # Locked in the order of their ids on PostgreSQL, so that two imports never wait for each other in a circle.
    rows = session.execute(
        statement.where(model.merchant_id == scope.merchant_id, model.number.in_(numbers))
        .order_by(model.id)
        .with_for_update()
    )
    return {(row.number, row.customer_id): row for row in rows}
