"""The real operations of paying through Notch Pay on loopback: what it prompted and took is what our books say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC

import pytest

from portal.gateways.contract import State
from portal.gateways.notchpay import Keys, NotchPayGateway
from portal.payments.jobs import check_payments
from portal.payments.operations.paying import cancel_payment, resolve_payment
from portal.payments.page_builders.payment import build_payment_page
from portal.payments.pages import PaymentPage
from portal.payments.queries.payment_page import read_payment_page
from portal.payments.rules.choices import Prompt
from portal.provider_events.jobs import handle_events
from portal.provider_events.operations import receive_event
from portal.refunds.jobs import check_refunds
from portal.refunds.models import Refund
from portal.refunds.operations import refund_payment
from tests.support.actors import CUSTOMER, STAFF
from tests.support.notchpay_server import (
    EVENT_SECRET,
    LOST,
    NEVER_ARRIVED,
    PRIVATE_KEY,
    PUBLIC_KEY,
    NotchPayBooks,
    NotchPayServer,
)
from tests.support.paying import Killed, PayingCustomer, carry_on, killing_at
from tests.support.scripted_gateway import OneGateway


@dataclass
class Shop:
    """A payer whose merchant takes payments through Notch Pay, and Notch Pay itself."""

    payer: PayingCustomer
    server: NotchPayServer

    @property
    def books(self) -> NotchPayBooks:
        return self.server.books

    def checkout(self, invoice_id: str, method: str | None = None) -> str:
        """By telephone, or by a `method` as in `PayingCustomer.choice`."""
        way = Prompt("cm.mtn", "+237677000001") if method is None else None
        return self.payer.checkout(invoice_id, method=method, way=way)

    def pay(self, invoice_id: str, method: str | None = None) -> str:
        payment_id = self.checkout(invoice_id, method)
        self.payer.confirm(payment_id)
        return payment_id

    def ask(self, payment_id: str) -> str:
        resolve_payment(self.payer.services, self.payer.scope.merchant_id, payment_id)
        return self.payer.status(payment_id)

    def page_of(self, payment_id: str) -> PaymentPage:
        with self.payer.services.database.read() as reader:
            found = read_payment_page(reader, self.payer.scope, payment_id)
        return build_payment_page(
            found, (), payee="Acme", gateway_name="Notch Pay", can_cancel_at_gateway=True, prompt_channels=(), zone=UTC,
            root="/acme", now=self.payer.clock.now(), can_pay=True, email="maya@lindqvist.example",
        )  # fmt: skip


@pytest.fixture
def shop(payer: PayingCustomer) -> Iterator[Shop]:
    server = NotchPayServer(NotchPayBooks(payer.clock.now))
    gateway = NotchPayGateway(
        Keys(PUBLIC_KEY, PRIVATE_KEY, (EVENT_SECRET,)), 5, origin=server.origin, clock=payer.clock
    )
    payer.services = replace(payer.services, gateways=OneGateway(gateway))
    yield Shop(payer, server)
    server.close()


def test_prompt_that_is_approved_pays_the_invoice(shop: Shop) -> None:
    invoice = shop.payer.invoice(5000, currency="XAF")
    payment = shop.pay(invoice)
    waiting = shop.payer.status(payment)
    shop.books.settle(payment, "complete")

    assert (waiting, shop.ask(payment)) == ("pending", "complete")
    assert shop.payer.balance(invoice) == ("paid", 5000, 0)
    assert shop.books.rings == [(payment, "cm.mtn", "+237677000001")]
    assert shop.payer.payment(payment).method_brand == "mtn_momo"


def test_page_is_led_to_and_its_address_stays_while_the_customer_is_there(shop: Shop) -> None:
    payment = shop.pay(shop.payer.invoice(5000, currency="XAF"), "new")
    address = shop.payer.payment(payment).action_url

    assert shop.ask(payment) == "requires_action"
    assert address is not None
    assert shop.payer.payment(payment).action_url == address
    shop.books.settle(payment, "complete")
    assert shop.ask(payment) == "complete"


@pytest.mark.parametrize(
    ("status", "ends_as"),
    [("failed", "failed"), ("canceled", "canceled"), ("expired", "expired"), ("rejected", "rejected")],
)
def test_each_end_there_is_one_here_and_frees_the_invoice(shop: Shop, status: str, ends_as: str) -> None:
    invoice = shop.payer.invoice(5000, currency="XAF")
    payment = shop.pay(invoice)
    shop.books.settle(payment, status)

    assert shop.ask(payment) == ends_as
    assert shop.payer.balance(invoice) == ("open", 0, 0)


@pytest.mark.parametrize("fates", [[LOST], [NEVER_ARRIVED], [None, LOST], [None, NEVER_ARRIVED]], ids=str)
def test_lost_calls_end_in_one_payment_and_one_ring_at_most(shop: Shop, fates) -> None:
    shop.server.mischief = list(fates)
    payment = shop.pay(shop.payer.invoice(5000, currency="XAF"))

    for _ in range(4):
        shop.payer.clock.advance(minutes=1)
        check_payments(shop.payer.services)

    assert (len(shop.books.payments), len(shop.books.rings) <= 1) == (1, True)
    assert shop.payer.status(payment) == "pending"
    shop.books.settle(payment, "complete")
    assert shop.ask(payment) == "complete"
    assert shop.payer.wrong_row() is None


@pytest.mark.parametrize("label", ["payment.intent_committed", "payment.gateway_answered", "payment.outcome_recorded"])
def test_killed_anywhere_ends_in_one_payment_and_one_ring(shop: Shop, label: str) -> None:
    invoice = shop.payer.invoice(5000, currency="XAF")
    payment = shop.checkout(invoice)
    with pytest.raises(Killed):
        shop.payer.confirm(payment, services=shop.payer.with_crash_point(killing_at(label)))

    shop.payer.clock.advance(seconds=15)
    carry_on(shop.payer)
    shop.books.settle(payment, "complete")

    assert shop.ask(payment) == "complete"
    assert (len(shop.books.payments), shop.books.rings) == (1, [(payment, "cm.mtn", "+237677000001")])
    assert shop.payer.balance(invoice) == ("paid", 5000, 0)


@pytest.mark.parametrize("fate", [LOST, NEVER_ARRIVED], ids=str)
def test_page_of_which_the_answer_is_lost_asks_nobody(shop: Shop, fate) -> None:
    shop.server.mischief = [fate]
    payment = shop.pay(shop.payer.invoice(5000, currency="XAF"), "new")

    seen = []
    for _ in range(2):
        seen.append((shop.payer.status(payment), shop.page_of(payment).is_unasked))
        shop.payer.clock.advance(minutes=1)
        check_payments(shop.payer.services)

    # An order that arrived has a page that is given once, with the answer; one that did not is resent, with its page.
    assert seen == [("processing", True), ("pending", True) if fate is LOST else ("requires_action", False)]
    assert shop.books.rings == []


def test_page_nobody_came_to_is_called_off_after_its_time(shop: Shop) -> None:
    payment = shop.pay(shop.payer.invoice(5000, currency="XAF"), "new")
    shop.payer.clock.advance(hours=4)

    assert shop.ask(payment) in ("expired", "abandoned")
    assert shop.books.of(payment)["status"] == "canceled"


def test_prompt_that_never_rang_is_called_off_by_the_customer(shop: Shop) -> None:
    shop.server.mischief = [None, NEVER_ARRIVED]
    payment = shop.pay(shop.payer.invoice(5000, currency="XAF"))
    shop.ask(payment)

    assert cancel_payment(shop.payer.services, shop.payer.scope, payment, actor=CUSTOMER) == "canceled"
    assert (shop.books.of(payment)["status"], shop.books.rings) == ("canceled", [])


def test_approval_after_the_end_stands_in_the_list(shop: Shop) -> None:
    invoice = shop.payer.invoice(5000, currency="XAF")
    payment = shop.pay(invoice)
    shop.books.settle(payment, "expired")
    shop.ask(payment)
    shop.books.settle(payment, "complete")
    gateway = shop.payer.services.gateways.find(shop.payer.scope.merchant_id)
    assert gateway is not None

    listed = gateway.list_charges(shop.payer.clock.now(), shop.payer.clock.advance(hours=1))

    # No payment that ended is looked up again: it is the daily comparison that sees it.
    assert [(charge.reference, charge.state) for charge in listed or ()] == [(payment, State.SUCCEEDED)]


def test_event_has_the_payment_looked_up_at_notch_pay_at_once_and_a_forged_one_does_not(shop: Shop) -> None:
    payment = shop.pay(shop.payer.invoice(5000, currency="XAF"))
    shop.books.settle(payment, "complete")
    data = shop.books.of(payment)
    before = len(shop.server.requests)

    assert receive_event(
        shop.payer.services, shop.payer.scope.merchant_id, "notchpay", *shop.books.event("payment.complete", data)
    )
    assert not receive_event(
        shop.payer.services, shop.payer.scope.merchant_id, "notchpay", *shop.books.event("payment.complete", data)
    )
    handle_events(shop.payer.services)

    assert shop.payer.status(payment) == "complete"
    assert len(shop.server.requests) == before + 1


def test_refund_of_which_the_answer_is_lost_is_given_once(shop: Shop) -> None:
    payment = shop.pay(shop.payer.invoice(5000, currency="XAF"))
    shop.books.settle(payment, "complete")
    shop.ask(payment)
    shop.server.mischief = [LOST]

    refund_payment(shop.payer.services, shop.payer.scope.merchant_id, payment, 2000, reason=None, actor=STAFF)
    for _ in range(4):
        shop.payer.clock.advance(minutes=2)
        check_refunds(shop.payer.services)
    shop.books.refunds[0]["status"] = "complete"
    shop.payer.clock.advance(hours=1)
    check_refunds(shop.payer.services)

    assert len(shop.books.refunds) == 1
    assert [refund.status for refund in shop.payer.rows(Refund)] == ["complete"]
    assert shop.payer.status(payment) == "partially_refunded"


def test_refund_that_never_arrived_is_given_once_it_cannot_be_on_its_way(shop: Shop) -> None:
    payment = shop.pay(shop.payer.invoice(5000, currency="XAF"))
    shop.books.settle(payment, "complete")
    shop.ask(payment)
    shop.server.mischief = [NEVER_ARRIVED]
    refund_payment(shop.payer.services, shop.payer.scope.merchant_id, payment, 2000, reason=None, actor=STAFF)

    shop.payer.clock.advance(seconds=15)
    check_refunds(shop.payer.services)
    early = len(shop.books.refunds)
    for _ in range(3):
        shop.payer.clock.advance(minutes=2)
        check_refunds(shop.payer.services)

    assert (early, len(shop.books.refunds)) == (0, 1)
