"""Reads of pay links. What is revoked, over, or another merchant's is not found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from portal.customers.models import Customer
from portal.customers.queries.accounts import MAY_SIGN_IN
from portal.database import Reader, table_of
from portal.invoices.models import Invoice
from portal.invoices.rules import OUTSTANDING
from portal.pay_links.models import PayLink
from portal.pay_links.rules import OPEN_AFTER_SETTLED, is_over
from portal.tenancy import MerchantScope, Scope


@dataclass(frozen=True, slots=True)
class PayLinkState:
    """A link as its token names it. `is_open` is False for one that was revoked, has ended, or whose customer is blocked or deleted.

    `ends_at` is when its page goes, once its invoice is settled; None before.
    """

    id: str
    merchant_id: str
    customer_id: str
    invoice_id: str
    is_open: bool
    ends_at: datetime | None

    @property
    def scope(self) -> Scope:
        """Whose invoice it is. Who has the link reads nothing in this scope but the invoice and what was paid by the link."""
        return Scope(self.merchant_id, self.customer_id)


def find_pay_link(reader: Reader, merchant_id: str, link_id: str, *, now: datetime) -> PayLinkState | None:
    """Return the link of an id that a token proved (`rules.link_of`); None where it was never made, or is gone with its invoice."""
    row = reader.execute(_ONE, {"merchant_id": merchant_id, "link_id": link_id}).first()
    if row is None:
        return None
    settled_at = None if row.status in OUTSTANDING else row.paid_at or row.updated_at
    is_open = row.revoked_at is None and row.may_sign_in and not is_over(row.status, settled_at=settled_at, now=now)
    ends_at = settled_at + OPEN_AFTER_SETTLED if settled_at is not None else None
    return PayLinkState(link_id, merchant_id, row.customer_id, row.invoice_id, bool(is_open), ends_at)


def find_standing_link(reader: Reader, scope: MerchantScope) -> str | None:
    """Return the oldest link of the merchant that nobody revoked and whose invoice is to be paid; None where there is none."""
    return reader.execute(
        sa.select(_L.id)
        .join(table_of(Invoice), sa.and_(_I.merchant_id == _L.merchant_id, _I.id == _L.invoice_id))
        .where(
            _L.merchant_id == scope.merchant_id,
            _I.merchant_id == scope.merchant_id,
            _L.revoked_at.is_(None),
            _I.status.in_(sorted(OUTSTANDING)),
        )
        .order_by(_L.id)
        .limit(1)
    ).scalar()


_L, _I, _C = table_of(PayLink).c, table_of(Invoice).c, table_of(Customer).c
_ONE = (
    sa.select(
        _L.customer_id,
        _L.invoice_id,
        _L.revoked_at,
        _I.status,
        _I.paid_at,
        _I.updated_at,
        sa.and_(*MAY_SIGN_IN).label("may_sign_in"),
    )
    .join(table_of(Invoice), sa.and_(_I.merchant_id == _L.merchant_id, _I.id == _L.invoice_id))
    .join(table_of(Customer), sa.and_(_C.merchant_id == _L.merchant_id, _C.id == _L.customer_id))
    .where(
        _L.merchant_id == sa.bindparam("merchant_id"),
        _I.merchant_id == sa.bindparam("merchant_id"),
        _C.merchant_id == sa.bindparam("merchant_id"),
        _L.id == sa.bindparam("link_id"),
    )
)
