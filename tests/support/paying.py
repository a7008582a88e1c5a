"""The real operations of paying against a scripted gateway, under a clock that a test moves; for tests of money."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import sqlalchemy as sa

from portal.clock import MovableClock
from portal.crash_points import CrashPoint
from portal.credit.models import CustomerBalance
from portal.events.rules import Actor, customer_actor
from portal.gateways.contract import Lookup
from portal.invoices.models import Invoice
from portal.ledger.operations.checking import WrongRow, verify_ledger
from portal.merchants.queries import get_merchant
from portal.merchants.rules.payment_options import PaymentOptions
from portal.payment_methods.operations.consents import Consent
from portal.payments.jobs import check_payments, send_payments
from portal.payments.models import Payment, PaymentAllocation
from portal.payments.operations.checkouts import begin_checkout
from portal.payments.operations.outcomes import record_outcome
from portal.payments.operations.paying import confirm_payment
from portal.payments.rules.choices import Choice, CreditAlone, Invoices, NewMethod, SavedMethod, TopUp, Way
from portal.refunds.operations import refund_payment
from portal.services import Services
from portal.tenancy import Scope
from tests.support import customers
from tests.support.actors import GATEWAY, OPERATOR, STAFF
from tests.support.merchant_settings import set_payment_options
from tests.support.scripted_gateway import ScriptedGateway

CONSENT = Consent("Save this payment method for next time", "en", "127.0.0.1", "Tests")


@dataclass
class PayingCustomer:
    """What a test of paying works with: the real operations against a scripted gateway, under a clock that it moves."""

    services: Services
    gateway: ScriptedGateway
    scope: Scope
    method_id: str
    clock: MovableClock

    def invoice(self, total: int = 5000, *, scope: Scope | None = None, **details: Any) -> str:
        """An open invoice of the customer, in minor units; `details` are as in `add_invoice`."""
        with self.services.database.unit_of_work() as session:
            return customers.add_invoice(session, scope or self.scope, total, at=self.clock.now(), **details)

    @property
    def slug(self) -> str:
        """The merchant's, as addresses and commands name it."""
        with self.services.database.read() as reader:
            return get_merchant(reader, self.scope.merchant_id).slug

    @property
    def actor(self) -> Actor:
        """The customer, as the one who acts."""
        return customer_actor(self.scope.customer_id)

    def checkout(self, *invoice_ids: str, **chosen: Any) -> str:
        """A checkout of the customer; `chosen` is as in `choice`."""
        choice = self.choice(*invoice_ids, **chosen)
        with self.services.database.unit_of_work() as session:
            return begin_checkout(
                session,
                self.scope,
                choice,
                gateway=self.gateway_name,
                expires_after=timedelta(hours=3),
                actor=self.actor,
                charge_limits=self.gateway.capabilities.charge_limits,
                at=self.clock.now(),
            )

    def choice(
        self,
        *invoice_ids: str,
        method: str | None = None,
        save: bool = False,
        way: Way | None = None,
        currency: str | None = None,
        split_of: str | None = None,
        top_up: str | None = None,
        **chosen: Any,
    ) -> Choice:
        """A choice of these invoices, or a `top_up` in a currency. `method` is `pm_…`, "new" or "" (credit alone), by default the
        saved one; `way` is any; `chosen` are `amount` and `use_credit`."""
        what = TopUp(top_up) if top_up else Invoices(invoice_ids, currency, split_of)
        named: dict[str | None, Way] = {"": CreditAlone(), "new": NewMethod(save), None: SavedMethod(self.method_id)}
        return Choice(what, way or named.get(method) or SavedMethod(method or ""), **chosen)

    def confirm(self, payment_id: str, *, version: str = "", services: Services | None = None) -> None:
        confirm_payment(
            services or self.services,
            self.scope,
            payment_id,
            version=version,
            return_url="http://127.0.0.1/back",
            locale="en",
            consent=CONSENT,
            actor=self.actor,
        )

    def pay(self, *invoice_ids: str, **chosen: Any) -> str:
        payment_id = self.checkout(*invoice_ids, **chosen)
        self.confirm(payment_id)
        return payment_id

    def payment(self, payment_id: str) -> Payment:
        return cast(Payment, self._row(Payment, payment_id))

    def status(self, payment_id: str) -> str:
        return self.payment(payment_id).status

    def balance(self, invoice_id: str) -> tuple[str, int, int]:
        """Status, amount paid, amount reserved."""
        invoice = cast(Invoice, self._row(Invoice, invoice_id))
        return invoice.status, invoice.amount_paid, invoice.amount_reserved

    def wrong_row(self) -> WrongRow | None:
        """The first row that the ledger contradicts; None when everything is proved."""
        with self.services.database.snapshot() as reader:
            return verify_ledger(reader, self.scope.merchant_id).wrong

    def rows(self, table: Any, **where: Any) -> list[Any]:
        with self.services.database.unit_of_work() as session:
            statement = sa.select(table).where(table.merchant_id == self.scope.merchant_id).filter_by(**where)
            return list(session.execute(statement).scalars())

    @property
    def gateway_name(self) -> str:
        """The gateway that the merchant has now; the scripted one stands in for the sandbox."""
        gateway = self.services.gateways.find(self.scope.merchant_id)
        return gateway.name if gateway else "sandbox"

    def invoices_of(self, payment_id: str) -> list[str]:
        """The invoices that the payment pays, or would have paid."""
        return [row.invoice_id for row in self.rows(PaymentAllocation, payment_id=payment_id)]

    def record(self, payment_id: str) -> None:
        """Look a payment up at the gateway, though it may have ended here, and record the outcome."""
        outcome = self.gateway.look_up(Lookup(payment_id, self.clock.now()))
        with self.services.database.unit_of_work() as session:
            record_outcome(session, self.scope.merchant_id, payment_id, outcome, actor=GATEWAY, at=self.clock.now())

    def with_crash_point(self, crash_point: CrashPoint) -> Services:
        return Services(
            self.services.settings,
            self.services.database,
            self.services.gateways,
            self.services.method_users,
            self.clock,
            crash_point,
        )

    def _row(self, table: Any, row_id: str) -> Any:
        with self.services.database.unit_of_work() as session:
            return session.execute(
                sa.select(table).where(table.merchant_id == self.scope.merchant_id, table.id == row_id)
            ).scalar_one()


def carry_on(payer: PayingCustomer) -> None:
    """What the worker does about payments that are due: send those that nobody has sent, and look up the others."""
    send_payments(payer.services)
    check_payments(payer.services)


def allow(payer: PayingCustomer, **options: Any) -> None:
    """The merchant takes payments in these ways from now on."""
    with payer.services.database.unit_of_work() as session:
        set_payment_options(
            session, payer.scope.merchant_id, PaymentOptions(**options), actor=OPERATOR, at=payer.clock.now()
        )


def refund_as_staff(payer: PayingCustomer, payment: str, amount: int, reason: str | None = None) -> str:
    """The merchant's staff refund so much of a payment; return the refund's id."""
    return refund_payment(payer.services, payer.scope.merchant_id, payment, amount, reason=reason, actor=STAFF)


def grant_credit(payer: PayingCustomer, amount: int) -> None:
    """Money to the customer's credit as a credit note brings it."""
    with payer.services.database.unit_of_work() as session:
        customers.grant_credit(session, payer.scope, amount, at=payer.clock.now())


def credit(payer: PayingCustomer) -> tuple[int, int]:
    """What stands to the customer's credit in dollars, and how much of it is held."""
    rows = payer.rows(CustomerBalance, currency="USD")
    return (rows[0].amount, rows[0].amount_reserved) if rows else (0, 0)


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it, and nothing of the process runs on."""


def killing_at(label: str) -> Callable[[str], None]:
    def reached(here: str) -> None:
        if here == label:
            raise Killed(label)

    return reached
