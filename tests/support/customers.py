"""Merchants, their customers and what these owe: the one way to create them in tests, so that the ledger is proved in each.

`add_…` are the real operations with usual values. `insert_…` write a row in a state that no operation makes at once (paid long
ago, half refunded), and post what the row says of money. Rows by the thousand are the affair of `crowds.py` and `bench/seeding.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from portal.contacts import ContactRefused, normalise_email
from portal.credit import operations as credit
from portal.customers.models import Customer
from portal.customers.operations import create_customer
from portal.customers.rules.profiles import CustomerDetails, email_key
from portal.database import Base
from portal.invoices.models import CreditNote, Invoice
from portal.invoices.operations.invoices import NewInvoice, NewLine, open_invoice
from portal.ledger.operations.posting import post
from portal.ledger.rules import Entry, Posting, credit_granted, invoice_opened
from portal.merchants.operations import NewMerchant, create_merchant
from portal.money import Money
from portal.payment_methods.models import PaymentMethod
from portal.payments.models import Payment, PaymentAllocation
from portal.payments.rules.statuses import CAPTURED
from portal.public_ids import new_id
from portal.refunds.models import Refund
from portal.tenancy import Scope
from tests.support.actors import OPERATOR

_CUSTOMER_DETAILS = {each.name for each in fields(CustomerDetails)}
_INVOICE_DETAILS = {each.name for each in fields(NewInvoice)}
_Row = TypeVar("_Row", bound=Base)
_NOT_BILLED = ("draft", "void")


def add_merchant(session: Session, slug: str = "acme", *, at: datetime, **details: Any) -> str:
    """A merchant that bills in dollars; return its id. `details` are as in `NewMerchant`."""
    usual = {
        "name": slug.title(), "legal_name": f"{slug.title()} Inc.", "currency": "USD", "support_email": f"help@{slug}.example",
    }  # fmt: skip
    new = NewMerchant(slug, **{**usual, "themes": (details.get("theme", "base"),), **details})
    return create_merchant(session, new, actor=OPERATOR, at=at).id


def add_customer(
    session: Session, merchant_id: str, email: str | None = "maya@lindqvist.example", *, at: datetime, **details: Any
) -> Scope:
    """A customer, whose address may be another's too; return its scope.

    `details` are as in `CustomerDetails`, or columns that no operation sets. An address that the operation would refuse or
    bring into another form is stored as it is, and without one a reference stands for it.
    """
    given = {"name": "Maya Lindqvist", **details}
    entered = {name: value for name, value in given.items() if name in _CUSTOMER_DETAILS and value is not None}
    if is_valid := _is_valid(email):
        entered["email"] = email
    else:
        entered.setdefault("reference", new_id("cus", at))
    new = CustomerDetails(**entered)
    customer_id = create_customer(session, merchant_id, new, actor=OPERATOR, at=at, allow_duplicate=True)
    columns = {name: value for name, value in given.items() if name not in _CUSTOMER_DETAILS}
    if not is_valid:
        columns |= {"email": email, "email_key": email_key(email) if email else email}
    if columns:
        customer = session.get_one(Customer, (merchant_id, customer_id))
        for name, value in columns.items():
            setattr(customer, name, value)
        session.flush()
    return Scope(merchant_id, customer_id)


def add_invoice(
    session: Session,
    scope: Scope,
    total: int = 5000,
    *,
    at: datetime,
    currency: str = "USD",
    due_in_days: int = 7,
    **details: Any,
) -> str:
    """An open invoice with one line, in minor units, due so many days after `at`; return its id.

    `details` are as in `NewInvoice`. With a column that opening an invoice does not set it is `insert_invoice`.
    """
    invoice = {
        "number": new_id("inv", at)[-8:], "currency": currency, "description": "Team plan", "issued_on": at.date(),
        "due_on": at.date() + timedelta(days=due_in_days), **details,
    }  # fmt: skip
    if details.keys() - _INVOICE_DETAILS:
        return insert_invoice(session, scope, at=at, total=total, **invoice)
    line = NewLine(str(invoice["description"]), Decimal(1), Decimal(total))
    return open_invoice(session, scope, NewInvoice(**{"lines": [line], **invoice}), actor=OPERATOR, at=at)


def grant_credit(session: Session, scope: Scope, amount: int, currency: str = "USD", *, at: datetime) -> None:
    """Money to the customer's credit, as a credit note brings it."""
    money = Money(amount, currency)
    credit.grant(session, scope, money, at=at)
    post(session, scope.merchant_id, credit_granted(scope.customer_id, new_id("cn", at), money, at=at))


def insert_invoice(session: Session, scope: Scope, *, at: datetime, **columns: Any) -> str:
    """An invoice in any state, posted: what is left to pay of it is owed; return its id."""
    row = {
        "id": new_id("inv", at), "status": "open", "subtotal": columns["total"], "created_at": at, "updated_at": at, **columns,
    }  # fmt: skip
    invoice = _insert(session, Invoice(merchant_id=scope.merchant_id, customer_id=scope.customer_id, **row))
    if invoice.status not in _NOT_BILLED:
        owed = Money(invoice.amount_due, invoice.currency)
        post(session, scope.merchant_id, invoice_opened(scope.customer_id, invoice.id, owed, at=at))
    return invoice.id


def insert_credit_note(
    session: Session, scope: Scope, invoice_id: str, amount: int, number: str, *, at: datetime
) -> str:
    """A credit note that has lowered an invoice; return its id. By how much, the invoice's own row says."""
    note = CreditNote(
        merchant_id=scope.merchant_id, id=new_id("cn", at), customer_id=scope.customer_id, invoice_id=invoice_id,
        number=number, currency="USD", description="", amount=amount, amount_applied=amount, issued_on=at.date(), created_at=at,
    )  # fmt: skip
    return _insert(session, note).id


def insert_payment(
    session: Session,
    scope: Scope,
    status: str = "complete",
    amount: int = 5000,
    *,
    at: datetime,
    pays: Mapping[str, int] | None = None,
    state: str = "settled",
    **columns: Any,
) -> str:
    """A payment in any state with a Visa card, and its shares of invoices (`pays`) in `state`; return its id.

    Posted is what the gateway holds of it and what it moved of the customer's credit; what invoices are owed, their rows say.
    """
    is_over = status in ("complete", "refunded", "partially_refunded", "failed", "canceled")
    way = "saved_method" if columns.get("payment_method_id") else "prompt" if columns.get("channel") else "new_method"
    row = {
        "id": new_id("pay", at), "status": status, "currency": "USD", "amount": amount, "description": "Team plan",
        "note": "ACME-0001", "gateway": "sandbox", "method_type": "card", "method_brand": "visa", "method_last4": "4242",
        "created_at": at, "updated_at": at, "confirmed_at": at, "sent_at": at, "expires_at": at + timedelta(hours=3),
        "completed_at": at if is_over else None, "amount_choice": "full", "way": way,
        "failure_code": "card_declined" if status in ("failed", "rejected") else None, **columns,
    }  # fmt: skip
    payment = _insert(session, Payment(merchant_id=scope.merchant_id, customer_id=scope.customer_id, **row))
    for invoice_id, share in (pays or {}).items():
        _insert(
            session,
            PaymentAllocation(
                merchant_id=scope.merchant_id, payment_id=payment.id, invoice_id=invoice_id, state=state, amount=share,
                invoice_version=1,
            ),
        )  # fmt: skip
    if status in CAPTURED:
        post(session, scope.merchant_id, _payment_captured_before(payment, at))
    return payment.id


def insert_refund(session: Session, scope: Scope, payment_id: str, amount: int, status: str, *, at: datetime) -> str:
    """A refund in any state; return its id. What the payment's row has refunded of it, that row says."""
    refund = _insert(
        session,
        Refund(
            merchant_id=scope.merchant_id, id=new_id("re", at), payment_id=payment_id, status=status, currency="USD",
            amount=amount, created_at=at, completed_at=at if status == "complete" else None,
        ),
    )  # fmt: skip
    if status == "pending":
        money, of = Money(amount, "USD"), (scope.customer_id, None, payment_id)
        entries = Entry("sales", money, *of), Entry("refunds_in_transit", Money(-amount, "USD"), *of)
        still_at_gateway = Entry("gateway", money, *of, "sandbox"), Entry("sales", Money(-amount, "USD"), *of)
        post(session, scope.merchant_id, Posting("refund_begun", refund.id, at, (*entries, *still_at_gateway)))
    return refund.id


def insert_method(session: Session, scope: Scope, *, at: datetime, **columns: Any) -> str:
    """A saved Visa card, good until the end of 2030; return its id."""
    method_id = new_id("pm", at)
    row = {
        "gateway": "sandbox", "token": f"tok_{method_id}", "fingerprint": method_id, "type": "card", "brand": "visa",
        "last4": "4242", "exp_month": 12, "exp_year": 2030, "is_default": False, "status": "active", "created_at": at, **columns,
    }  # fmt: skip
    method = PaymentMethod(merchant_id=scope.merchant_id, id=method_id, customer_id=scope.customer_id, **row)
    return _insert(session, method).id


def _insert(session: Session, row: _Row) -> _Row:
    session.add(row)
    session.flush()
    return row


def _payment_captured_before(payment: Payment, at: datetime) -> Posting | None:
    """What the row says: the rest at the gateway, and credit that it used or granted, against what is not of the payment."""

    def entry(account: str, amount: int, payment_id: str | None = None) -> Entry:
        gateway = payment.gateway if account == "gateway" else None
        return Entry(account, Money(amount, payment.currency), payment.customer_id, None, payment_id, gateway)

    held = payment.amount - payment.credit_amount - payment.amount_refunded
    granted = payment.credit_granted - payment.credit_amount
    entries = (
        entry("gateway", held, payment.id), entry("sales", -held),
        entry("credit", -granted, payment.id), entry("credit", granted),
    )  # fmt: skip
    moved = tuple(each for each in entries if each.money.amount)
    return Posting("payment_recorded", payment.id, at, moved) if moved else None


def _is_valid(email: str | None) -> bool:
    try:
        return email is not None and normalise_email(email) == email
    except ContactRefused:
        return False
