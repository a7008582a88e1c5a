"""Operations on invoices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.contacts import ContactRefused, normalise_name
from portal.customers.queries.customers import get_contact, get_customer
from portal.database import table_of
from portal.events.rules import Actor, EventType
from portal.invoices.errors import (
    DuplicateNumber,
    InvalidInvoice,
    InvoiceNotVoidable,
    PaymentInProgress,
    UnknownInvoice,
)
from portal.invoices.models import Invoice, InvoiceLine, InvoiceNumber
from portal.invoices.operations.papers import fix_invoice_paper
from portal.invoices.operations.status import become, record_invoice
from portal.invoices.rules import InvoiceStatus, may_follow
from portal.ledger.operations.posting import post
from portal.ledger.rules import invoice_opened, invoice_voided
from portal.merchants.queries import MerchantProfile, lock_merchant
from portal.money import CURRENCIES, MAX_AMOUNT, Money
from portal.public_ids import new_id
from portal.tenancy import MerchantScope, Scope


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
    """An invoice as its merchant writes it; `description` is what it is for, in a few words. "" for a number is the merchant's next.

    The amounts that customers may pay of it and the prices in other currencies are those of `Invoice`, in minor units.
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
    """Open an invoice for the customer and return its id. Tax is summed by rate and rounded half up once a rate.

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
    lines = [
        {
            "merchant_id": scope.merchant_id,
            "invoice_id": invoice.id,
            "position": position,
            "description": line.description,
            "quantity": format(line.quantity, "f"),
            "unit_amount_decimal": format(line.unit_amount, "f"),
            "tax_rate": None if line.tax_rate is None else format(line.tax_rate, "f"),
            "amount": line.amount,
        }
        for position, line in enumerate(new.lines, start=1)
    ]
    if lines:
        session.execute(_INSERT_LINES, lines)
    fix_invoice_paper(session, scope.merchant_id, invoice.id)
    total = Money(invoice.total, invoice.currency)
    post(session, scope.merchant_id, invoice_opened(scope.customer_id, invoice.id, total, at=at))
    record_invoice(
        session, invoice, EventType.INVOICE_OPENED, actor=actor, at=at, amount=invoice.total, currency=invoice.currency
    )
    return invoice.id


# On the table: through the model, an insert costs several times as much.
_INSERT_LINES = sa.insert(table_of(InvoiceLine))


def create_invoice(
    session: Session, merchant: MerchantProfile, customer_id: str, new: NewInvoice, *, actor: Actor, at: datetime
) -> str:
    """Check an invoice, give it the merchant's next number where it has none, open it, and return its id. A total of zero is paid at once.

    Raises InvalidInvoice, UnknownCustomer, CustomerDeleted, and DuplicateNumber when any invoice of the merchant has the number.
    """
    scope = MerchantScope(merchant.id)
    get_customer(session, scope, customer_id)
    checked = _checked(new)
    # One at a time within a merchant: a number has no unique index of its own, since imported ones repeat between customers.
    lock_merchant(session, merchant.id)
    if checked.number:
        if (other := _find_by_number(session, merchant.id, checked.number)) is not None:
            raise DuplicateNumber(other)
    else:
        checked = replace(checked, number=_next_number(session, merchant))
    invoice_id = open_invoice(session, Scope(merchant.id, customer_id), checked, actor=actor, at=at)
    invoice = session.get_one(Invoice, (merchant.id, invoice_id))
    if invoice.total == 0:
        invoice.paid_at = at
        become(session, invoice, InvoiceStatus.PAID, actor=actor, at=at)
    return invoice_id


def void_invoice(session: Session, merchant_id: str, invoice_id: str, *, actor: Actor, at: datetime) -> None:
    """Take an invoice back: what is left to pay of it is not owed any more; what was paid stays with its payments.

    Raises UnknownInvoice, InvoiceNotVoidable where it is paid or void, and PaymentInProgress while a payment has reserved some of it.
    """
    invoice = session.get(Invoice, (merchant_id, invoice_id), with_for_update=True)
    if invoice is None:
        raise UnknownInvoice
    if not may_follow(invoice.status, InvoiceStatus.VOID):
        raise InvoiceNotVoidable(invoice.status)
    if invoice.amount_reserved:
        raise PaymentInProgress
    if invoice.status != InvoiceStatus.DRAFT:
        due = Money(invoice.amount_due, invoice.currency)
        post(session, merchant_id, invoice_voided(invoice.customer_id, invoice.id, due, at=at))
    invoice.version += 1
    become(session, invoice, InvoiceStatus.VOID, actor=actor, at=at)


def taxes_of(lines: Sequence[NewLine]) -> dict[Decimal, int]:
    """The tax of each rate, in minor units: of the sum of its lines, rounded half up."""
    bases: dict[Decimal, int] = {}
    for line in lines:
        if line.tax_rate is not None:
            bases[line.tax_rate] = bases.get(line.tax_rate, 0) + line.amount
    return {rate: _rounded(base * rate / 100) for rate, base in bases.items()}


def _checked(new: NewInvoice) -> NewInvoice:
    """Return the invoice with its texts in the form that is stored. Raises InvalidInvoice, which names the field."""
    if new.currency not in CURRENCIES:
        raise InvalidInvoice("currency", "the currency is not one of ISO 4217, such as EUR or XAF")
    if new.due_on < new.issued_on:
        raise InvalidInvoice("due_on", "an invoice is not due before it is issued")
    if not new.lines:
        raise InvalidInvoice("lines", "an invoice has at least one line")
    lines = [replace(line, description=_text("lines.description", line.description)) for line in new.lines]
    for line in lines:
        if not line.description:
            raise InvalidInvoice("lines.description", "a line says what it is for")
        if line.tax_rate is not None and not 0 <= line.tax_rate <= 100:
            raise InvalidInvoice("lines.tax_rate", "a tax rate is from 0 to 100 per cent")
        if abs(line.amount) > MAX_AMOUNT:
            raise InvalidInvoice("lines.unit_amount", "an amount has at most 15 digits")
    subtotal = sum(line.amount for line in lines)
    total = subtotal + sum(taxes_of(lines).values())
    if not 0 <= total <= MAX_AMOUNT or abs(subtotal) > MAX_AMOUNT:
        raise InvalidInvoice("lines", "an invoice comes to nothing or more, and to at most 15 digits")
    description = _text("description", new.description) or lines[0].description
    return replace(new, number=_text("number", new.number), description=description, lines=tuple(lines))


def _text(field: str, text: str) -> str:
    try:
        return normalise_name(text, field=field)
    except ContactRefused as fault:
        raise InvalidInvoice(field, str(fault)) from fault


def _next_number(session: Session, merchant: MerchantProfile) -> str:
    """Return the merchant's next number, `ACME-0001`; one that an invoice has already is passed over."""
    counter = session.get(InvoiceNumber, merchant.id, with_for_update=True)
    if counter is None:
        counter = InvoiceNumber(merchant_id=merchant.id, last=0)
        session.add(counter)
    while True:
        counter.last += 1
        number = f"{merchant.slug.upper()}-{counter.last:04}"
        if _find_by_number(session, merchant.id, number) is None:
            return number


def _find_by_number(session: Session, merchant_id: str, number: str) -> str | None:
    return session.execute(
        sa.select(Invoice.id).where(Invoice.merchant_id == merchant_id, Invoice.number == number).limit(1)
    ).scalar()


def _bill_to(session: Session, scope: Scope) -> dict[str, Any]:
    contact = get_contact(session, scope)
    numbers = {
        "tax_number": contact.tax_ids[0]["value"] if contact.tax_ids else None,
        "purchase_order": contact.purchase_order,
    }
    return {
        "name": contact.name,
        "company_name": contact.company_name,
        "address": contact.billing_address,
        **{name: number for name, number in numbers.items() if number},
    }


def _rounded(value: Decimal) -> int:
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_UP))
