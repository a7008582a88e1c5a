"""Telephones that are asked to pay: how often, what the page of the payment says, and what becomes of a late approval."""

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
from tests.support.paying import Till

PHONE = "+237677000012"


def prompt(till: Till, invoice: str, phone: str = PHONE) -> str:
    return till.pay(invoice, way=Prompt("cm.mtn", phone))


def test_seventh_prompt_of_a_telephone_in_an_hour_is_refused_before_anything_is_sent(till: Till) -> None:
    for _ in range(6):
        prompt(till, till.invoice())
    invoice = till.invoice()

    with pytest.raises(TooManyPrompts):
        prompt(till, invoice)

    assert len(till.gateway.ledger) == 6
    assert till.balance(invoice) == ("open", 0, 0)
    till.clock.advance(hours=1)
    prompt(till, invoice)


def test_prompts_are_counted_by_number_whoever_asks(till: Till, make_scope) -> None:
    for _ in range(6):
        prompt(till, till.invoice())
    stranger = _other_customer(till)
    till.scope = stranger

    with pytest.raises(TooManyPrompts):
        prompt(till, till.invoice(scope=stranger))
    prompt(till, till.invoice(scope=stranger), phone="+237677000099")


def test_prompts_are_counted_by_customer_whatever_the_number(till: Till) -> None:
    for number in range(6):
        prompt(till, till.invoice(), phone=f"+23767700001{number}")

    with pytest.raises(TooManyPrompts):
        prompt(till, till.invoice(), phone="+237677000099")


def test_checkouts_made_long_before_they_are_confirmed_count_all_the_same(till: Till) -> None:
    """An id tells when a payment was made; a checkout lives for three hours before it is confirmed."""
    begun = [till.checkout(till.invoice(), way=Prompt("cm.mtn", PHONE)) for _ in range(7)]
    till.clock.advance(hours=2)
    for payment in begun[:6]:
        till.confirm(payment)

    with pytest.raises(TooManyPrompts):
        till.confirm(begun[6])


def test_cards_are_not_counted_as_prompts(till: Till) -> None:
    for _ in range(8):
        till.pay(till.invoice())

    assert len(till.gateway.captured) == 8
    prompt(till, till.invoice())


def test_two_prompts_both_approved_pay_once_and_the_surplus_is_told(till: Till) -> None:
    invoice = till.invoice()
    first = prompt(till, invoice)
    cancel_payment(till.services, till.scope, first, actor=CUSTOMER)
    second = prompt(till, invoice)
    till.gateway.settle(second, State.SUCCEEDED)
    till.gateway.settle(first, State.SUCCEEDED)
    till.clock.advance(seconds=10)
    check_payments(till.services)

    receive_event(till.services, till.scope.merchant_id, "sandbox", {"Signature": "right"}, f"evt {first}".encode())
    handle_events(till.services)

    assert till.balance(invoice) == ("paid", 5000, 0)
    (mail,) = till.rows(OutboxMessage, kind="surplus_mail")
    assert (mail.payload["payment"], mail.payload["amount"]) == (first, 5000)
    with till.services.database.read() as reader:
        assert read_payment_page(reader, till.scope, first).surplus == 5000
        assert read_payment_page(reader, till.scope, second).surplus == 0
    assert till.wrong_row() is None


@pytest.mark.parametrize("code", ["wrong_pin", "limit_exceeded", "insufficient_funds"])
def test_prompt_that_was_refused_leaves_the_invoice_open_with_its_reason(till: Till, code: str) -> None:
    invoice = till.invoice()
    payment = prompt(till, invoice)
    till.gateway.settle(payment, State.FAILED, code)

    till.clock.advance(seconds=10)
    check_payments(till.services)

    assert (till.status(payment), till.payment(payment).failure_code) == ("failed", code)
    assert till.balance(invoice) == ("open", 0, 0)


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
    assert "We wait for your answer until" in page.text


def _other_customer(till: Till):
    with till.services.database.unit_of_work() as session:
        return add_customer(session, till.scope.merchant_id, at=till.clock.now(), name="Ada")
