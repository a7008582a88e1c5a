"""What every run begins with: a merchant that allows every way to pay, two customers with saved cards, and invoices of each kind."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from portal.clock import MovableClock
from portal.credit import operations as credit
from portal.customers.models import Customer
from portal.invoices.models import Invoice
from portal.ledger.operations.posting import post
from portal.ledger.rules import credit_granted, invoice_opened
from portal.merchants.operations import NewMerchant, create_merchant, set_payment_options
from portal.merchants.rules.payment_options import AmountLimits, PaymentOptions
from portal.migrations import upgrade
from portal.money import Money
from portal.payment_methods.models import PaymentMethod
from portal.public_ids import new_id
from portal.settings import Settings
from portal.tenancy import Scope
from tests.simulation.memory import MemoryDatabase
from tests.support.actors import OPERATOR

GATEWAY = "simulated"
_OPTIONS = PaymentOptions("editable", allow_split=True, top_ups={"USD": AmountLimits(100, 50_000)})
_INVOICES: tuple[tuple[int, str, dict[str, Any]], ...] = (
    (5000, "USD", {}),
    (8000, "USD", {"amount_mode": "editable", "minimum_amount": 500}),
    (12_000, "USD", {"amount_mode": "fixed", "deposit_amount": 3000}),
    (9000, "USD", {"amount_mode": "fixed", "prices": {"EUR": 8300}}),
    (30_000, "XAF", {"amount_mode": "editable_after_insufficient_funds"}),
)


@dataclass(frozen=True)
class Payer:
    """A customer of the merchant, with a saved card."""

    name: str
    scope: Scope
    method_id: str


@dataclass(frozen=True)
class Installation:
    """The portal on a database in memory; `kept` is that database as every run finds it."""

    settings: Settings
    database: MemoryDatabase
    merchant_id: str
    payers: tuple[Payer, ...]
    started_at: datetime
    kept: sqlite3.Connection


@cache
def installation() -> Installation:
    """The one of this process."""
    database = MemoryDatabase()
    upgrade(database)
    settings = Settings.load(
        {
            "PORTAL_SECRET_KEY": "a secret for simulations alone of more than thirty-two characters",
            "PORTAL_BASE_URL": "http://127.0.0.1:5000",
            "PORTAL_PAYMENT_ATTEMPTS_PER_CUSTOMER_PER_HOUR": "1000",
        }
    )
    clock = MovableClock()
    with database.unit_of_work() as session:
        new = NewMerchant(slug="acme", name="Acme", currency="USD", gateway=GATEWAY)
        merchant = create_merchant(session, new, actor=OPERATOR, at=clock.now())
        session.flush()
        set_payment_options(session, merchant.id, _OPTIONS, actor=OPERATOR, at=clock.now())
    payers = tuple(_payer(database, merchant.id, name, clock) for name in ("Maya", "Noor"))
    return Installation(settings, database, merchant.id, payers, clock.now(), database.keep())


def open_invoice(
    database: MemoryDatabase, scope: Scope, clock: MovableClock, total: int, currency: str, **given: Any
) -> str:
    """Bill the customer, as an import does; tells the invoice's id."""
    now = clock.advance(milliseconds=1)
    invoice_id = new_id("inv", now)
    with database.unit_of_work() as session:
        session.add(
            Invoice(
                merchant_id=scope.merchant_id, id=invoice_id, customer_id=scope.customer_id, number=invoice_id[-8:],
                status="open", currency=currency, description="Team plan", subtotal=total, total=total,
                issued_on=date(2026, 3, 1), due_on=now.date() + timedelta(days=7), created_at=now, updated_at=now, **given,
            )
        )  # fmt: skip
        money = Money(total, currency)
        post(session, scope.merchant_id, invoice_opened(scope.customer_id, invoice_id, money, at=now))
    return invoice_id


def grant_credit(database: MemoryDatabase, scope: Scope, clock: MovableClock, amount: int) -> None:
    """A credit note over dollars, as an import books it."""
    now = clock.advance(milliseconds=1)
    money = Money(amount, "USD")
    with database.unit_of_work() as session:
        credit.grant(session, scope, money, at=now)
        post(session, scope.merchant_id, credit_granted(scope.customer_id, new_id("cn", now), money, at=now))


def _payer(database: MemoryDatabase, merchant_id: str, name: str, clock: MovableClock) -> Payer:
    now = clock.advance(milliseconds=1)
    scope = Scope(merchant_id, new_id("cus", now))
    method_id = new_id("pm", now)
    with database.unit_of_work() as session:
        session.add(
            Customer(
                merchant_id=merchant_id, id=scope.customer_id, name=name, email=f"{name.lower()}@payer.example",
                email_key=f"{name.lower()}@payer.example", created_at=now, updated_at=now,
            )
        )  # fmt: skip
        session.flush()
        session.add(
            PaymentMethod(
                merchant_id=merchant_id, id=method_id, customer_id=scope.customer_id, gateway=GATEWAY,
                token=f"tok_{name}", fingerprint=f"fp_{name}", type="card", brand="visa", last4="4242", exp_month=12,
                exp_year=2030, is_default=True, status="active", created_at=now,
            )
        )  # fmt: skip
    for total, currency, given in _INVOICES:
        open_invoice(database, scope, clock, total, currency, **given)
    grant_credit(database, scope, clock, 3000)
    return Payer(name, scope, method_id)
