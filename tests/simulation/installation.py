"""What every run begins with: a merchant that allows every way to pay, two customers with saved cards, and invoices of each kind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from portal.clock import MovableClock
from portal.merchants.rules.payment_options import AmountLimits, PaymentOptions
from portal.migrations import upgrade
from portal.outbox.models import OutboxMessage
from portal.settings import Settings
from portal.tenancy import Scope
from tests.simulation.memory import MemoryDatabase
from tests.support import customers
from tests.support.actors import OPERATOR
from tests.support.merchant_settings import set_payment_options

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
    """The portal on a database in memory, as every run finds it."""

    settings: Settings
    database: MemoryDatabase
    merchant_id: str
    payers: tuple[Payer, ...]
    started_at: datetime


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
        merchant_id = customers.add_merchant(session, at=clock.now(), gateway=GATEWAY)
        set_payment_options(session, merchant_id, _OPTIONS, actor=OPERATOR, at=clock.now())
    payers = tuple(_payer(database, merchant_id, name, clock) for name in ("Maya", "Noor"))
    return Installation(settings, database, merchant_id, payers, clock.now())


def open_invoice(
    database: MemoryDatabase, scope: Scope, clock: MovableClock, total: int, currency: str, **given: Any
) -> str:
    """Bill the customer; return the invoice's id. The mail that announces it moves no money, and is left out."""
    now = clock.advance(milliseconds=1)
    with database.unit_of_work() as session:
        invoice_id = customers.add_invoice(
            session, scope, total, at=now, currency=currency, issued_on=date(2026, 3, 1), **given
        )
        session.execute(
            sa.delete(OutboxMessage).where(
                OutboxMessage.merchant_id == scope.merchant_id, OutboxMessage.kind == "invoice_mail"
            )
        )
        return invoice_id


def grant_credit(database: MemoryDatabase, scope: Scope, clock: MovableClock, amount: int) -> None:
    """A credit note over dollars, as an import books it."""
    now = clock.advance(milliseconds=1)
    with database.unit_of_work() as session:
        customers.grant_credit(session, scope, amount, at=now)


def _payer(database: MemoryDatabase, merchant_id: str, name: str, clock: MovableClock) -> Payer:
    now = clock.advance(milliseconds=1)
    with database.unit_of_work() as session:
        scope = customers.add_customer(session, merchant_id, f"{name.lower()}@payer.example", at=now, name=name)
        method_id = customers.insert_method(
            session, scope, at=now, gateway=GATEWAY, token=f"tok_{name}", fingerprint=f"fp_{name}", is_default=True
        )
    for total, currency, given in _INVOICES:
        open_invoice(database, scope, clock, total, currency, **given)
    grant_credit(database, scope, clock, 3000)
    return Payer(name, scope, method_id)
