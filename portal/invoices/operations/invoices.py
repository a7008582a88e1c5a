"""Verbs of invoices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy.orm import Session

from portal.customers.queries.customers import get_contact
from portal.events.rules import Actor, EventType
from portal.invoices.models import Invoice, InvoiceLine
from portal.invoices.operations.status import record_invoice
from portal.invoices.rules import InvoiceStatus
from portal.ledger.operations.posting import post
from portal.ledger.rules import invoice_opened
from portal.money import Money
from portal.public_ids import new_id
from portal.tenancy import Scope


@dataclass(frozen=True, slots=True)
class NewLine:
    """A line: `unit_amount` in minor units with up to 8 decimals, `tax_rate` in per cent or None."""

    description: str
    quantity: Decimal
    unit_amount: Decimal
    tax_rate: Decimal | None = None

    @property
    def amount(self) -> int:
        """Minor units before tax, rounded half up."""
        return _rounded(self.quantity * self.unit_amount)


@dataclass(frozen=True, slots=True)
class NewInvoice:
    """An invoice as its merchant writes it; `description` is what it is for, in a few words.

    What customers may pay of it and in which other currencies is told as `Invoice` tells it, in minor units.
    """

    number: str
    currency: str
    issued_on: date
    due_on: date
    description: str
    lines: Sequence[NewLine] = field(default_factory=tuple)
    amount_mode: str | None = None
    minimum_amount: int | None = None
    maximum_amount: int | None = None
    preset_amounts: Sequence[int] = ()
    deposit_amount: int | None = None
    prices: Mapping[str, int] = field(default_factory=dict)


def open_invoice(session: Session, scope: Scope, new: NewInvoice, *, actor: Actor, at: datetime) -> str:
    """Open an invoice for the customer and tell its id. Tax is summed by rate and rounded half up once a rate.

    The customer's name and address are frozen on it as they are now.
    """
    subtotal = sum(line.amount for line in new.lines)
    tax = sum(taxes_of(new.lines).values())
    invoice = Invoice(
        merchant_id=scope.merchant_id,
        id=new_id("inv", at),
        customer_id=scope.customer_id,
        number=new.number,
        status=InvoiceStatus.OPEN.value,
        currency=new.currency,
        description=new.description,
        subtotal=subtotal,
        tax=tax,
        total=subtotal + tax,
        amount_mode=new.amount_mode,
        minimum_amount=new.minimum_amount,
        maximum_amount=new.maximum_amount,
        preset_amounts=list(new.preset_amounts),
        deposit_amount=new.deposit_amount,
        prices=dict(new.prices),
        issued_on=new.issued_on,
        due_on=new.due_on,
        bill_to=_bill_to(session, scope),
        created_at=at,
        updated_at=at,
        sent_at=at,
    )
    session.add(invoice)
    session.flush()
    for position, line in enumerate(new.lines, start=1):
        session.add(
            InvoiceLine(
                merchant_id=scope.merchant_id,
                invoice_id=invoice.id,
                position=position,
                description=line.description,
                quantity=format(line.quantity, "f"),
                unit_amount_decimal=format(line.unit_amount, "f"),
                tax_rate=None if line.tax_rate is None else format(line.tax_rate, "f"),
                amount=line.amount,
            )
        )
    total = Money(invoice.total, invoice.currency)
    post(session, scope.merchant_id, invoice_opened(scope.customer_id, invoice.id, total, at=at))
    record_invoice(
        session, invoice, EventType.INVOICE_OPENED, actor=actor, at=at, amount=invoice.total, currency=invoice.currency
    )
    return invoice.id


def taxes_of(lines: Sequence[NewLine]) -> dict[Decimal, int]:
    """The tax of each rate, in minor units: of the sum of its lines, rounded half up."""
    bases: dict[Decimal, int] = {}
    for line in lines:
        if line.tax_rate is not None:
            bases[line.tax_rate] = bases.get(line.tax_rate, 0) + line.amount
    return {rate: _rounded(base * rate / 100) for rate, base in bases.items()}


def _bill_to(session: Session, scope: Scope) -> dict[str, Any]:
    contact = get_contact(session, scope)
    return {"name": contact.name, "company_name": contact.company_name, "address": contact.billing_address}


def _rounded(value: Decimal) -> int:
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))
