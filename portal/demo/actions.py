"""What the demo's seeding does to a merchant: real operations against the running sandbox, at the time to which both clocks were moved."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from portal.clock import MovableClock
from portal.demo.example_data import ExampleMerchant
from portal.demo.sandbox_control import SandboxClient
from portal.events.rules import COMMAND, customer_actor
from portal.gateways.contract import MethodDetails
from portal.invoices.operations.invoices import NewInvoice, NewLine, open_invoice
from portal.pay_links.operations import create_pay_link
from portal.payment_methods.operations.methods import become, lock_methods, remember_method
from portal.payment_methods.rules import MethodStatus
from portal.payments.operations.checkouts import begin_checkout
from portal.payments.operations.paying import confirm_payment
from portal.payments.rules.choices import Choice, Invoices, NewMethod, SavedMethod
from portal.services import Services
from portal.tenancy import MerchantScope, Scope


class Actions:
    """What one merchant, its customers and its gateway do; `number` is that of the last invoice."""

    def __init__(self, services: Services, clock: MovableClock, example: ExampleMerchant, now: datetime) -> None:
        self.services, self.clock, self.example, self.now = services, clock, example, now
        self.sandbox = SandboxClient(services.settings.sandbox_url, secret_key(example.slug))
        self.today = now.astimezone(ZoneInfo(example.timezone)).date()
        self.number = 400

    def create_single_invoice(self, scope: Scope, kind: str, *, due_in_days: int = 14) -> str:
        return self.create_invoice(
            scope, self.example.titles[kind], self.example.amounts[kind], due_in_days=due_in_days
        )

    def create_invoice(self, scope: Scope, title: str, amount: int, *, due_in_days: int, **options: Any) -> str:
        """Open an invoice today; `options` are fields of `NewInvoice` that say how it can be paid."""
        self.number += 1
        at = self.clock.now()
        issued = at.astimezone(ZoneInfo(self.example.timezone)).date()
        line = NewLine(title, Decimal(1), Decimal(amount), self.example.tax_rate)
        new = NewInvoice(
            number=f"{self.example.number_prefix}-{self.number:04d}",
            currency=options.pop("currency", self.example.currency),
            issued_on=issued,
            due_on=issued + timedelta(days=due_in_days),
            description=title,
            lines=(line,),
            **options,
        )
        with self.services.database.unit_of_work() as session:
            return open_invoice(session, scope, new, actor=COMMAND, at=at)

    def create_pay_link(self, scope: Scope, invoice: str) -> None:
        with self.services.database.unit_of_work() as session:
            create_pay_link(session, MerchantScope(scope.merchant_id), invoice, actor=COMMAND, at=self.clock.now())

    def begin_invoice_checkout(self, scope: Scope, invoice: str, method: str | None) -> str:
        """Begin a checkout by a saved method; None for a new one, on the gateway's page."""
        way = SavedMethod(method) if method else NewMethod()
        return self.begin_checkout(scope, Choice(Invoices((invoice,)), way))

    def begin_checkout(self, scope: Scope, choice: Choice) -> str:
        with self.services.database.unit_of_work() as session:
            return begin_checkout(
                session,
                scope,
                choice,
                gateway="sandbox",
                expires_after=timedelta(hours=self.services.settings.payment_expires_hours),
                actor=customer_actor(scope.customer_id),
                at=self.clock.now(),
            )

    def confirm(self, scope: Scope, payment: str) -> None:
        url = f"{self.services.settings.base_url}/{self.example.slug}/payments/{payment}"
        confirm_payment(
            self.services,
            scope,
            payment,
            actor=customer_actor(scope.customer_id),
            version="",
            return_url=url,
            locale=self.example.locale,
        )

    def pay(self, scope: Scope, invoice: str, method: str | None) -> str:
        payment = self.begin_invoice_checkout(scope, invoice, method)
        self.confirm(scope, payment)
        return payment

    def create_card(self, number: str) -> MethodDetails:
        later = self.today + timedelta(days=900)
        return method_facts(
            self.sandbox.create_token(type="card", number=number, exp_month=later.month, exp_year=later.year, holder="")
        )

    def create_slow_method(self) -> MethodDetails:
        if self.example.uses_mobile_money:
            return method_facts(self.sandbox.create_token(type="mobile_money", phone="+237677000003", operator="mtn"))
        return method_facts(
            self.sandbox.create_token(type="bank_account", account_number="000111110001", bank_name="Chase", holder="")
        )

    def save_method(self, scope: Scope, facts: MethodDetails) -> str:
        with self.services.database.unit_of_work() as session:
            return remember_method(
                session, scope, "sandbox", facts, actor=customer_actor(scope.customer_id), at=self.clock.now()
            )

    def remove_other_methods(self, scope: Scope, *, but: str, keep_default: bool = False) -> None:
        """Remove all saved methods but one card; with `keep_default`, add a phone where the merchant uses mobile money."""
        keep = [but]
        with self.services.database.unit_of_work() as session:
            if keep_default and self.example.uses_mobile_money:
                good = self.sandbox.create_token(type="mobile_money", phone="+237677000000", operator="mtn")
                actor = customer_actor(scope.customer_id)
                keep.append(
                    remember_method(session, scope, "sandbox", method_facts(good), actor=actor, at=self.clock.now())
                )
            for method in lock_methods(session, scope):
                if method.id not in keep:
                    method.is_default = False
                    become(
                        session,
                        method,
                        MethodStatus.REMOVED,
                        actor=customer_actor(scope.customer_id),
                        at=self.clock.now(),
                    )

    def move_clock_to_day(self, day: date, *, at_least: datetime | None = None) -> None:
        morning = datetime.combine(day, time(9, 14), ZoneInfo(self.example.timezone)).astimezone(UTC)
        self.move_clock_to(max(morning, at_least) if at_least else morning)

    def move_clock_to(self, at: datetime) -> None:
        self.clock.move_to(min(at, self.now))
        self.sandbox.move_clock(self.clock.now())


def secret_key(slug: str) -> str:
    return f"sk_sandbox_{slug}"


def method_facts(token: dict[str, Any]) -> MethodDetails:
    return MethodDetails(
        type=token["type"],
        brand=token.get("brand"),
        last4=token.get("last4"),
        exp_month=token.get("exp_month"),
        exp_year=token.get("exp_year"),
        holder=token.get("holder") or None,
        phone=token.get("phone"),
        bank_name=token.get("bank_name"),
        fingerprint=token["fingerprint"],
        token=token["token"],
    )
