"""Filling the demo: the real operations, against the real sandbox, under a clock that is moved through the last year."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from portal.clock import MovableClock
from portal.customers.operations import create_customer
from portal.demo.example_data import (
    BROKEN_CARD,
    CAREFUL_CARD,
    DECLINED_CARD,
    GOOD_CARD,
    POOR_CARD,
    STORIES,
    Story,
)
from portal.demo.sandbox_control import Sandbox
from portal.gateways.contract import MethodFacts
from portal.invoices.operations.invoices import NewInvoice, NewLine, open_invoice
from portal.merchants.operations import NewMerchant, connect_gateway, create_api_key, create_merchant
from portal.merchants.queries import MerchantProfile, list_merchants
from portal.outbox.models import OutboxMessage
from portal.payment_methods.models import PaymentMethod
from portal.payment_methods.operations.methods import remember_method
from portal.payments.jobs import check_payments, expire_checkouts
from portal.payments.operations.checkouts import NEW_METHOD, Choice, begin_checkout
from portal.payments.operations.paying import cancel_payment, confirm_payment, resolve_payment
from portal.payments.queries.payments import get_payment
from portal.refunds.operations import refund_payment
from portal.services import Services
from portal.tenancy import Scope

_PAID_MONTHS = 11


@dataclass(frozen=True, slots=True)
class SeededMerchant:
    """What `demo.json` tells of a merchant: a key of its API and the addresses of its customers."""

    api_key: str
    customers: tuple[str, ...]


def seed(services: Services) -> dict[str, SeededMerchant]:
    """Make the demo's merchants with a year of history each; an installation that has them already is left alone."""
    with services.database.read() as connection:
        if list_merchants(connection):
            return {}
    now = services.clock.now()
    clock = MovableClock(now)
    under_clock = replace(services, clock=clock)
    seeded = {story.slug: _Seeding(under_clock, clock, story, now).run() for story in STORIES}
    Sandbox(services.settings.sandbox_url).move_clock(datetime.now(UTC))
    with services.database.unit_of_work() as session:
        # The receipts of the past were read long ago: the mail catcher begins empty.
        session.execute(sa.update(OutboxMessage).values(done_at=now).execution_options(tenant_wide=True))
    return seeded


def send_events_here(services: Services, slug: str) -> None:
    """Tell the sandbox where this portal takes its events; its address may be another at each start."""
    Sandbox(services.settings.sandbox_url, _secret_key(slug)).send_events_to(
        f"{services.settings.base_url}/hooks/{slug}/sandbox", _event_secret(slug)
    )


def _secret_key(slug: str) -> str:
    return f"sk_sandbox_{slug}"


def _event_secret(slug: str) -> str:
    return f"sandbox-events-of-{slug}"


class _Seeding:
    """One merchant's year; the state is the clock and the running number of its invoices."""

    def __init__(self, services: Services, clock: MovableClock, story: Story, now: datetime) -> None:
        self.services, self.clock, self.story, self.now = services, clock, story, now
        self.sandbox = Sandbox(services.settings.sandbox_url, _secret_key(story.slug))
        self.today = now.astimezone(ZoneInfo(story.timezone)).date()
        self.number = 400

    def run(self) -> SeededMerchant:
        self._go_to(self.now - timedelta(days=400))
        merchant, api_key = self._create_merchant()
        for details in (*self.story.customers, self.story.newcomer):
            with self.services.database.unit_of_work() as session:
                customer_id = create_customer(session, merchant.id, details, at=self.clock.now())
            if details is not self.story.newcomer:
                self._live_a_year(Scope(merchant.id, customer_id))
        with self.services.database.unit_of_work() as session:
            chooser = create_customer(session, merchant.id, self.story.chooser, at=self.clock.now())
        self._offer_every_way(Scope(merchant.id, chooser))
        return SeededMerchant(api_key, tuple(details.email or "" for details in self.story.customers))

    def _create_merchant(self) -> tuple[MerchantProfile, str]:
        story, at = self.story, self.clock.now()
        with self.services.database.unit_of_work() as session:
            merchant = create_merchant(
                session,
                NewMerchant(
                    slug=story.slug,
                    name=story.name,
                    legal_name=story.legal_name,
                    address_lines=story.address_lines,
                    currency=story.currency,
                    locale=story.locale,
                    timezone=story.timezone,
                    theme=story.theme,
                    themes=(story.theme,),
                    options=story.options,
                    support_email=story.support_email,
                ),
                at=at,
            )
            secrets = {"secret_key": _secret_key(story.slug), "event_secret": _event_secret(story.slug)}
            connect_gateway(session, merchant, "sandbox", secrets, keys=self.services.settings.keys, at=at)
            return merchant, create_api_key(session, merchant, [], at=at)

    def _live_a_year(self, scope: Scope) -> None:
        self._go_to(self.now - timedelta(days=395))
        card = self._save(scope, self._card(GOOD_CARD))
        declined, poor = self._card(DECLINED_CARD), self._card(POOR_CARD)
        for months_ago in range(_PAID_MONTHS, 0, -1):
            issued = self._months_ago(months_ago)
            self._go_to_day(issued)
            invoice = self._invoice(scope, self._monthly_title(issued), self.story.monthly_amount, due_in_days=14)
            self._go_to(self.clock.now() + timedelta(days=3))
            self._pay(scope, invoice, card)
        self._refund(scope, card, "partially_refunded", days_ago=200, part=True)
        self._refund(scope, card, "refunded", days_ago=60, part=False)
        self._reject(scope, card)
        self._pay(scope, self._settled_later(scope, card, "canceled", days_ago=45, method=None), card)
        self._expire_prompt(scope, card)
        self._owe_overdue(scope, poor, declined)
        self._remove(scope, but=card)
        self._owe_future(scope, card)
        self._remove(scope, but=card, keep_default=True)

    def _offer_every_way(self, scope: Scope) -> None:
        """The chooser's invoices: a deposit, a choice of two currencies, the other currency alone, presets, one that is fixed, one
        that a card had too little for; and money paid in advance."""
        self._go_to(self.now - timedelta(days=30))
        card = self._save(scope, self._card(GOOD_CARD))
        titles, usual = self.story.choices, self.story.monthly_amount
        rule = self.story.options.top_ups[self.story.currency]
        self._confirm(
            scope,
            self._propose(
                scope,
                Choice(
                    card, amount=rule.presets[0], currency=self.story.currency, top_up=True, title=titles["in_advance"]
                ),
            ),
        )
        self._go_to(self.now - timedelta(days=25))
        offered: dict[str, tuple[int, int, dict[str, Any]]] = {
            "fixed": (10, usual // 5, {"amount_mode": "fixed"}),
            "presets": (15, usual, {"minimum_amount": usual // 10, "preset_amounts": (usual // 4, usual // 2)}),
            "deposit": (30, usual * 4, {"deposit_amount": usual}),
            "priced": (40, usual * 2, {"prices": {self.story.other_currency: self.story.other_price}}),
            "abroad": (42, 12000, {"currency": self.story.other_currency}),
            "lower": (45, usual * 3, {"amount_mode": "editable_after_insufficient_funds"}),
        }
        invoices = {
            kind: self._invoice(scope, titles[kind], amount, due_in_days=due_in_days, **ways)
            for kind, (due_in_days, amount, ways) in offered.items()
        }
        self._go_to(self.now - timedelta(days=2))
        self._pay(scope, invoices["lower"], self._save(scope, self._card(POOR_CARD)))
        self._remove(scope, but=card)

    def _owe_overdue(self, scope: Scope, poor: MethodFacts, declined: MethodFacts) -> None:
        """The overdue invoice, which a first and a second card could not pay."""
        self._go_to(self.now - timedelta(days=34))
        month = self._months_ago(2)
        title = self.story.titles["overdue"].format(month=self.story.months[month.month - 1])
        overdue = self._invoice(scope, title, self.story.once_amounts["overdue"], due_in_days=20)
        self._go_to(self.now - timedelta(days=12))
        self._pay(scope, overdue, self._save(scope, declined))
        self._go_to(self.now - timedelta(days=5))
        self._pay(scope, overdue, self._save(scope, poor))

    def _owe_future(self, scope: Scope, card: str) -> None:
        """What is due, and what is on its way at this moment: each on an invoice of its own, due after the others."""
        self._go_to(self.now - timedelta(days=6))
        self._once(scope, "due", due_in_days=12)
        self._go_to_day(self.today.replace(day=1), at_least=self.now - timedelta(days=5))
        self._invoice(scope, self._monthly_title(self.today), self.story.monthly_amount, due_in_days=20)
        held = {
            kind: self._once(scope, kind, due_in_days=30)
            for kind in ("abandoned", "pending", "processing", "requires_action", "far")
        }
        self._go_to(self.now - timedelta(hours=26))
        self._begin(scope, held["abandoned"], card)
        self._go_to(self.now - timedelta(hours=22))
        expire_checkouts(self.services)
        self._go_to(self.now - timedelta(hours=2 if not self.story.phone_channel else 0, minutes=20))
        self._pay(scope, held["pending"], self._save(scope, self._slow_method()))
        self._go_to(self.now - timedelta(minutes=6))
        self._pay(scope, held["requires_action"], self._save(scope, self._card(CAREFUL_CARD)))
        self._go_to(self.now - timedelta(minutes=2))
        unknown = self._begin(scope, held["processing"], self._save(scope, self._card(BROKEN_CARD)))
        self.sandbox.drop_orders(unknown)
        self._confirm(scope, unknown)
        self._go_to(self.now - timedelta(minutes=1))
        self._begin(scope, held["far"], card)

    def _expire_prompt(self, scope: Scope, card: str) -> None:
        """A prompt on a phone that nobody answered; paid with the card the day after."""
        self._go_to(self.now - timedelta(days=40))
        invoice = self._once(scope, "expired")
        never = self.sandbox.token(type="mobile_money", phone="+237677000003", operator="mtn")
        payment = self._pay(scope, invoice, self._save(scope, _facts(never)))
        self._go_to(self.clock.now() + timedelta(hours=4))
        check_payments(self.services)
        resolve_payment(self.services, scope.merchant_id, payment)
        self._remove(scope, but=card)
        self._go_to(self.clock.now() + timedelta(days=1))
        self._pay(scope, invoice, card)

    def _reject(self, scope: Scope, card: str) -> None:
        """A card that the gateway has forgotten; paid with the good one the day after."""
        self._go_to(self.now - timedelta(days=52))
        forgotten = replace(self._card(GOOD_CARD), token="forgotten", fingerprint="forgotten")  # noqa: S106 - no secret
        invoice = self._once(scope, "rejected")
        self._pay(scope, invoice, self._save(scope, forgotten))
        self._remove(scope, but=card)
        self._go_to(self.clock.now() + timedelta(days=1))
        self._pay(scope, invoice, card)

    def _settled_later(self, scope: Scope, card: str, kind: str, *, days_ago: int, method: str | None) -> str:
        self._go_to(self.now - timedelta(days=days_ago))
        invoice = self._once(scope, kind)
        payment = self._pay(scope, invoice, method or NEW_METHOD)
        self._go_to(self.clock.now() + timedelta(minutes=4))
        cancel_payment(self.services, scope, payment)
        self._go_to(self.clock.now() + timedelta(days=1))
        return invoice

    def _refund(self, scope: Scope, card: str, kind: str, *, days_ago: int, part: bool) -> None:
        self._go_to(self.now - timedelta(days=days_ago))
        payment = self._pay(scope, self._once(scope, kind), card)
        self._go_to(self.clock.now() + timedelta(days=4))
        with self.services.database.read() as connection:
            amount = get_payment(connection, scope, payment).amount
        refund_payment(
            self.services, scope.merchant_id, payment, amount // 3 if part else amount, reason=None, actor_id="demo"
        )

    def _once(self, scope: Scope, kind: str, *, due_in_days: int = 14) -> str:
        return self._invoice(scope, self.story.titles[kind], self.story.once_amounts[kind], due_in_days=due_in_days)

    def _invoice(self, scope: Scope, title: str, amount: int, *, due_in_days: int, **ways: Any) -> str:
        """An invoice of today; `ways` are what `NewInvoice` says of how it may be paid."""
        self.number += 1
        at = self.clock.now()
        issued = at.astimezone(ZoneInfo(self.story.timezone)).date()
        line = NewLine(title, Decimal(1), Decimal(amount), self.story.tax_rate)
        new = NewInvoice(
            number=f"{self.story.number_prefix}-{self.number:04d}",
            currency=ways.pop("currency", self.story.currency),
            issued_on=issued,
            due_on=issued + timedelta(days=due_in_days),
            description=title,
            lines=(line,),
            **ways,
        )
        with self.services.database.unit_of_work() as session:
            return open_invoice(session, scope, new, at=at)

    def _begin(self, scope: Scope, invoice: str, method: str) -> str:
        return self._propose(scope, Choice(method, [invoice]))

    def _propose(self, scope: Scope, choice: Choice) -> str:
        with self.services.database.unit_of_work() as session:
            return begin_checkout(
                session,
                scope,
                choice,
                gateway="sandbox",
                expires_after=timedelta(hours=self.services.settings.payment_expires_hours),
                at=self.clock.now(),
            )

    def _confirm(self, scope: Scope, payment: str) -> None:
        url = f"{self.services.settings.base_url}/{self.story.slug}/payments/{payment}"
        confirm_payment(self.services, scope, payment, version="", return_url=url, locale=self.story.locale)

    def _pay(self, scope: Scope, invoice: str, method: str) -> str:
        payment = self._begin(scope, invoice, method)
        self._confirm(scope, payment)
        return payment

    def _card(self, number: str) -> MethodFacts:
        later = self.today + timedelta(days=900)
        return _facts(
            self.sandbox.token(type="card", number=number, exp_month=later.month, exp_year=later.year, holder="")
        )

    def _slow_method(self) -> MethodFacts:
        if self.story.phone_channel:
            return _facts(self.sandbox.token(type="mobile_money", phone="+237677000003", operator="mtn"))
        return _facts(
            self.sandbox.token(type="bank_account", account_number="000111110001", bank_name="Chase", holder="")
        )

    def _save(self, scope: Scope, facts: MethodFacts) -> str:
        with self.services.database.unit_of_work() as session:
            return remember_method(session, scope, "sandbox", facts, at=self.clock.now())

    def _remove(self, scope: Scope, *, but: str, keep_default: bool = False) -> None:
        """Only the good card stays among the methods; of a phone merchant the phone as well, at the end."""
        keep = [but]
        with self.services.database.unit_of_work() as session:
            if keep_default and self.story.phone_channel:
                good = self.sandbox.token(type="mobile_money", phone="+237677000000", operator="mtn")
                keep.append(remember_method(session, scope, "sandbox", _facts(good), at=self.clock.now()))
            session.execute(
                sa.update(PaymentMethod)
                .where(
                    PaymentMethod.merchant_id == scope.merchant_id,
                    PaymentMethod.customer_id == scope.customer_id,
                    PaymentMethod.id.not_in(keep),
                )
                .values(status="removed", is_default=False)
            )

    def _monthly_title(self, day: date) -> str:
        return self.story.monthly.format(month=self.story.months[day.month - 1])

    def _months_ago(self, count: int) -> date:
        month = self.today.year * 12 + self.today.month - 1 - count
        return date(month // 12, month % 12 + 1, 1)

    def _go_to_day(self, day: date, *, at_least: datetime | None = None) -> None:
        morning = datetime.combine(day, time(9, 14), ZoneInfo(self.story.timezone)).astimezone(UTC)
        self._go_to(max(morning, at_least) if at_least else morning)

    def _go_to(self, at: datetime) -> None:
        self.clock.move_to(min(at, self.now))
        self.sandbox.move_clock(self.clock.now())


def _facts(token: dict[str, Any]) -> MethodFacts:
    return MethodFacts(
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
