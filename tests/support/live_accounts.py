"""Customers of a portal that runs as processes of its own: made by the real operations, and held against the gateway's ledger."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

import requests
import sqlalchemy as sa

from portal.customers.queries.customers import list_customers_by_email
from portal.database import Database
from portal.gateways.contract import MethodDetails
from portal.invoices.models import Invoice
from portal.merchants.queries import MerchantProfile, find_merchant
from portal.outbox.models import OutboxMessage
from portal.pay_links.operations import address_of, create_pay_link
from portal.payment_methods.models import PaymentMethod
from portal.payment_methods.operations.methods import remember_method
from portal.payments.models import Payment, PaymentAllocation
from portal.payments.operations.checkouts import begin_checkout
from portal.payments.rules.choices import Choice, Invoices, NewMethod, SavedMethod
from portal.payments.rules.statuses import CAPTURED, UNSETTLED
from portal.public_ids import new_id
from portal.refunds.models import Refund
from portal.settings import Settings
from portal.sign_in.operations import Visitor, create_portal_session, start_session
from portal.sign_in.rules.tokens import new_token
from portal.tenancy import MerchantScope, Scope
from tests.support.actors import CUSTOMER, OPERATOR
from tests.support.customers import add_customer, add_invoice, grant_credit

GOOD_CARD, DECLINED_CARD, POOR_CARD = "4242424242424242", "4000000000000002", "4000000000009995"
CAREFUL_CARD, BROKEN_CARD = "4000000000003220", "4000000000000119"
GOOD_PHONE, SILENT_PHONE = "+237677000000", "+237677000003"

Charge = dict[str, Any]


class LiveSandbox:
    """The sandbox gateway of a running system, as tests speak to it: mischief, and the ledger."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self._http = requests.Session()
        self._http.trust_env = False

    def ledger(self, reference: str | None = None, *, account: str | None = None) -> list[Charge]:
        """What was really charged; with `reference`, for the payment of this id alone; with `account`, by this secret key."""
        query = {"account": account} if account else {}
        charges: list[Charge] = self._http.get(f"{self.origin}/ledger", params=query, timeout=10).json()
        return [charge for charge in charges if reference in (None, charge["idempotency_key"])]

    def behave(self, reference: str, **behaviour: object) -> None:
        """What the gateway shall do with the payment of this id: `answer`, `delay_seconds`, `webhooks`, `count`."""
        self._post("/control/behaviour", {"reference": reference, **behaviour}, "")

    def token(self, secret_key: str, **details: object) -> dict[str, Any]:
        """A method as the gateway knows it."""
        return self._post("/v1/tokens", details, secret_key)

    def knows(self, secret_key: str, token: str) -> bool:
        """Whether a method may still be charged; charges it, if so."""
        answer = self._http.post(
            f"{self.origin}/v1/charges",
            json={"token": token, "amount": 100, "currency": "USD", "reference": "pay_known", "description": "-"},
            headers={"Authorization": f"Bearer {secret_key}", "Idempotency-Key": "pay_known"},
            timeout=10,
        )
        return answer.status_code in (200, 201)

    def send_events_to(self, secret_key: str, url: str, secret: str) -> None:
        """Tell it where a merchant takes its events."""
        self._post("/v1/webhook_endpoints", {"url": url, "secret": secret}, secret_key)

    def refunds(self, secret_key: str, reference: str) -> list[dict[str, Any]]:
        """What was really sent back under a refund's id."""
        answer = self._http.get(
            f"{self.origin}/v1/refunds",
            params={"reference": reference},
            headers={"Authorization": f"Bearer {secret_key}"},
            timeout=10,
        )
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def refunded(self, secret_key: str) -> Counter[str]:
        """What was really sent back of all of an account's charges, in minor units by currency."""
        sums = Counter[str]()
        after: str | None = ""
        while after is not None:
            answer = self._http.get(
                f"{self.origin}/v1/charges",
                params={"after": after} if after else {},
                headers={"Authorization": f"Bearer {secret_key}"},
                timeout=10,
            ).json()
            for charge in answer["items"]:
                sums[charge["currency"]] += charge["amount_refunded"]
            after = answer["next"]
        return sums

    def close(self) -> None:
        self._http.close()

    def _post(self, path: str, body: dict[str, Any], secret_key: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {secret_key}"}
        answer = self._http.post(self.origin + path, json=body, headers=headers, timeout=10)
        answer.raise_for_status()
        value: dict[str, Any] = answer.json()
        return value


@dataclass(frozen=True)
class Account:
    """A customer of a running portal, and the questions that tests ask about its money."""

    live: LiveAccounts
    merchant: MerchantProfile
    scope: Scope
    email: str

    @property
    def slug(self) -> str:
        return self.merchant.slug

    @cached_property
    def root(self) -> str:
        """The address of its merchant's pages."""
        return self.live.settings.page_url(self.slug, "")

    def open_invoice(
        self, amount: int = 4900, title: str = "Extra storage", *, due_in_days: int = 12, **details: Any
    ) -> str:
        """An open invoice of `amount` minor units; return its id. `details` are as in `NewInvoice`."""
        now = _now()
        number, issued_on = f"T-{new_id('inv', now)[-10:]}", now.date() - timedelta(days=3)
        with self.live.database.unit_of_work() as session:
            return add_invoice(
                session, self.scope, amount, at=now, currency=self.merchant.currency, due_in_days=due_in_days,
                description=title, number=number, issued_on=issued_on, **details,
            )  # fmt: skip

    def pay_link(self, invoice_id: str) -> str:
        """The address at which whoever has it pays this invoice."""
        with self.live.database.unit_of_work() as session:
            merchant = MerchantScope(self.merchant.id)
            link_id = create_pay_link(session, merchant, invoice_id, actor=OPERATOR, at=_now())
        return address_of(self.live.settings, self.merchant.id, self.slug, link_id)

    def grant_credit(self, amount: int) -> None:
        """Credit in the merchant's currency, in minor units."""
        with self.live.database.unit_of_work() as session:
            grant_credit(session, self.scope, amount, self.merchant.currency, at=_now())

    def save_card(self, number: str = GOOD_CARD) -> str:
        """A saved card; the first one is the default."""
        return self._save(type="card", number=number, exp_month=12, exp_year=_now().year + 3, holder="")

    def save_phone(self, number: str = GOOD_PHONE) -> str:
        return self._save(type="mobile_money", phone=number, operator="mtn")

    def sign_in(self) -> tuple[str, str]:
        """A session of a browser: the name of its cookie, and the value."""
        visitor = Visitor(new_token(), "127.0.0.1", "a test")
        with self.live.database.unit_of_work() as session:
            entered = start_session(
                session, self.live.settings, self.scope, visitor, kind="mail", by="link", target="/", at=_now()
            )
        return f"portal_{self.slug}", entered.token

    def mint_session(self, target: str = "/") -> str:
        """The address of a session as the API would mint it."""
        with self.live.database.unit_of_work() as session:
            minted = create_portal_session(session, self.live.settings, self.scope, target, at=_now(), actor=OPERATOR)
        return self.root + minted.path

    def begin(self, *invoice_ids: str, method: str | None = None) -> str:
        """A checkout that awaits its confirmation; return the payment's id."""
        with self.live.database.unit_of_work() as session:
            return begin_checkout(
                session,
                self.scope,
                Choice(Invoices(invoice_ids), SavedMethod(method) if method else NewMethod()),
                gateway="sandbox",
                expires_after=timedelta(hours=3),
                actor=CUSTOMER,
                at=_now(),
            )

    def age(self, payment_id: str, by: timedelta = timedelta(minutes=1)) -> None:
        """Set a payment's times back, as though so much time had gone by: the clock of another process cannot be moved."""
        with self.live.database.unit_of_work() as session:
            _set_back(session.get_one(Payment, (self.merchant.id, payment_id)), by)

    def age_unsettled(self, by: timedelta) -> None:
        """The same for everything of its merchant that is under way, refunds included."""
        with self.live.database.unit_of_work() as session:
            for payment in session.execute(
                sa.select(Payment).where(Payment.merchant_id == self.merchant.id, Payment.status.in_(UNSETTLED))
            ).scalars():
                _set_back(payment, by)
            for refund in session.execute(
                sa.select(Refund).where(Refund.merchant_id == self.merchant.id, Refund.status == "pending")
            ).scalars():
                _set_back(refund, by)

    def payment(self, payment_id: str) -> Payment:
        with self.live.database.unit_of_work() as session:
            return session.get_one(Payment, (self.merchant.id, payment_id))

    def invoice(self, invoice_id: str) -> Invoice:
        with self.live.database.unit_of_work() as session:
            return session.get_one(Invoice, (self.merchant.id, invoice_id))

    def payments(self) -> list[Payment]:
        """All of them, oldest first, with those that were superseded."""
        return self._rows(Payment)

    def methods(self) -> list[PaymentMethod]:
        return self._rows(PaymentMethod)

    def delivered(self, kind: str) -> list[dict[str, Any]]:
        """What the worker has delivered of a kind for the merchant, as its payloads."""
        with self.live.database.unit_of_work() as session:
            messages = session.execute(
                sa.select(OutboxMessage).where(
                    OutboxMessage.merchant_id == self.merchant.id,
                    OutboxMessage.kind == kind,
                    OutboxMessage.done_at.is_not(None),
                )
            ).scalars()
            return [message.payload for message in messages]

    def invoices(self) -> list[Invoice]:
        return self._rows(Invoice)

    def charges(self) -> list[Charge]:
        """What the gateway really took from this customer."""
        mine = {payment.id for payment in self.payments()}
        return [
            charge
            for charge in self.live.sandbox.ledger()
            if charge["idempotency_key"] in mine and charge["status"] == "succeeded"
        ]

    def check_money(self, *, is_settled: bool = True) -> None:
        """Fail where the portal's tables and the gateway's ledger tell different stories; `is_settled`: none is under way."""
        faults = [*self._payment_faults(), *self._invoice_faults()]
        if is_settled:
            faults += [f"{row.id} is still {row.status}" for row in self.payments() if row.status in UNSETTLED]
        assert not faults, "\n  ".join(["the ledgers do not agree:", *faults])

    def _payment_faults(self) -> list[str]:
        faults = []
        ledger = self.live.sandbox.ledger()
        for payment in self.payments():
            taken = [
                (charge["reference"], charge["amount"], charge["currency"])
                for charge in ledger
                if charge["idempotency_key"] == payment.id and charge["status"] == "succeeded"
            ]
            booked = [(payment.gateway_reference, payment.amount, payment.currency)]
            if len(taken) > 1 or (payment.status not in UNSETTLED and taken != booked * (payment.status in CAPTURED)):
                faults.append(f"{payment.id} is {payment.status} with {booked}, the gateway took {taken}")
        return faults

    def _invoice_faults(self) -> list[str]:
        faults = []
        shares = self._rows(PaymentAllocation, of_customer=False)
        for invoice in self._rows(Invoice):
            mine = [share for share in shares if share.invoice_id == invoice.id]
            settled = sum(share.amount for share in mine if share.state == "settled")
            held = sum(share.amount for share in mine if share.state == "active")
            is_paid = invoice.amount_paid == invoice.total
            if (settled, held, is_paid) != (invoice.amount_paid, invoice.amount_reserved, invoice.status == "paid"):
                faults.append(
                    f"{invoice.id} is {invoice.status}: paid {invoice.amount_paid} of {invoice.total} (shares {settled}), "
                    f"reserved {invoice.amount_reserved} (shares {held})"
                )
        return faults

    def _rows(self, table: Any, *, of_customer: bool = True) -> list[Any]:
        statement = sa.select(table).where(table.merchant_id == self.merchant.id)
        if of_customer:
            statement = statement.where(table.customer_id == self.scope.customer_id).order_by(table.id)
        with self.live.database.unit_of_work() as session:
            return list(session.execute(statement).scalars())

    def _save(self, **details: object) -> str:
        token = self.live.sandbox.token(f"sk_sandbox_{self.slug}", **details)
        facts = MethodDetails(
            type=token["type"],
            brand=token["brand"],
            last4=token["last4"],
            exp_month=token["exp_month"],
            exp_year=token["exp_year"],
            phone=token["phone"],
            fingerprint=token["fingerprint"],
            token=token["token"],
        )
        with self.live.database.unit_of_work() as session:
            return remember_method(session, self.scope, "sandbox", facts, actor=CUSTOMER, at=_now())


@dataclass(frozen=True)
class LiveAccounts:
    """Makes and finds customers of the portal that runs with these settings."""

    settings: Settings
    database: Database
    sandbox: LiveSandbox

    def create(self, slug: str = "acme", *, name: str = "Ada Test", locale: str | None = None) -> Account:
        """A new customer, so that a test shares none with another."""
        merchant = self._merchant(slug)
        email = f"{new_id('cus', _now())[-12:].lower()}@customer.example"
        with self.database.unit_of_work() as session:
            scope = add_customer(
                session, merchant.id, email, at=_now(), reference=email, name=name, locale=locale or merchant.locale
            )
        return Account(self, merchant, scope, email)

    def find(self, slug: str, email: str) -> Account:
        """A customer that is there."""
        merchant = self._merchant(slug)
        with self.database.read() as reader:
            (found,) = list_customers_by_email(reader, MerchantScope(merchant.id), email)
        return Account(self, merchant, Scope(merchant.id, found.id), email)

    def _merchant(self, slug: str) -> MerchantProfile:
        with self.database.read() as reader:
            merchant = find_merchant(reader, slug)
        assert merchant is not None, f"there is no merchant {slug}"
        return merchant


def _set_back(row: Payment | Refund, by: timedelta) -> None:
    for name in ("sent_at", "last_sent_at", "checked_at", "next_check_at", "confirmed_at", "expires_at"):
        if (at := getattr(row, name, None)) is not None:
            setattr(row, name, at - by)


def today() -> date:
    return _now().date()


def _now() -> datetime:
    return datetime.now(UTC)
