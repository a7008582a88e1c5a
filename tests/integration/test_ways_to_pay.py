"""Parts, deposits, credit, other currencies, two methods, money in advance: what is charged, booked and left each time."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from portal.checkout.queries import get_checkout
from portal.gateways.contract import MethodDetails, State
from portal.invoices.models import Invoice
from portal.ledger.operations.posting import post
from portal.ledger.rules import invoice_corrected
from portal.merchants.rules.payment_options import AmountLimits, PaymentOptions
from portal.money import Money
from portal.payment_methods.operations.methods import remember_method
from portal.payments.errors import (
    AmountChanged,
    AmountTooHigh,
    AmountTooLow,
    CurrenciesMixed,
    FirstPartTooSmall,
    InvoiceBeingPaid,
    MethodMissing,
    MethodUnknown,
    SplitNotAllowed,
    TopUpNotAllowed,
)
from portal.payments.models import PaymentAllocation
from portal.payments.operations.paying import cancel_payment, resolve_payment
from portal.payments.queries.shares import shown_version
from portal.payments.rules.choices import Exact, FirstPart, Prompt
from portal.public_ids import new_id
from tests.support.actors import CUSTOMER
from tests.support.paying import PayingCustomer, allow, credit, grant_credit
from tests.support.scripted_gateway import lost


def test_part_is_paid_oldest_first_and_the_rest_stays_open(payer: PayingCustomer) -> None:
    allow(payer, amount_mode="editable")
    old, new = payer.invoice(5000, due_in_days=1), payer.invoice(3000, due_in_days=2)

    payment = payer.pay(new, old, amount=Exact(6000))

    assert payer.status(payment) == "complete"
    assert payer.balance(old) == ("paid", 5000, 0)
    assert payer.balance(new) == ("partially_paid", 1000, 0)
    assert payer.gateway.ledger[payment].money == Money(6000, "USD")
    assert payer.wrong_row() is None


def test_amount_outside_the_merchants_limits_begins_nothing(payer: PayingCustomer) -> None:
    invoice = payer.invoice(5000, amount_mode="editable", minimum_amount=1000, maximum_amount=3000)

    with pytest.raises(AmountTooLow):
        payer.checkout(invoice, amount=Exact(999))
    with pytest.raises(AmountTooHigh):
        payer.checkout(invoice, amount=Exact(3001))
    with pytest.raises(AmountTooLow):
        payer.checkout(payer.invoice(5000), amount=Exact(4999))


def test_merchants_limits_hold_for_an_invoice_that_has_none_itself(payer: PayingCustomer) -> None:
    allow(payer, amount_mode="editable", amounts={"USD": AmountLimits(1000, 3000, (2000,))})
    plain, own = payer.invoice(5000), payer.invoice(5000, minimum_amount=200)

    for invoice, amount in ((plain, 999), (own, 199)):
        with pytest.raises(AmountTooLow):
            payer.checkout(invoice, amount=Exact(amount))
    with pytest.raises(AmountTooHigh):
        payer.checkout(plain, amount=Exact(3001))

    payer.pay(own, amount=Exact(4000))
    assert payer.balance(own) == ("partially_paid", 4000, 0)


def test_deposit_then_the_rest(payer: PayingCustomer) -> None:
    invoice = payer.invoice(5000, deposit_amount=1500)

    payer.pay(invoice, amount=Exact(1500))
    assert payer.balance(invoice) == ("partially_paid", 1500, 0)
    payer.pay(invoice)

    assert payer.balance(invoice) == ("paid", 5000, 0)
    assert payer.wrong_row() is None


def test_lower_amount_is_offered_only_after_a_method_had_too_little(payer: PayingCustomer) -> None:
    invoice = payer.invoice(5000, amount_mode="editable_after_insufficient_funds")
    with pytest.raises(AmountTooLow):
        payer.checkout(invoice, amount=Exact(2000))
    payer.gateway.becomes.append(State.FAILED)
    payer.gateway.answers.append(lambda outcome: replace(outcome, failure_code="insufficient_funds"))
    payer.pay(invoice)

    with pytest.raises(AmountTooHigh):
        payer.checkout(invoice, amount=Exact(5001))
    payer.pay(invoice, amount=Exact(2000))

    assert payer.balance(invoice) == ("partially_paid", 2000, 0)


def test_credit_goes_first_and_the_method_pays_the_rest(payer: PayingCustomer) -> None:
    grant_credit(payer, 2000)
    invoice = payer.invoice(5000)

    payment = payer.pay(invoice, use_credit=True)

    assert payer.gateway.ledger[payment].money == Money(3000, "USD")
    assert (payer.payment(payment).amount, payer.payment(payment).credit_amount) == (5000, 2000)
    assert payer.balance(invoice) == ("paid", 5000, 0)
    assert credit(payer) == (0, 0)
    assert payer.wrong_row() is None


def test_credit_that_pays_all_asks_no_gateway(payer: PayingCustomer) -> None:
    grant_credit(payer, 9000)
    invoice = payer.invoice(5000)

    payment = payer.pay(invoice, method="", use_credit=True)

    assert payer.status(payment) == "complete"
    assert payer.gateway.calls == []
    assert credit(payer) == (4000, 0)
    assert payer.balance(invoice) == ("paid", 5000, 0)
    assert payer.wrong_row() is None


def test_credit_is_held_while_the_method_is_charged_and_released_when_it_fails(payer: PayingCustomer) -> None:
    grant_credit(payer, 2000)
    invoice = payer.invoice(5000)
    payer.gateway.becomes.append(State.PENDING)
    payment = payer.pay(invoice, use_credit=True)
    assert credit(payer) == (2000, 2000)

    payer.gateway.settle(payment, State.FAILED, "card_declined")
    resolve_payment(payer.services, payer.scope.merchant_id, payment)

    assert payer.status(payment) == "failed"
    assert credit(payer) == (2000, 0)
    assert payer.balance(invoice) == ("open", 0, 0)


def test_credit_is_not_spent_twice_by_two_payments(payer: PayingCustomer) -> None:
    grant_credit(payer, 2000)
    first, second = (payer.checkout(payer.invoice(5000), use_credit=True) for _ in range(2))
    payer.gateway.becomes.append(State.PENDING)
    payer.confirm(first)

    with pytest.raises(AmountChanged):
        payer.confirm(second)

    assert credit(payer) == (2000, 2000)
    assert [reference for _, reference in payer.gateway.calls] == [first]


def test_credit_that_came_meanwhile_is_confirmed_again(payer: PayingCustomer) -> None:
    invoice = payer.invoice(5000)
    payment = payer.checkout(invoice, use_credit=True)
    grant_credit(payer, 9000)

    with pytest.raises(AmountChanged):
        payer.confirm(payment)

    assert payer.gateway.calls == []


def test_credit_that_left_meanwhile_wants_a_method(payer: PayingCustomer) -> None:
    grant_credit(payer, 5000)
    first, second = payer.invoice(5000), payer.invoice(5000)
    planned = payer.checkout(first, method="", use_credit=True)
    payer.pay(second, method="", use_credit=True)

    with pytest.raises((AmountChanged, MethodMissing)):
        payer.confirm(planned)

    assert payer.balance(first) == ("open", 0, 0)


def test_late_money_of_a_payment_with_credit_pays_what_it_brought(payer: PayingCustomer) -> None:
    """Threats, rule 23: the credit was released when the payment ended, and stays the customer's; the charge that came late is booked."""
    grant_credit(payer, 2000)
    invoice = payer.invoice(5000)
    payer.gateway.becomes.append(State.PENDING)
    payment = payer.pay(invoice, use_credit=True)
    cancel_payment(payer.services, payer.scope, payment, actor=CUSTOMER)
    assert credit(payer) == (2000, 0)

    payer.gateway.settle(payment, State.SUCCEEDED)
    payer.record(payment)

    assert payer.status(payment) == "complete"
    assert payer.balance(invoice) == ("partially_paid", 3000, 0)
    assert credit(payer) == (2000, 0)
    assert payer.wrong_row() is None


def test_two_methods_pay_one_invoice_one_after_the_other(payer: PayingCustomer) -> None:
    allow(payer, allow_split=True)
    invoice = payer.invoice(5000)

    first = payer.pay(invoice, amount=FirstPart(2000))
    second = payer.pay(invoice, split_of=first)

    assert payer.balance(invoice) == ("paid", 5000, 0)
    assert [payer.gateway.ledger[payment].money for payment in (first, second)] == [
        Money(2000, "USD"),
        Money(3000, "USD"),
    ]
    assert payer.wrong_row() is None


def test_second_method_may_pay_while_the_first_is_on_its_way(payer: PayingCustomer) -> None:
    allow(payer, allow_split=True)
    invoice = payer.invoice(5000)
    payer.gateway.becomes.append(State.PENDING)
    first = payer.pay(invoice, amount=FirstPart(2000))
    with pytest.raises(InvoiceBeingPaid):
        payer.checkout(invoice)

    second = payer.pay(invoice, split_of=first)

    assert payer.balance(invoice) == ("partially_paid", 3000, 2000)
    with pytest.raises(InvoiceBeingPaid):
        payer.checkout(invoice, split_of=first)
    payer.gateway.settle(first, State.SUCCEEDED)
    resolve_payment(payer.services, payer.scope.merchant_id, first)
    assert payer.balance(invoice) == ("paid", 5000, 0)
    assert [row.slot for row in payer.rows(PaymentAllocation, payment_id=second)] == [2]


def test_second_method_does_not_pay_after_the_first_failed(payer: PayingCustomer) -> None:
    allow(payer, allow_split=True)
    invoice = payer.invoice(5000)
    payer.gateway.becomes.append(State.PENDING)
    first = payer.pay(invoice, amount=FirstPart(2000))
    second = payer.checkout(invoice, split_of=first)
    payer.gateway.settle(first, State.FAILED, "card_declined")

    with pytest.raises(SplitNotAllowed):
        payer.confirm(second)

    assert payer.balance(invoice) == ("open", 0, 0)


def test_split_is_the_merchants_to_allow_and_leaves_something_for_each(payer: PayingCustomer) -> None:
    invoice = payer.invoice(5000)
    with pytest.raises(SplitNotAllowed):
        payer.checkout(invoice, amount=FirstPart(2000))
    allow(payer, allow_split=True)

    with pytest.raises(AmountTooHigh):
        payer.checkout(invoice, amount=FirstPart(5000))
    with pytest.raises(SplitNotAllowed):
        payer.checkout(invoice, split_of=new_id("pay", payer.clock.now()))


def test_first_part_of_a_split_has_to_reach_each_invoice(payer: PayingCustomer) -> None:
    """The second payment pays the rest of what the first began, and knows of no other invoice."""
    allow(payer, allow_split=True)
    old, new = payer.invoice(5000, due_in_days=1), payer.invoice(3000, due_in_days=2)

    with pytest.raises(FirstPartTooSmall):
        payer.checkout(old, new, amount=FirstPart(5000))
    first = payer.pay(old, new, amount=FirstPart(5001))
    payer.pay(new, split_of=first)

    assert (payer.balance(old)[0], payer.balance(new)[0]) == ("paid", "paid")


def test_priced_invoice_is_paid_in_the_currency_that_was_chosen(payer: PayingCustomer) -> None:
    invoice = payer.invoice(5000, prices={"EUR": 4600})

    payment = payer.pay(invoice, currency="EUR")

    assert payer.gateway.ledger[payment].money == Money(4600, "EUR")
    assert payer.balance(invoice) == ("paid", 5000, 0)
    assert payer.wrong_row() is None
    with pytest.raises(CurrenciesMixed):
        payer.checkout(payer.invoice(5000), currency="EUR")


def test_invoice_in_another_currency_is_never_paid_in_parts(payer: PayingCustomer) -> None:
    """A cent of the price in euros once settled all of it."""
    allow(payer, allow_split=True, amount_mode="editable")
    invoice = payer.invoice(10_000, prices={"EUR": 9000})

    with pytest.raises(SplitNotAllowed):
        payer.checkout(invoice, currency="EUR", amount=FirstPart(1))
    with pytest.raises(AmountTooLow):
        payer.checkout(invoice, currency="EUR", amount=Exact(1))

    assert payer.gateway.calls == []


def test_invoice_whose_currency_was_corrected_to_one_of_its_prices_is_confirmed_again_and_booked(
    payer: PayingCustomer,
) -> None:
    invoice = payer.invoice(5000, prices={"USD": 5500, "EUR": 4600})
    payment = payer.checkout(invoice)
    correct(payer, invoice, Money(4600, "EUR"))

    with pytest.raises(AmountChanged):
        payer.confirm(payment)
    payer.confirm(payment, version=version_now(payer, payment))

    assert payer.gateway.ledger[payment].money == Money(5500, "USD")
    assert (payer.status(payment), payer.balance(invoice)) == ("complete", ("paid", 4600, 0))
    assert payer.wrong_row() is None


def test_lower_amount_is_lower_in_the_currency_of_the_refusal_alone(payer: PayingCustomer) -> None:
    invoice = payer.invoice(10_000, amount_mode="editable_after_insufficient_funds", prices={"XAF": 65_000})
    payer.gateway.becomes.append(State.FAILED)
    payer.gateway.answers.append(lambda outcome: replace(outcome, failure_code="insufficient_funds"))

    payer.pay(invoice, currency="XAF")

    with pytest.raises(AmountTooLow):
        payer.checkout(invoice, amount=Exact(9000))


def test_method_that_another_gateway_keeps_is_not_taken(payer: PayingCustomer) -> None:
    method = keep_elsewhere(payer)

    with pytest.raises(MethodUnknown):
        payer.checkout(payer.invoice(), method=method)


def test_price_that_changed_meanwhile_is_confirmed_again(payer: PayingCustomer) -> None:
    invoice = payer.invoice(5000, prices={"EUR": 4600})
    payment = payer.checkout(invoice, currency="EUR")
    with payer.services.database.unit_of_work() as session:
        session.execute(
            sa.update(Invoice)
            .where(Invoice.merchant_id == payer.scope.merchant_id, Invoice.id == invoice)
            .values(prices={"EUR": 4700})
        )

    with pytest.raises(AmountChanged):
        payer.confirm(payment)

    assert payer.gateway.calls == []


def test_money_in_advance_stands_to_the_customers_credit(payer: PayingCustomer) -> None:
    with pytest.raises(TopUpNotAllowed):
        payer.checkout(top_up="USD", amount=Exact(2000))
    allow(payer, top_ups={"USD": AmountLimits(1000, 5000)})
    with pytest.raises(AmountTooLow):
        payer.checkout(top_up="USD", amount=Exact(999))

    payment = payer.pay(top_up="USD", amount=Exact(2000))

    assert payer.status(payment) == "complete"
    assert credit(payer) == (2000, 0)
    assert payer.gateway.ledger[payment].money == Money(2000, "USD")
    assert payer.wrong_row() is None


def test_money_in_advance_that_comes_late_is_credited_all_the_same(payer: PayingCustomer) -> None:
    allow(payer, top_ups={"USD": AmountLimits(1000, 5000)})
    payer.gateway.becomes.append(State.PENDING)
    payment = payer.pay(top_up="USD", amount=Exact(2000))
    cancel_payment(payer.services, payer.scope, payment, actor=CUSTOMER)

    payer.gateway.settle(payment, State.SUCCEEDED)
    payer.record(payment)

    assert credit(payer) == (2000, 0)
    assert payer.wrong_row() is None


def test_telephone_is_prompted_once_however_often_pay_is_pressed(payer: PayingCustomer) -> None:
    invoice = payer.invoice(5000)
    payment = payer.checkout(invoice, way=Prompt("cm.mtn", "+237677000012"))
    payer.gateway.answers.append(lost)

    payer.confirm(payment)
    payer.confirm(payment)
    payer.clock.advance(seconds=30)
    resolve_payment(payer.services, payer.scope.merchant_id, payment)
    payer.gateway.settle(payment, State.SUCCEEDED)
    resolve_payment(payer.services, payer.scope.merchant_id, payment)

    assert payer.gateway.captured == [payment]
    assert [call for call in payer.gateway.calls if call[0] == "prompt"] == [("prompt", payment)]
    assert payer.balance(invoice) == ("paid", 5000, 0)


def test_two_telephones_that_both_approve_leave_the_surplus_as_credit(payer: PayingCustomer) -> None:
    """Threats 101: the first prompt was canceled, the second paid, then the first was approved after all."""
    invoice = payer.invoice(5000)
    first = payer.pay(invoice, way=Prompt("cm.mtn", "+237677000012"))
    cancel_payment(payer.services, payer.scope, first, actor=CUSTOMER)
    second = payer.pay(invoice, way=Prompt("cm.mtn", "+237677000099"))
    payer.gateway.settle(second, State.SUCCEEDED)
    resolve_payment(payer.services, payer.scope.merchant_id, second)

    payer.gateway.settle(first, State.SUCCEEDED)
    payer.record(first)

    assert payer.balance(invoice) == ("paid", 5000, 0)
    assert credit(payer) == (5000, 0)
    assert payer.wrong_row() is None


def correct(payer: PayingCustomer, invoice: str, total: Money) -> None:
    """The merchant writes an open invoice anew, as an import does; its prices stay."""
    with payer.services.database.unit_of_work() as session:
        row = session.execute(
            sa.select(Invoice).where(Invoice.merchant_id == payer.scope.merchant_id, Invoice.id == invoice)
        ).scalar_one()
        before = Money(row.total, row.currency)
        row.total, row.subtotal, row.currency, row.version = total.amount, total.amount, total.currency, row.version + 1
        correction = (payer.scope.customer_id, invoice, row.version, before, total)
        post(session, payer.scope.merchant_id, invoice_corrected(*correction, at=payer.clock.now()))


def version_now(payer: PayingCustomer, payment: str) -> str:
    """What the review of the checkout posts back."""
    with payer.services.database.read() as reader:
        checkout = get_checkout(reader, payer.scope, payment, PaymentOptions())
    pricing = checkout.price_now()
    assert pricing is not None
    return shown_version(checkout.id, pricing, checkout.method_id)


def keep_elsewhere(payer: PayingCustomer) -> str:
    """A card of the customer that the gateway of before keeps."""
    facts = MethodDetails("card", "visa", "1881", 12, 2030, fingerprint="fp-elsewhere", token="tok_elsewhere")
    with payer.services.database.unit_of_work() as session:
        return remember_method(session, payer.scope, "elsewhere", facts, actor=CUSTOMER, at=payer.clock.now())
