"""A customer's account written straight into the tables, for tests of what pages show; and that customer's signed-in browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy import event

from portal.credit.models import CustomerBalance
from portal.customers.models import Customer
from portal.database import Base, Database
from portal.invoices.models import CreditNote, Invoice, InvoiceLine
from portal.merchants.models import Merchant
from portal.payment_methods.models import PaymentMethod, PaymentMethodSetup
from portal.payments.models import Payment, PaymentAllocation
from portal.public_ids import new_id
from portal.refunds.models import Refund
from portal.services import Services
from portal.sign_in.operations.sessions import Visitor, start_session
from portal.tenancy import Scope
from tests.support.page_client import PageClient


@dataclass(frozen=True)
class Account:
    """One customer of one merchant. Every method writes a row and tells its id; amounts are in minor units."""

    services: Services
    scope: Scope
    slug: str
    held: list[list[Base]] = field(default_factory=list)

    @property
    def database(self) -> Database:
        return self.services.database

    @property
    def now(self) -> datetime:
        return self.services.clock.now()

    @property
    def today(self) -> date:
        return self.now.date()

    def invoice(
        self, total: int = 5000, *, due_in_days: int = 7, created_at: datetime | None = None, **given: Any
    ) -> str:
        """An open invoice with one line; `given` are columns of it."""
        at = created_at or self.now
        invoice_id = new_id("inv", at)
        row = {
            "id": invoice_id, "customer_id": self.scope.customer_id, "number": invoice_id[-8:], "status": "open",
            "currency": "USD", "description": "Team plan", "subtotal": total, "total": total, "issued_on": at.date(),
            "due_on": self.today + timedelta(days=due_in_days), "created_at": at, "updated_at": at, **given,
        }  # fmt: skip
        self._add(Invoice(merchant_id=self.scope.merchant_id, **row))
        return invoice_id

    def line(self, invoice_id: str, position: int, amount: int, **given: Any) -> None:
        row = {"description": "Seats", "quantity": "1", "unit_amount_decimal": str(amount), **given}
        self._add(
            InvoiceLine(
                merchant_id=self.scope.merchant_id, invoice_id=invoice_id, position=position, amount=amount, **row
            )
        )

    def credit_note(self, invoice_id: str, amount: int, number: str = "C-1") -> str:
        note_id = new_id("cn", self.now)
        self._add(
            CreditNote(
                merchant_id=self.scope.merchant_id, id=note_id, customer_id=self.scope.customer_id, invoice_id=invoice_id,
                number=number, currency="USD", description="", amount=amount, amount_applied=amount, issued_on=self.today,
                created_at=self.now,
            )
        )  # fmt: skip
        return note_id

    def credit(self, amount: int, currency: str = "USD", *, reserved: int = 0) -> None:
        """Money that stands to the customer's credit, in minor units; `reserved` of it is held by a payment under way."""
        self._add(
            CustomerBalance(
                merchant_id=self.scope.merchant_id, customer_id=self.scope.customer_id, currency=currency, amount=amount,
                amount_reserved=reserved, updated_at=self.now,
            )
        )  # fmt: skip

    def payment(
        self,
        status: str = "complete",
        amount: int = 5000,
        *,
        created_at: datetime | None = None,
        pays: dict[str, int] | None = None,
        state: str = "settled",
        **given: Any,
    ) -> str:
        """A payment with a Visa card; `pays` are its shares of invoices, in `state`."""
        at = created_at or self.now
        payment_id = new_id("pay", at)
        row = {
            "id": payment_id, "customer_id": self.scope.customer_id, "status": status, "currency": "USD", "amount": amount,
            "description": "Team plan", "note": "ACME-0001", "gateway": "sandbox", "method_type": "card",
            "method_brand": "visa", "method_last4": "4242", "created_at": at, "updated_at": at, "confirmed_at": at,
            "sent_at": at, "expires_at": at + timedelta(hours=3),
            "completed_at": at if status in ("complete", "refunded", "partially_refunded", "failed", "canceled") else None,
            "failure_code": "card_declined" if status in ("failed", "rejected") else None, "amount_choice": "full",
            "way": "saved_method" if given.get("payment_method_id") else "prompt" if given.get("channel") else "new_method", **given,
        }  # fmt: skip
        self._add(Payment(merchant_id=self.scope.merchant_id, **row))
        for invoice_id, share in (pays or {}).items():
            self._add(
                PaymentAllocation(
                    merchant_id=self.scope.merchant_id, payment_id=payment_id, invoice_id=invoice_id, state=state,
                    amount=share, invoice_version=1,
                )
            )  # fmt: skip
        return payment_id

    def refund(self, payment_id: str, amount: int, status: str = "complete", at: datetime | None = None) -> str:
        at = at or self.now
        refund_id = new_id("re", at)
        self._add(
            Refund(
                merchant_id=self.scope.merchant_id, id=refund_id, payment_id=payment_id, status=status, currency="USD",
                amount=amount, created_at=at, completed_at=at if status == "complete" else None,
            )
        )  # fmt: skip
        return refund_id

    def method(self, **given: Any) -> str:
        """A saved Visa card, good until the end of 2030."""
        method_id = new_id("pm", self.now)
        row = {
            "type": "card", "brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030, "status": "active",
            "fingerprint": method_id, "token": f"tok_{method_id}", "gateway": "sandbox", "is_default": False, **given,
        }  # fmt: skip
        self._add(
            PaymentMethod(
                merchant_id=self.scope.merchant_id, id=method_id, customer_id=self.scope.customer_id, created_at=self.now,
                **row,
            )
        )  # fmt: skip
        return method_id

    def setup(self, status: str = "requires_action", **given: Any) -> str:
        """A way to the gateway's page on which a method is entered to be kept."""
        setup_id = new_id("pms", self.now)
        row = {
            "status": status, "gateway": "sandbox", "locale": "en", "created_at": self.now,
            "return_url": f"http://localhost/{self.slug}/payment-methods/new/{setup_id}",
            "action_url": f"http://localhost:9/setup/{setup_id}", "expires_at": self.now + timedelta(hours=3), **given,
        }  # fmt: skip
        self._add(
            PaymentMethodSetup(
                merchant_id=self.scope.merchant_id, id=setup_id, customer_id=self.scope.customer_id, **row
            )
        )
        return setup_id

    def change(self, table: Any, row_id: str, **values: Any) -> None:
        """Set columns of a row, or of the merchant itself."""
        with self.database.unit_of_work() as session:
            session.execute(sa.update(table).where(table.id == row_id).values(**values))

    def sign_in(self, app: Flask) -> PageClient:
        """A browser of this customer, signed in by a session that is really there."""
        with self.database.unit_of_work() as session:
            entered = start_session(
                session, self.services.settings, self.scope, Visitor("b" * 43, "127.0.0.1", "Tests"), kind="mail",
                by="link", target="/", at=self.now,
            )  # fmt: skip
        client = app.test_client()
        client.set_cookie(f"portal_{self.slug}", entered.token, domain="localhost")
        return PageClient(client)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write the rows of the block in one transaction: a disk that must be sure sixty times is slow."""
        self.held.append([])
        yield
        rows = self.held.pop()
        with self.database.unit_of_work() as session:
            session.add_all(rows)

    def _add(self, row: Base) -> None:
        if self.held:
            self.held[-1].append(row)
            return
        with self.database.unit_of_work() as session:
            session.add(row)


def make_account(services: Services, slug: str = "acme", *, merchant_id: str = "", **given: Any) -> Account:
    """A customer of a new merchant, or with `merchant_id` another one of that merchant; `given` are the customer's columns."""
    now = services.clock.now()
    customer_id = new_id("cus", now)
    name = {"name": "Maya Lindqvist", "email": f"{customer_id}@lindqvist.example".lower(), **given}
    with services.database.unit_of_work() as session:
        if not merchant_id:
            merchant_id = new_id("mer", now)
            session.add(
                Merchant(
                    id=merchant_id, slug=slug, mode="test", status="active", name="Acme", legal_name="Acme Software Inc.",
                    address_lines=["410 Union Street", "Seattle, WA 98101"], currency="USD", locale="en", timezone="UTC",
                    theme="base", gateway="sandbox", support_email="billing@acme.example", created_at=now, updated_at=now,
                )
            )  # fmt: skip
            session.flush()
        session.add(
            Customer(
                merchant_id=merchant_id, id=customer_id, email_key=name["email"], created_at=now, updated_at=now, **name
            )
        )
    return Account(services, Scope(merchant_id, customer_id), slug)


@contextmanager
def statements_of(database: Database) -> Iterator[list[str]]:
    """The statements that are sent to the database within the block."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    for engine in (database.reader, database.writer):
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        for engine in (database.reader, database.writer):
            event.remove(engine, "before_cursor_execute", note)
