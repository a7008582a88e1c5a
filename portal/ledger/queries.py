"""Reads of the ledger for others than its own checks."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa

from portal.database import Reader, table_of
from portal.ledger.models import LedgerEntry
from portal.ledger.rules import Entry
from portal.money import Money
from portal.tenancy import MerchantScope, parameters_of


def sum_through_gateway(reader: Reader, scope: MerchantScope, payment_ids: Collection[str]) -> Mapping[str, Money]:
    """Return what the clearing account (`gateway`) holds of each of these payments; one without an entry there is not in it."""
    rows = reader.execute(_THROUGH_GATEWAY, {**parameters_of(scope), "payment_ids": payment_ids})
    return {row.payment_id: Money(int(row.amount), row.currency) for row in rows}


_ENTRIES = table_of(LedgerEntry).c
_THROUGH_GATEWAY = (
    sa.select(_ENTRIES.payment_id, _ENTRIES.currency, sa.func.sum(_ENTRIES.amount).label("amount"))
    .where(
        _ENTRIES.merchant_id == sa.bindparam("merchant_id"),
        _ENTRIES.payment_id.in_(sa.bindparam("payment_ids", expanding=True)),
        _ENTRIES.account == "gateway",
    )
    .group_by(_ENTRIES.payment_id, _ENTRIES.currency)
)


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
