"""Reads of the ledger for others than its own checks."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa

from portal.database import Reader
from portal.ledger.models import LedgerEntry
from portal.ledger.rules import Entry
from portal.money import Money
from portal.tenancy import MerchantScope


def sum_through_gateway(reader: Reader, scope: MerchantScope, payment_ids: Collection[str]) -> Mapping[str, Money]:
    """Return what the clearing account (`gateway`) holds of each of these payments; one without an entry there is not in it."""
    rows = reader.execute(
        sa.select(LedgerEntry.payment_id, LedgerEntry.currency, sa.func.sum(LedgerEntry.amount).label("amount"))
        .where(
            LedgerEntry.merchant_id == scope.merchant_id,
            LedgerEntry.payment_id.in_(payment_ids),
            LedgerEntry.account == "gateway",
        )
        .group_by(LedgerEntry.payment_id, LedgerEntry.currency)
    )
    return {row.payment_id: Money(int(row.amount), row.currency) for row in rows}


def list_entries_of(reader: Reader, scope: MerchantScope, payment_id: str) -> list[Entry]:
    """Return all entries that were posted for a payment."""
    rows = reader.execute(
        sa.select(
            LedgerEntry.account,
            LedgerEntry.amount,
            LedgerEntry.currency,
            LedgerEntry.customer_id,
            LedgerEntry.invoice_id,
            LedgerEntry.payment_id,
            LedgerEntry.gateway,
        )
        .where(LedgerEntry.merchant_id == scope.merchant_id, LedgerEntry.payment_id == payment_id)
        .order_by(LedgerEntry.transaction_id, LedgerEntry.position)
    )
    return [Entry(account, Money(amount, currency), *objects) for account, amount, currency, *objects in rows]
