"""A customer's account with rows in any state, for tests of what pages show; and that customer's signed-in browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from portal.credit.models import CustomerBalance
from portal.customers.rules.profiles import email_key
from portal.database import Database
from portal.events.rules import customer_actor
from portal.invoices.models import InvoiceLine, Promise
from portal.notices.models import NoticeCopy
from portal.payment_methods.models import PaymentMethodSetup
from portal.people.models import Person
from portal.public_ids import new_id
from portal.services import Services
from portal.sign_in.models import Passkey, SignInSession
from portal.sign_in.operations.people import remove_person
from portal.sign_in.operations.sessions import Proof, Visitor, start_session
from portal.tenancy import Scope
from tests.support import customers
from tests.support.page_client import PageClient


@dataclass(frozen=True)
class Account:
    """One customer of one merchant. Each method writes a row and returns its id; amounts are in minor units."""

    services: Services
    scope: Scope
    slug: str
    open_sessions: list[Session] = field(default_factory=list)

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
        self, total: int = 5000, *, due_in_days: int = 7, created_at: datetime | None = None, **details: Any
    ) -> str:
        """An open invoice, due so many days from now; `details` are as in `add_invoice`."""
        at = created_at or self.now
        due_on = self.today + timedelta(days=due_in_days)
        with self._session() as session:
            return customers.add_invoice(session, self.scope, total, at=at, **{"due_on": due_on, **details})

    def line(self, invoice_id: str, position: int, amount: int, **columns: Any) -> None:
        """A line of the invoice in place of the one that is there; the invoice's total stays as it is."""
        row = {"description": "Seats", "quantity": "1", "unit_amount_decimal": str(amount), "amount": amount, **columns}
        with self._session() as session:
            session.merge(
                InvoiceLine(merchant_id=self.scope.merchant_id, invoice_id=invoice_id, position=position, **row)
            )

    def credit_note(self, invoice_id: str, amount: int, number: str = "C-1") -> str:
        """A credit note that has lowered the invoice."""
        with self._session() as session:
            return customers.insert_credit_note(session, self.scope, invoice_id, amount, number, at=self.now)

    def promise(self, invoice_id: str, kind: str) -> None:
        """What the customer said about an invoice today: that it was paid by transfer, or will be paid on a "day", a week from now."""
        pay_on = self.today + timedelta(days=7)
        with self._session() as session:
            session.add(
                Promise(
                    merchant_id=self.scope.merchant_id, invoice_id=invoice_id, customer_id=self.scope.customer_id, kind=kind,
                    pay_on=pay_on if kind == "day" else None, held_until=pay_on, made_at=self.now,
                )
            )  # fmt: skip

    def credit(self, amount: int, currency: str = "USD", *, reserved: int = 0) -> None:
        """Credit of the customer, in minor units; `reserved` of it is held by a payment under way."""
        with self._session() as session:
            customers.grant_credit(session, self.scope, amount, currency, at=self.now)
            if reserved:
                key = (self.scope.merchant_id, self.scope.customer_id, currency)
                session.get_one(CustomerBalance, key).amount_reserved = reserved

    def payment(
        self, status: str = "complete", amount: int = 5000, *, created_at: datetime | None = None, **columns: Any
    ) -> str:
        """A payment in any state, with a Visa card; `columns` are as in `insert_payment`."""
        with self._session() as session:
            at = created_at or self.now
            return customers.insert_payment(session, self.scope, status, amount, at=at, **columns)

    def refund(self, payment_id: str, amount: int, status: str = "complete", at: datetime | None = None) -> str:
        with self._session() as session:
            return customers.insert_refund(session, self.scope, payment_id, amount, status, at=at or self.now)

    def method(self, **columns: Any) -> str:
        """A saved Visa card, good until the end of 2030."""
        with self._session() as session:
            return customers.insert_method(session, self.scope, at=self.now, **columns)

    def passkey(self) -> str:
        """A passkey, of a device that nobody has."""
        passkey_id = new_id("pky", self.now)
        with self._session() as session:
            session.add(
                Passkey(
                    merchant_id=self.scope.merchant_id, id=passkey_id, customer_id=self.scope.customer_id,
                    address_digest=b"", credential_id=passkey_id.encode(), public_key=b"", host="localhost", sign_count=0, is_synced=False,
                    user_agent="", created_at=self.now,
                )
            )  # fmt: skip
        return passkey_id

    def has_fresh_code(self) -> None:
        """A code was entered just now in every browser in which the customer is signed in."""
        with self._session() as session:
            session.execute(
                sa.update(SignInSession)
                .where(
                    SignInSession.merchant_id == self.scope.merchant_id,
                    SignInSession.customer_id == self.scope.customer_id,
                )
                .values(confirmed_at=self.now)
            )

    def setup(self, status: str = "requires_action", **columns: Any) -> str:
        """A visit to the gateway's page on which a method is entered and saved."""
        setup_id = new_id("pms", self.now)
        row = {
            "status": status, "gateway": "sandbox", "locale": "en", "created_at": self.now,
            "return_url": f"http://localhost/{self.slug}/payment-methods/new/{setup_id}",
            "action_url": f"http://localhost:9/setup/{setup_id}", "expires_at": self.now + timedelta(hours=3), **columns,
        }  # fmt: skip
        with self._session() as session:
            session.add(
                PaymentMethodSetup(
                    merchant_id=self.scope.merchant_id, id=setup_id, customer_id=self.scope.customer_id, **row
                )
            )
        return setup_id

    def change(self, table: Any, row_id: str, **values: Any) -> None:
        """Set columns of a row, or of the merchant itself."""
        with self.database.unit_of_work() as session:
            session.execute(sa.update(table).where(table.id == row_id).values(**values))

    def person(self, role: str = "viewer", email: str = "", *, has_joined: bool = True, **columns: Any) -> str:
        """A person of this account, who was invited today and has joined, unless columns say otherwise; each time another address."""
        person_id = new_id("per", self.now)
        email = email or f"{person_id.lower()}@weber.example"
        row = {"created_at": self.now, "invited_at": self.now, "name": None, **columns}
        with self._session() as session:
            session.add(
                Person(
                    merchant_id=self.scope.merchant_id, id=person_id, customer_id=self.scope.customer_id, email=email,
                    email_key=email_key(email), role=role, joined_at=self.now if has_joined else None, **row,
                )
            )  # fmt: skip
        return person_id

    def remove(self, person_id: str) -> None:
        """Remove a person, as an owner does."""
        with self.database.unit_of_work() as session:
            remove_person(session, self.scope, person_id, actor=customer_actor(self.scope.customer_id), at=self.now)

    def sign_in(self, app: Flask, person: str | None = None, *, kind: str = "mail") -> PageClient:
        """A browser of this customer, or of a person of its account, signed in by a session that is really there."""
        with self.database.unit_of_work() as session:
            entered = start_session(
                session, self.services.settings, self.scope, Visitor("b" * 43, "127.0.0.1", "Tests"), kind=kind,
                by="link", target="/", at=self.now, proof=Proof(person),
            )  # fmt: skip
        client = app.test_client()
        client.set_cookie(f"portal_{self.slug}", entered.token, domain="localhost")
        return PageClient(client)

    def copy(self, address: str = "", *, has_agreed: bool = True) -> str:
        """An address that gets copies of the customer's mails, or is only asked; each time another one unless it is given."""
        copy_id = new_id("cpy", self.now)
        address = address or f"{copy_id.lower()}@moreau.example"
        with self._session() as session:
            session.add(
                NoticeCopy(
                    merchant_id=self.scope.merchant_id, id=copy_id, customer_id=self.scope.customer_id, address=address,
                    address_key=address, created_at=self.now, agreed_at=self.now if has_agreed else None,
                )
            )  # fmt: skip
        return copy_id

    def other_session(self, user_agent: str = "Tests", network: str = "203.0.113.77", kind: str = "mail") -> str:
        """A session of this customer in a browser that is not here."""
        visitor = Visitor("c" * 43, network, user_agent)
        with self.database.unit_of_work() as session:
            return start_session(
                session, self.services.settings, self.scope, visitor, kind=kind, by="code", target="/", at=self.now
            ).session_id

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write the rows of the block in one transaction: sixty commits on a disk that syncs each are slow."""
        with self.database.unit_of_work() as session:
            self.open_sessions.append(session)
            try:
                yield
            finally:
                self.open_sessions.pop()

    @contextmanager
    def _session(self) -> Iterator[Session]:
        if self.open_sessions:
            yield self.open_sessions[-1]
            return
        with self.database.unit_of_work() as session:
            yield session


def make_account(services: Services, slug: str = "acme", *, merchant_id: str = "", **details: Any) -> Account:
    """A customer of a new merchant, or with `merchant_id` another one of that merchant; `details` are as in `add_customer`."""
    now = services.clock.now()
    email = details.pop("email", f"{new_id('cus', now)}@lindqvist.example".lower())
    with services.database.unit_of_work() as session:
        merchant_id = merchant_id or customers.add_merchant(
            session, slug, at=now, name="Acme", legal_name="Acme Software Inc.",
            address_lines=["410 Union Street", "Seattle, WA 98101"], support_email="billing@acme.example",
        )  # fmt: skip
        scope = customers.add_customer(session, merchant_id, email, at=now, **details)
    return Account(services, scope, slug)
