"""Reads of invoices and credit notes for the import, which compares each row of a file with what is here, column by column."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

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
