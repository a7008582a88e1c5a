"""Prompts to pay on a telephone: how often, what the page of the payment says, and what becomes of a late approval."""

from __future__ import annotations

import pytest

from portal.gateways.contract import State
from portal.outbox.models import OutboxMessage
from portal.payments.errors import TooManyPrompts
from portal.payments.jobs import check_payments
from portal.payments.operations.paying import cancel_payment
from portal.payments.queries.payment_page import read_payment_page
from portal.payments.rules.choices import Prompt
from portal.provider_events.jobs import handle_events
from portal.provider_events.operations import receive_event
from portal.services import Services
from tests.support.accounts import make_account
from tests.support.actors import CUSTOMER
from tests.support.customers import add_customer
from tests.support.paying import PayingCustomer

PHONE = "+237677000012"


def prompt(payer: PayingCustomer, invoice: str, phone: str = PHONE) -> str:
    return payer.pay(invoice, way=Prompt("cm.mtn", phone))


def test_seventh_prompt_of_a_telephone_in_an_hour_is_refused_before_anything_is_sent(payer: PayingCustomer) -> None:
    for _ in range(6):
        prompt(payer, payer.invoice())
    invoice = payer.invoice()

    with pytest.raises(TooManyPrompts):
        prompt(payer, invoice)

    assert len(payer.gateway.ledger) == 6
    assert payer.balance(invoice) == ("open", 0, 0)
    payer.clock.advance(hours=1)
    prompt(payer, invoice)


def test_prompts_are_counted_by_number_whoever_asks(payer: PayingCustomer, make_scope) -> None:
    for _ in range(6):
        prompt(payer, payer.invoice())
    stranger = _other_customer(payer)
    payer.scope = stranger

    with pytest.raises(TooManyPrompts):
        prompt(payer, payer.invoice(scope=stranger))
    prompt(payer, payer.invoice(scope=stranger), phone="+237677000099")


def test_prompts_are_counted_by_customer_whatever_the_number(payer: PayingCustomer) -> None:
    for number in range(6):
        prompt(payer, payer.invoice(), phone=f"+23767700001{number}")

    with pytest.raises(TooManyPrompts):
        prompt(payer, payer.invoice(), phone="+237677000099")


def test_checkouts_made_long_before_they_are_confirmed_count_all_the_same(payer: PayingCustomer) -> None:
    """An id tells when a payment was made; a checkout lives for three hours before it is confirmed."""
    begun = [payer.checkout(payer.invoice(), way=Prompt("cm.mtn", PHONE)) for _ in range(7)]
    payer.clock.advance(hours=2)
    for payment in begun[:6]:
        payer.confirm(payment)

    with pytest.raises(TooManyPrompts):
        payer.confirm(begun[6])


def test_cards_are_not_counted_as_prompts(payer: PayingCustomer) -> None:
    for _ in range(8):
        payer.pay(payer.invoice())

    assert len(payer.gateway.captured) == 8
    prompt(payer, payer.invoice())


def test_two_prompts_both_approved_pay_once_and_the_surplus_is_reported(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    first = prompt(payer, invoice)
    cancel_payment(payer.services, payer.scope, first, actor=CUSTOMER)
    second = prompt(payer, invoice)
    payer.gateway.settle(second, State.SUCCEEDED)
    payer.gateway.settle(first, State.SUCCEEDED)
    payer.clock.advance(seconds=10)
    check_payments(payer.services)

    receive_event(payer.services, payer.scope.merchant_id, "sandbox", {"Signature": "right"}, f"evt {first}".encode())
    handle_events(payer.services)

    assert payer.balance(invoice) == ("paid", 5000, 0)
    (mail,) = payer.rows(OutboxMessage, kind="surplus_mail")
    assert (mail.payload["payment"], mail.payload["amount"]) == (first, 5000)
    with payer.services.database.read() as reader:
        assert read_payment_page(reader, payer.scope, first).surplus == 5000
        assert read_payment_page(reader, payer.scope, second).surplus == 0
    assert payer.wrong_row() is None


@pytest.mark.parametrize("code", ["wrong_pin", "limit_exceeded", "insufficient_funds"])
def test_prompt_that_was_refused_leaves_the_invoice_open_with_its_reason(payer: PayingCustomer, code: str) -> None:
    invoice = payer.invoice()
    payment = prompt(payer, invoice)
    payer.gateway.settle(payment, State.FAILED, code)

    payer.clock.advance(seconds=10)
    check_payments(payer.services)

    assert (payer.status(payment), payer.payment(payment).failure_code) == ("failed", code)
    assert payer.balance(invoice) == ("open", 0, 0)


def test_waiting_page_says_who_asks_which_telephone_until_when_and_what_to_dial(app, services: Services) -> None:
    account = make_account(services)
    now = services.clock.now()
    payment = account.payment(
        "pending", amount=12500, channel="cm.mtn", phone=PHONE, sent_at=now, confirmed_at=now, method_type=None
    )

    page = account.sign_in(app).get(f"/acme/payments/{payment}")

    assert page.headline == "Approve on your phone"
    assert "+237 •• 12" in page.text and PHONE not in page.text
    assert "Dial *126#" in page.text
    assert "The request ends at" in page.text


def _other_customer(payer: PayingCustomer):
    with payer.services.database.unit_of_work() as session:
        return add_customer(session, payer.scope.merchant_id, at=payer.clock.now(), name="Ada")
