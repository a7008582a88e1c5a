"""The shares of invoices that a payment proposes: read for the review, and under their locks for the confirmation.

`list_shares` is packed for the review of a checkout: invoices, shares and payment in one statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Reader
from portal.fingerprints import fingerprint
from portal.invoices.models import Invoice
from portal.invoices.queries.payable import PAYABLE_COLUMNS, PayableInvoice, lock_chosen
from portal.invoices.rules import OUTSTANDING
from portal.merchants.rules.payment_options import PaymentOptions
from portal.payments.models import Payment, PaymentAllocation
from portal.payments.queries.holders import find_other_holders
from portal.payments.rules.amounts import Due, Part, Pricing
from portal.tenancy import Scope


def due_of(invoice: PayableInvoice, options: PaymentOptions) -> Due:
    """An outstanding invoice as pricing sees it: what no payment under way holds is left. Where it says nothing at all of what
    amount may be chosen, the merchant's options do: the two are never mixed."""
    moved = invoice.amount_paid + invoice.amount_credited + invoice.amount_reserved
    own = _Choices(invoice.minimum_amount, invoice.maximum_amount, tuple(invoice.preset_amounts))
    limits = own if any(own) else _usual_choices(options, invoice.currency)
    return Due(
        invoice_id=invoice.id,
        currency=invoice.currency,
        left=invoice.total - moved,
        version=invoice.version,
        amount_mode=invoice.amount_mode or options.amount_mode,
        minimum=limits.minimum,
        maximum=limits.maximum,
        presets=limits.presets,
        deposit=invoice.deposit_amount,
        prices=invoice.prices,
        is_untouched=moved == 0,
    )


class _Choices(NamedTuple):
    minimum: int | None = None
    maximum: int | None = None
    presets: tuple[int, ...] = ()


def _usual_choices(options: PaymentOptions, currency: str) -> _Choices:
    usual = options.amounts.get(currency)
    return _Choices(usual.minimum, usual.maximum, usual.presets) if usual else _Choices()


@dataclass(frozen=True, slots=True)
class Share:
    """One invoice in a payment: the `part` of it that was chosen, and the invoice as it is now (`due`; None when nothing is
    left of it in the payment's currency).

    `is_held`: another payment under way holds a part of it. `is_open`: something of it is free to be paid, in whatever currency.
    """

    number: str
    title: str
    part: Part
    due: Due | None
    is_held: bool
    is_open: bool

    @property
    def invoice_id(self) -> str:
        return self.part.invoice_id


def list_shares(reader: Reader, scope: Scope, payment_id: str, options: PaymentOptions) -> list[Share]:
    """The shares of a payment, oldest due first; empty for a payment of somebody else, and for money in advance."""
    rows = reader.execute(
        sa.select(
            *PAYABLE_COLUMNS,
            PaymentAllocation.amount.label("share"),
            PaymentAllocation.price,
            PaymentAllocation.invoice_version,
            Payment.currency.label("payment_currency"),
            Payment.split_of,
        )
        .join(
            PaymentAllocation,
            sa.and_(PaymentAllocation.merchant_id == Invoice.merchant_id, PaymentAllocation.invoice_id == Invoice.id),
        )
        .join(
            Payment,
            sa.and_(Payment.merchant_id == PaymentAllocation.merchant_id, Payment.id == PaymentAllocation.payment_id),
        )
        .where(
            Invoice.merchant_id == scope.merchant_id,
            Invoice.customer_id == scope.customer_id,
            PaymentAllocation.merchant_id == scope.merchant_id,
            PaymentAllocation.payment_id == payment_id,
        )
        .order_by(Invoice.due_on, Invoice.id)
    ).all()
    held = find_other_holders(reader, scope, payment_id) if any(row.amount_reserved for row in rows) else {}
    width, shares = len(PayableInvoice._fields), []
    for row in rows:
        due = due_of(PayableInvoice._make(row[:width]), options)
        is_open = row.status in OUTSTANDING and due.left > 0
        is_payable = is_open and due.price_in(row.payment_currency) is not None
        others = held.get(row.id, set()) - {row.split_of}
        part = Part(row.id, row.share, row.price or row.share, row.invoice_version)
        title = row.description or row.number
        shares.append(Share(row.number, title, part, due if is_payable else None, bool(others), is_open))
    return shares


def chosen_pricing(
    currency: str, total: int, credit: int, allocations: Sequence[tuple[str, int, int | None]]
) -> Pricing:
    """A payment as it was chosen; `allocations` are (invoice id, share, price)."""
    parts = tuple(Part(invoice_id, share, price or share, 0) for invoice_id, share, price in allocations)
    return Pricing(currency, parts, total, credit)


def lock_dues(
    session: Session, scope: Scope, invoice_ids: Sequence[str], options: PaymentOptions
) -> tuple[list[Due], dict[str, int]]:
    """The outstanding ones of these invoices, oldest due first, and what payments under way hold of each, under their locks."""
    locked = lock_chosen(session, scope, invoice_ids)
    open_ones = sorted((row for row in locked if row.status in OUTSTANDING), key=lambda row: (row.due_on, row.id))
    return [due_of(row, options) for row in open_ones], {row.id: row.amount_reserved for row in open_ones}


def shown_version(payment_id: str, pricing: Pricing, method_id: str | None) -> str:
    """A short fingerprint of what a review shows: posted back with the confirmation, so that what is charged is what was shown,
    and by the saved method that was shown (None for any other way).

    It guards against mistakes, not against the customer.
    """
    parts = sorted(f"{part.invoice_id}:{part.share}:{part.price}" for part in pricing.parts)
    told = [payment_id, method_id or "", pricing.currency, str(pricing.total), str(pricing.credit), *parts]
    return fingerprint("|".join(told).encode())
