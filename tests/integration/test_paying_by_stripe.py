"""The real operations of paying through Stripe on loopback: what it took is what our books say, whatever was lost or killed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
import sqlalchemy as sa

from portal.gateways.stripe.gateway import StripeGateway
from portal.merchants.models import Merchant
from portal.payment_methods.models import PaymentMethod
from portal.payments.jobs import check_payments
from portal.payments.models import Payment
from portal.payments.operations.paying import cancel_payment, resolve_payment
from portal.provider_events.jobs import handle_events
from portal.provider_events.operations import receive_event
from portal.refunds.jobs import check_refunds
from portal.refunds.models import Refund
from portal.refunds.operations import refund_payment
from tests.support.actors import CUSTOMER, STAFF
from tests.support.paying import Killed, PayingCustomer, carry_on, killing_at
from tests.support.scripted_gateway import OneGateway
from tests.support.stripe_server import EVENT_SECRET, SECRET_KEY, StripeBooks, StripeServer, event
from tests.support.stripe_server.mischief import (
    LOST,
    NEVER_ARRIVED,
    STORED_FAULT,
    STORED_FAULT_AFTERWARDS,
    TRUNCATED,
    refused,
)

ASKS = "4000002760003184"


@dataclass
class Shop:
    """A payer whose merchant takes payments through Stripe, and Stripe itself."""

    payer: PayingCustomer
    server: StripeServer

    @property
    def books(self) -> StripeBooks:
        return self.server.books

    def pay_on_page(self, invoice_id: str, *, save: bool = False) -> str:
        payment_id = self.payer.checkout(invoice_id, method="new", save=save)
        self.payer.confirm(payment_id)
        return payment_id

    def complete_page(self, payment_id: str, number: str = "4242424242424242") -> None:
        """The customer pays on the page that the payment leads to."""
        (page,) = (
            page["id"]
            for page in self.books.objects["checkout.session"].values()
            if page["client_reference_id"] == payment_id
        )
        self.books.pay_page(page, number)

    def keep_card(self, number: str = "4242424242424242") -> str:
        """A card that the customer kept while paying; its id as ours. The invoice of it is paid."""
        payment_id = self.pay_on_page(self.payer.invoice(100), save=True)
        self.complete_page(payment_id, number)
        assert self.ask(payment_id) == "complete"
        method_id = self.payer.payment(payment_id).payment_method_id
        assert method_id is not None
        return method_id

    def ask(self, payment_id: str) -> str:
        resolve_payment(self.payer.services, self.payer.scope.merchant_id, payment_id)
        return self.payer.status(payment_id)

    def taken(self, payment_id: str) -> list[int]:
        """What Stripe took for a payment, once for each time."""
        return [
            intent["amount_received"]
            for intent in self.books.captured
            if intent["metadata"]["portal_reference"] == payment_id
        ]


@pytest.fixture
def shop(payer: PayingCustomer) -> Iterator[Shop]:
    server = StripeServer(StripeBooks(payer.clock.now))
    gateway = StripeGateway(SECRET_KEY, [EVENT_SECRET], 5, origin=server.origin, clock=payer.clock)
    payer.services = replace(payer.services, gateways=OneGateway(gateway))
    with payer.services.database.unit_of_work() as session:
        session.execute(sa.update(Merchant).where(Merchant.id == payer.scope.merchant_id).values(gateway="stripe"))
    yield Shop(payer, server)
    server.close()


def test_page_that_is_paid_pays_the_invoice(shop: Shop) -> None:
    invoice = shop.payer.invoice(5000)
    payment = shop.pay_on_page(invoice)
    waiting, address = shop.payer.status(payment), shop.payer.payment(payment).action_url
    shop.complete_page(payment)

    assert (waiting, shop.ask(payment)) == ("requires_action", "complete")
    assert (address or "").startswith("https://checkout.stripe.example/c/pay/cs_test_")
    assert shop.payer.balance(invoice) == ("paid", 5000, 0)
    assert shop.taken(payment) == [5000]
    assert shop.payer.wrong_row() is None


def test_card_that_is_kept_while_paying_pays_the_next_invoice_without_a_page(shop: Shop) -> None:
    method = shop.keep_card("5555555555554444")
    payment = shop.payer.checkout(shop.payer.invoice(5000), method=method)

    shop.payer.confirm(payment)

    assert shop.payer.status(payment) == "complete"
    assert shop.taken(payment) == [5000]


def test_same_card_kept_twice_is_one_method(shop: Shop) -> None:
    first, second = shop.keep_card(), shop.keep_card()

    assert first == second
    assert len(shop.payer.rows(PaymentMethod, gateway="stripe", status="active")) == 1


@pytest.mark.parametrize(("proves", "ends_as"), [(True, "complete"), (False, "failed")])
def test_bank_that_asks_for_the_customer_gets_them(shop: Shop, proves: bool, ends_as: str) -> None:
    invoice = shop.payer.invoice(5000)
    payment = shop.payer.checkout(invoice, method=shop.keep_card(ASKS))

    shop.payer.confirm(payment)
    processing = shop.payer.payment(payment)
    assert (processing.status, processing.action_url) == (
        "requires_action",
        f"https://hooks.stripe.example/3d_secure_2/{processing.gateway_reference}",
    )
    assert processing.gateway_reference is not None
    shop.books.answer_bank(processing.gateway_reference, proves=proves)

    assert shop.ask(payment) == ends_as
    assert shop.payer.balance(invoice)[0] == ("paid" if proves else "open")


def test_declined_card_frees_the_invoice(shop: Shop) -> None:
    invoice = shop.payer.invoice(5000)
    payment = shop.payer.checkout(invoice, method=shop.keep_card())
    shop.books.numbers = dict.fromkeys(shop.books.numbers, "4000000000009995")

    shop.payer.confirm(payment)

    assert (shop.payer.status(payment), shop.payer.payment(payment).failure_code) == ("failed", "insufficient_funds")
    assert shop.payer.balance(invoice) == ("open", 0, 0)


@pytest.mark.parametrize("fate", [LOST, NEVER_ARRIVED, TRUNCATED, STORED_FAULT_AFTERWARDS, refused(429), refused(503)])
@pytest.mark.parametrize("by", ["card", "page"])
def test_lost_call_ends_in_one_charge(shop: Shop, fate, by: str) -> None:
    invoice = shop.payer.invoice(5000)
    payment = shop.payer.checkout(invoice, method=shop.keep_card() if by == "card" else "new")
    shop.server.mischief = [fate]
    shop.payer.confirm(payment)
    unknown = shop.payer.status(payment)

    for _ in range(3):
        shop.payer.clock.advance(minutes=1)
        check_payments(shop.payer.services)
    if by == "page":
        shop.complete_page(payment)

    assert (unknown, shop.ask(payment)) == ("processing", "complete")
    assert shop.taken(payment) == [5000]
    assert shop.payer.balance(invoice) == ("paid", 5000, 0)
    assert shop.payer.wrong_row() is None


@pytest.mark.parametrize("lost_at", [0, 1])
def test_call_that_is_lost_between_the_bank_and_its_question_is_called_off_or_gone_on_with(
    shop: Shop, lost_at: int
) -> None:
    invoice = shop.payer.invoice(5000)
    payment = shop.payer.checkout(invoice, method=shop.keep_card(ASKS))
    shop.server.mischief = [None] * lost_at + [LOST]
    shop.payer.confirm(payment)
    between = shop.ask(payment)

    shop.payer.clock.advance(hours=4)
    check_payments(shop.payer.services)

    assert between == ("pending" if lost_at == 0 else "requires_action")
    assert (shop.payer.status(payment), shop.payer.balance(invoice)) == ("expired", ("open", 0, 0))
    assert shop.taken(payment) == []


def test_order_to_which_stripe_keeps_a_fault_ends_within_minutes(shop: Shop) -> None:
    invoice = shop.payer.invoice(5000)
    payment = shop.payer.checkout(invoice, method=shop.keep_card())
    shop.server.mischief = [STORED_FAULT]
    shop.payer.confirm(payment)

    for _ in range(9):
        shop.payer.clock.advance(minutes=1)
        check_payments(shop.payer.services)
    before = shop.payer.status(payment)
    for _ in range(4):
        shop.payer.clock.advance(minutes=1)
        check_payments(shop.payer.services)

    ended = shop.payer.payment(payment)
    assert (before, ended.status, ended.failure_code) == ("processing", "failed", "not_sent")
    assert (shop.taken(payment), shop.payer.balance(invoice)) == ([], ("open", 0, 0))


@pytest.mark.parametrize("label", ["payment.intent_committed", "payment.gateway_answered", "payment.outcome_recorded"])
def test_killed_anywhere_ends_in_one_charge(shop: Shop, label: str) -> None:
    invoice = shop.payer.invoice(5000)
    payment = shop.payer.checkout(invoice, method=shop.keep_card())
    with pytest.raises(Killed):
        shop.payer.confirm(payment, services=shop.payer.with_crash_point(killing_at(label)))

    shop.payer.clock.advance(seconds=15)
    carry_on(shop.payer)

    assert shop.payer.status(payment) == "complete"
    assert shop.taken(payment) == [5000]
    assert shop.payer.balance(invoice) == ("paid", 5000, 0)


def test_page_nobody_came_to_is_called_off_after_its_time_and_takes_nothing_any_more(shop: Shop) -> None:
    invoice = shop.payer.invoice(5000)
    payment = shop.pay_on_page(invoice)
    shop.payer.clock.advance(hours=3, minutes=1)

    assert shop.ask(payment) in ("expired", "abandoned")
    (page,) = shop.books.objects["checkout.session"].values()
    assert page["status"] == "expired"
    assert shop.payer.balance(invoice) == ("open", 0, 0)


def test_page_is_called_off_by_the_customer(shop: Shop) -> None:
    payment = shop.pay_on_page(shop.payer.invoice(5000))

    assert cancel_payment(shop.payer.services, shop.payer.scope, payment, actor=CUSTOMER) == "canceled"


def test_event_has_the_payment_looked_up_at_stripe_at_once_and_once(shop: Shop) -> None:
    payment = shop.pay_on_page(shop.payer.invoice(5000))
    shop.complete_page(payment)
    (page,) = shop.books.objects["checkout.session"].values()
    signed = event(shop.books, "checkout.session.completed", page)

    received = [receive_event(shop.payer.services, shop.payer.scope.merchant_id, "stripe", *signed) for _ in range(2)]
    handle_events(shop.payer.services)

    assert received == [True, False]
    assert shop.payer.status(payment) == "complete"


@pytest.mark.parametrize("fate", [LOST, NEVER_ARRIVED, STORED_FAULT_AFTERWARDS])
def test_refund_of_which_the_answer_is_lost_is_given_once(shop: Shop, fate) -> None:
    payment = shop.pay_on_page(shop.payer.invoice(5000))
    shop.complete_page(payment)
    shop.ask(payment)
    shop.server.mischief = [fate]

    refund_payment(shop.payer.services, shop.payer.scope.merchant_id, payment, 2000, reason=None, actor=STAFF)
    for _ in range(3):
        shop.payer.clock.advance(minutes=1)
        check_refunds(shop.payer.services)

    assert [refund["amount"] for refund in shop.books.objects["refund"].values()] == [2000]
    assert [refund.status for refund in shop.payer.rows(Refund)] == ["complete"]
    assert shop.payer.status(payment) == "partially_refunded"
    assert shop.payer.wrong_row() is None


def test_list_has_each_charge_once_with_the_ids_that_we_recorded(shop: Shop) -> None:
    since = shop.payer.clock.now()
    payments = [shop.pay_on_page(shop.payer.invoice(5000)) for _ in range(2)]
    for payment in payments:
        shop.complete_page(payment)
        shop.ask(payment)
    gateway = shop.payer.services.gateways.find(shop.payer.scope.merchant_id)
    assert gateway is not None

    listed = gateway.list_charges(since, shop.payer.clock.advance(hours=1))

    assert sorted(charge.reference or "" for charge in listed or ()) == sorted(payments)
    assert {payment.gateway_reference for payment in shop.payer.rows(Payment) if payment.id in payments} == {
        charge.gateway_reference for charge in listed or ()
    }
