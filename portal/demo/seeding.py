"""Seeding of the demo: real operations against the running sandbox, with both clocks moved through the last year."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from portal.clock import MovableClock
from portal.customers.operations import create_customer
from portal.demo.actions import Actions, method_facts, secret_key
from portal.demo.example_data import (
    DECLINED_CARD,
    ERROR_CARD,
    EXAMPLE_MERCHANTS,
    GOOD_CARD,
    INSUFFICIENT_FUNDS_CARD,
    THREE_D_SECURE_CARD,
    ExampleMerchant,
)
from portal.demo.example_exports import add_example_exports
from portal.demo.sandbox_control import SandboxClient
from portal.events.rules import COMMAND, Actor, ActorType, customer_actor
from portal.gateways.contract import MethodDetails
from portal.merchants.operations import NewMerchant, connect_gateway, create_api_key, create_merchant
from portal.merchants.queries import MerchantProfile, list_merchants
from portal.merchants.rules.merchant_settings import MerchantSettings
from portal.merchants.rules.notice_settings import MAX_STATEMENT_DAY
from portal.outbox.models import OutboxMessage
from portal.payments.jobs import check_payments, expire_checkouts
from portal.payments.operations.paying import cancel_payment, resolve_payment
from portal.payments.queries.payments import get_payment
from portal.payments.rules.choices import Choice, Preset, SavedMethod, TopUp
from portal.people.operations import add_person, join_person
from portal.people.rules import Role
from portal.refunds.operations import refund_payment
from portal.services import Services
from portal.tenancy import Scope

_PAID_MONTHS = 11


@dataclass(frozen=True, slots=True)
class SeededMerchant:
    """What `demo.json` contains for a merchant: an API key, and the email addresses of its customers."""

    api_key: str
    customers: tuple[str, ...]


def seed(services: Services) -> dict[str, SeededMerchant]:
    """Create the demo's merchants with a year of history each. Return nothing, and change nothing, when there are merchants."""
    with services.database.read() as connection:
        if list_merchants(connection):
            return {}
    now = services.clock.now()
    clock = MovableClock(now)
    under_clock = replace(services, clock=clock)
    seeded = {example.slug: _Seeding(under_clock, clock, example, now).run() for example in EXAMPLE_MERCHANTS}
    SandboxClient(services.settings.sandbox_url).move_clock(datetime.now(UTC))
    add_example_exports(services, [(slug, found.customers[0]) for slug, found in seeded.items()])
    with services.database.unit_of_work() as session:
        # Mails about the past are not sent: the mail catcher starts empty.
        for merchant in list_merchants(session):
            session.execute(
                sa.update(OutboxMessage).where(OutboxMessage.merchant_id == merchant.id).values(done_at=now)
            )
    return seeded


def register_webhook_endpoint(services: Services, slug: str) -> None:
    """Set the URL of this portal as the sandbox's webhook endpoint; its port may change with each start."""
    SandboxClient(services.settings.sandbox_url, secret_key(slug)).send_events_to(
        f"{services.settings.base_url}/hooks/{slug}/sandbox", _event_secret(slug)
    )


def _announcing_now(settings: MerchantSettings, now: datetime) -> MerchantSettings:
    """Return the settings with the day on which statements are announced moved to today, so that the demo mails last month's at its start."""
    notices = settings.notices.model_copy(update={"statement_day": min(now.day, MAX_STATEMENT_DAY)})
    return settings.model_copy(update={"notices": notices})


def _event_secret(slug: str) -> str:
    return f"sandbox-events-of-{slug}"


class _Seeding:
    """The history of one merchant."""

    def __init__(self, services: Services, clock: MovableClock, example: ExampleMerchant, now: datetime) -> None:
        self.services, self.clock, self.example, self.now = services, clock, example, now
        self.actions = Actions(services, clock, example, now)

    def run(self) -> SeededMerchant:
        self.actions.move_clock_to(self.now - timedelta(days=400))
        merchant, api_key = self._create_merchant()
        accounts: list[Scope] = []
        for details in (*self.example.customers, self.example.new_customer):
            with self.services.database.unit_of_work() as session:
                customer_id = create_customer(session, merchant.id, details, actor=COMMAND, at=self.clock.now())
            accounts.append(Scope(merchant.id, customer_id))
            if details is not self.example.new_customer:
                self._create_year_of_history(accounts[-1])
        self._add_person(accounts[0], accounts[1])
        with self.services.database.unit_of_work() as session:
            options_customer = create_customer(
                session, merchant.id, self.example.options_customer, actor=COMMAND, at=self.clock.now()
            )
        self._create_option_invoices(Scope(merchant.id, options_customer))
        return SeededMerchant(api_key, tuple(details.email or "" for details in self.example.customers))

    def _add_person(self, paid_for: Scope, seen: Scope) -> None:
        """Invite one person to two accounts, as a payer and as a viewer; it joined both."""
        name, address = self.example.person
        self.actions.move_clock_to(self.now)
        with self.services.database.unit_of_work() as session:
            for scope, role in ((paid_for, Role.PAYER), (seen, Role.VIEWER)):
                at, owner = self.clock.now(), customer_actor(scope.customer_id)
                person = add_person(session, scope, address, role, name=name, actor=owner, at=at)
                join_person(session, scope, person, request_id=None, at=at)

    def _create_merchant(self) -> tuple[MerchantProfile, str]:
        example, at = self.example, self.clock.now()
        with self.services.database.unit_of_work() as session:
            merchant = create_merchant(
                session,
                NewMerchant(
                    slug=example.slug,
                    name=example.name,
                    legal_name=example.legal_name,
                    address_lines=example.address_lines,
                    currency=example.currency,
                    locale=example.locale,
                    timezone=example.timezone,
                    theme=example.theme,
                    themes=(example.theme,),
                    settings=_announcing_now(example.settings, self.now),
                    support_email=example.support_email,
                ),
                actor=COMMAND,
                at=at,
            )
            secrets = {"secret_key": secret_key(example.slug), "event_secret": _event_secret(example.slug)}
            connect_gateway(
                session, merchant, "sandbox", secrets, keys=self.services.settings.keys, actor=COMMAND, at=at
            )
            return merchant, create_api_key(session, merchant, [], actor=COMMAND, at=at)

    def _create_year_of_history(self, scope: Scope) -> None:
        self.actions.move_clock_to(self.now - timedelta(days=395))
        card = self.actions.save_method(scope, self.actions.create_card(GOOD_CARD))
        declined, insufficient = (
            self.actions.create_card(DECLINED_CARD),
            self.actions.create_card(INSUFFICIENT_FUNDS_CARD),
        )
        for months_ago in range(_PAID_MONTHS, 0, -1):
            issued = self._months_ago(months_ago)
            self.actions.move_clock_to_day(issued)
            invoice = self.actions.create_invoice(
                scope, self._monthly_title(issued), self.example.monthly_amount, due_in_days=14
            )
            self.actions.move_clock_to(self.clock.now() + timedelta(days=3))
            self.actions.pay(scope, invoice, card)
        self._refund_payment(scope, card, "partially_refunded", days_ago=200, part=True)
        self._refund_payment(scope, card, "refunded", days_ago=60, part=False)
        self._reject_payment(scope, card)
        self.actions.pay(
            scope, self._cancel_payment_of_invoice(scope, card, "canceled", days_ago=45, method=None), card
        )
        self._expire_prompt(scope, card)
        self._create_overdue_invoice(scope, insufficient, declined)
        self.actions.remove_other_methods(scope, but=card)
        self._create_open_invoices(scope, card)
        self.actions.remove_other_methods(scope, but=card, keep_default=True)

    def _create_option_invoices(self, scope: Scope) -> None:
        """Create an invoice for each payment option: fixed, preset amounts, deposit, prices in two currencies, the other
        currency only, and editable after a payment with insufficient funds; and a top-up."""
        self.actions.move_clock_to(self.now - timedelta(days=30))
        card = self.actions.save_method(scope, self.actions.create_card(GOOD_CARD))
        titles, base_amount = self.example.option_titles, self.example.monthly_amount
        limits = self.example.settings.payment_options.top_ups[self.example.currency]
        self.actions.confirm(
            scope,
            self.actions.begin_checkout(
                scope,
                Choice(TopUp(self.example.currency), SavedMethod(card), Preset(limits.presets[0])),
            ),
        )
        self.actions.move_clock_to(self.now - timedelta(days=25))
        invoice_options: dict[str, tuple[int, int, dict[str, Any]]] = {
            "fixed": (10, base_amount // 5, {"amount_mode": "fixed"}),
            "presets": (
                15,
                base_amount,
                {"minimum_amount": base_amount // 10, "preset_amounts": (base_amount // 4, base_amount // 2)},
            ),
            "deposit": (30, base_amount * 4, {"deposit_amount": base_amount}),
            "two_prices": (40, base_amount * 2, {"prices": {self.example.other_currency: self.example.other_price}}),
            "other_currency": (42, 12000, {"currency": self.example.other_currency}),
            "editable_after_insufficient_funds": (
                45,
                base_amount * 3,
                {"amount_mode": "editable_after_insufficient_funds"},
            ),
        }
        invoices = {
            kind: self.actions.create_invoice(scope, titles[kind], amount, due_in_days=due_in_days, **options)
            for kind, (due_in_days, amount, options) in invoice_options.items()
        }
        self.actions.create_pay_link(scope, invoices["deposit"])
        self.actions.move_clock_to(self.now - timedelta(days=2))
        self.actions.pay(
            scope,
            invoices["editable_after_insufficient_funds"],
            self.actions.save_method(scope, self.actions.create_card(INSUFFICIENT_FUNDS_CARD)),
        )
        self.actions.remove_other_methods(scope, but=card)

    def _create_overdue_invoice(self, scope: Scope, insufficient: MethodDetails, declined: MethodDetails) -> None:
        """Create an overdue invoice that two cards failed to pay."""
        self.actions.move_clock_to(self.now - timedelta(days=34))
        month = self._months_ago(2)
        title = self.example.titles["overdue"].format(month=self.example.months[month.month - 1])
        overdue = self.actions.create_invoice(scope, title, self.example.amounts["overdue"], due_in_days=20)
        self.actions.move_clock_to(self.now - timedelta(days=12))
        self.actions.pay(scope, overdue, self.actions.save_method(scope, declined))
        self.actions.move_clock_to(self.now - timedelta(days=5))
        self.actions.pay(scope, overdue, self.actions.save_method(scope, insufficient))

    def _create_open_invoices(self, scope: Scope, card: str) -> None:
        """Create the invoices that are due, and one with a payment or checkout in each status that is not final."""
        self.actions.move_clock_to(self.now - timedelta(days=6))
        self.actions.create_single_invoice(scope, "due", due_in_days=12)
        self.actions.move_clock_to_day(self.actions.today.replace(day=1), at_least=self.now - timedelta(days=5))
        self.actions.create_invoice(
            scope, self._monthly_title(self.actions.today), self.example.monthly_amount, due_in_days=20
        )
        pending = {
            kind: self.actions.create_single_invoice(scope, kind, due_in_days=30)
            for kind in ("abandoned", "pending", "processing", "requires_action", "due_later")
        }
        self.actions.move_clock_to(self.now - timedelta(hours=26))
        self.actions.begin_invoice_checkout(scope, pending["abandoned"], card)
        self.actions.move_clock_to(self.now - timedelta(hours=22))
        expire_checkouts(self.services)
        self.actions.move_clock_to(
            self.now - timedelta(hours=2 if not self.example.uses_mobile_money else 0, minutes=20)
        )
        self.actions.pay(scope, pending["pending"], self.actions.save_method(scope, self.actions.create_slow_method()))
        self.actions.move_clock_to(self.now - timedelta(minutes=6))
        self.actions.pay(
            scope,
            pending["requires_action"],
            self.actions.save_method(scope, self.actions.create_card(THREE_D_SECURE_CARD)),
        )
        self.actions.move_clock_to(self.now - timedelta(minutes=2))
        unknown = self.actions.begin_invoice_checkout(
            scope, pending["processing"], self.actions.save_method(scope, self.actions.create_card(ERROR_CARD))
        )
        self.actions.sandbox.drop_requests(unknown)
        self.actions.confirm(scope, unknown)
        self.actions.move_clock_to(self.now - timedelta(minutes=1))
        self.actions.begin_invoice_checkout(scope, pending["due_later"], card)

    def _expire_prompt(self, scope: Scope, card: str) -> None:
        """Pay an invoice by a prompt that expires, and the day after by card."""
        self.actions.move_clock_to(self.now - timedelta(days=40))
        invoice = self.actions.create_single_invoice(scope, "expired")
        unanswered = self.actions.sandbox.create_token(type="mobile_money", phone="+237677000003", operator="mtn")
        payment = self.actions.pay(scope, invoice, self.actions.save_method(scope, method_facts(unanswered)))
        self.actions.move_clock_to(self.clock.now() + timedelta(hours=4))
        check_payments(self.services)
        resolve_payment(self.services, scope.merchant_id, payment)
        self.actions.remove_other_methods(scope, but=card)
        self.actions.move_clock_to(self.clock.now() + timedelta(days=1))
        self.actions.pay(scope, invoice, card)

    def _reject_payment(self, scope: Scope, card: str) -> None:
        """Pay an invoice by a card whose token the gateway does not know, and the day after by a valid one."""
        self.actions.move_clock_to(self.now - timedelta(days=52))
        unknown = replace(self.actions.create_card(GOOD_CARD), token="unknown", fingerprint="unknown")  # noqa: S106 - no secret
        invoice = self.actions.create_single_invoice(scope, "rejected")
        self.actions.pay(scope, invoice, self.actions.save_method(scope, unknown))
        self.actions.remove_other_methods(scope, but=card)
        self.actions.move_clock_to(self.clock.now() + timedelta(days=1))
        self.actions.pay(scope, invoice, card)

    def _cancel_payment_of_invoice(
        self, scope: Scope, card: str, kind: str, *, days_ago: int, method: str | None
    ) -> str:
        self.actions.move_clock_to(self.now - timedelta(days=days_ago))
        invoice = self.actions.create_single_invoice(scope, kind)
        payment = self.actions.pay(scope, invoice, method)
        self.actions.move_clock_to(self.clock.now() + timedelta(minutes=4))
        cancel_payment(self.services, scope, payment, actor=customer_actor(scope.customer_id))
        self.actions.move_clock_to(self.clock.now() + timedelta(days=1))
        return invoice

    def _refund_payment(self, scope: Scope, card: str, kind: str, *, days_ago: int, part: bool) -> None:
        self.actions.move_clock_to(self.now - timedelta(days=days_ago))
        payment = self.actions.pay(scope, self.actions.create_single_invoice(scope, kind), card)
        self.actions.move_clock_to(self.clock.now() + timedelta(days=4))
        with self.services.database.read() as connection:
            amount = get_payment(connection, scope, payment).amount
        refund_payment(
            self.services,
            scope.merchant_id,
            payment,
            amount // 3 if part else amount,
            reason=None,
            actor=Actor(ActorType.STAFF, "demo"),
        )

    def _monthly_title(self, day: date) -> str:
        return self.example.monthly_title.format(month=self.example.months[day.month - 1])

    def _months_ago(self, count: int) -> date:
        month = self.actions.today.year * 12 + self.actions.today.month - 1 - count
        return date(month // 12, month % 12 + 1, 1)
