"""Reads of pay links. What another merchant made is not found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from portal.customers.queries.customers import find_customer
from portal.database import Reader, table_of
from portal.invoices.queries.invoices import find_invoice, find_invoices
from portal.invoices.rules import OUTSTANDING
from portal.pay_links.models import PayLink
from portal.pay_links.rules import OPEN_AFTER_SETTLED, is_over
from portal.tenancy import MerchantScope, Scope

_MOST_SEARCHED = 50


@dataclass(frozen=True, slots=True)
class PayLinkState:
    """A link as its token names it. `is_open` is False for one that was revoked, has ended, or whose customer is blocked or deleted.

    `ends_at` is when its page goes, once its invoice is settled; None before. `payer_locale` is the customer's language, None where it has
    none.
    """

    id: str
    merchant_id: str
    customer_id: str
    invoice_id: str
    is_open: bool
    ends_at: datetime | None
    payer_locale: str | None = None

    @property
    def scope(self) -> Scope:
        """Whose invoice it is. Who has the link reads nothing in this scope but the invoice and what was paid by the link."""
        return Scope(self.merchant_id, self.customer_id)


def find_pay_link(reader: Reader, merchant_id: str, link_id: str, *, now: datetime) -> PayLinkState | None:
    """Return the link of an id that a token proved (`rules.link_of`); None where it was never made."""
    row = reader.execute(_ONE, {"merchant_id": merchant_id, "link_id": link_id}).first()
    if row is None:
        return None
    scope = MerchantScope(merchant_id)
    invoice = find_invoice(reader, scope, row.invoice_id)
    customer = find_customer(reader, scope, row.customer_id)
    assert invoice is not None, "a foreign key keeps the invoice of a link"
    settled_at = None if invoice.status in OUTSTANDING else invoice.paid_at or invoice.updated_at
    may_sign_in = customer is not None and not customer.blocked
    is_open = row.revoked_at is None and may_sign_in and not is_over(invoice.status, settled_at=settled_at, now=now)
    ends_at = settled_at + OPEN_AFTER_SETTLED if settled_at is not None else None
    locale = customer.locale if customer is not None else None
    return PayLinkState(link_id, merchant_id, row.customer_id, row.invoice_id, is_open, ends_at, locale)


def find_standing_link(reader: Reader, scope: MerchantScope) -> str | None:
    """Return one of the merchant's oldest links that nobody revoked and whose invoice is to be paid; None where there is none."""
    links = reader.execute(_STANDING, {"merchant_id": scope.merchant_id}).all()
    invoices = find_invoices(reader, scope, [link.invoice_id for link in links])
    return next((link.id for link in links if invoices[link.invoice_id].status in OUTSTANDING), None)


_L = table_of(PayLink).c
_ONE = sa.select(_L.customer_id, _L.invoice_id, _L.revoked_at).where(
    _L.merchant_id == sa.bindparam("merchant_id"), _L.id == sa.bindparam("link_id")
)
_STANDING = (
    sa.select(_L.id, _L.invoice_id)
    .where(_L.merchant_id == sa.bindparam("merchant_id"), _L.revoked_at.is_(None))
    .order_by(_L.id)
    .limit(_MOST_SEARCHED)
)
