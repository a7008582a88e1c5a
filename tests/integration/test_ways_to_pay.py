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
    AmountUnreached,
    CurrenciesMixed,
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
from tests.support.paying import Till, allow, credit, give_credit
from tests.support.scripted_gateway import lost


def test_part_is_paid_oldest_first_and_the_rest_stays_open(till: Till) -> None:
    allow(till, amount_mode="editable")
    old, new = till.invoice(5000, due_in_days=1), till.invoice(3000, due_in_days=2)

    payment = till.pay(new, old, amount=Exact(6000))

    assert till.status(payment) == "complete"
    assert till.balance(old) == ("paid", 5000, 0)
    assert till.balance(new) == ("partially_paid", 1000, 0)
    assert till.gateway.ledger[payment].money == Money(6000, "USD")
    assert till.wrong_row() is None


def test_amount_outside_the_merchants_limits_begins_nothing(till: Till) -> None:
    invoice = till.invoice(5000, amount_mode="editable", minimum_amount=1000, maximum_amount=3000)

    with pytest.raises(AmountTooLow):
        till.checkout(invoice, amount=Exact(999))
    with pytest.raises(AmountTooHigh):
        till.checkout(invoice, amount=Exact(3001))
    with pytest.raises(AmountTooLow):
        till.checkout(till.invoice(5000), amount=Exact(4999))


def test_merchants_limits_hold_for_an_invoice_that_has_none_itself(till: Till) -> None:
    allow(till, amount_mode="editable", amounts={"USD": AmountLimits(1000, 3000, (2000,))})
    plain, own = till.invoice(5000), till.invoice(5000, minimum_amount=200)

    for invoice, amount in ((plain, 999), (own, 199)):
        with pytest.raises(AmountTooLow):
            till.checkout(invoice, amount=Exact(amount))
    with pytest.raises(AmountTooHigh):
        till.checkout(plain, amount=Exact(3001))

    till.pay(own, amount=Exact(4000))
    assert till.balance(own) == ("partially_paid", 4000, 0)


def test_deposit_then_the_rest(till: Till) -> None:
    invoice = till.invoice(5000, deposit_amount=1500)

    till.pay(invoice, amount=Exact(1500))
    assert till.balance(invoice) == ("partially_paid", 1500, 0)
    till.pay(invoice)

    assert till.balance(invoice) == ("paid", 5000, 0)
    assert till.wrong_row() is None


def test_lower_amount_is_offered_only_after_a_method_had_too_little(till: Till) -> None:
    invoice = till.invoice(5000, amount_mode="editable_after_insufficient_funds")
    with pytest.raises(AmountTooLow):
        till.checkout(invoice, amount=Exact(2000))
    till.gateway.becomes.append(State.FAILED)
    till.gateway.answers.append(lambda outcome: replace(outcome, failure_code="insufficient_funds"))
    till.pay(invoice)

    with pytest.raises(AmountTooHigh):
        till.checkout(invoice, amount=Exact(5001))
    till.pay(invoice, amount=Exact(2000))

    assert till.balance(invoice) == ("partially_paid", 2000, 0)


def test_credit_goes_first_and_the_method_pays_the_rest(till: Till) -> None:
    give_credit(till, 2000)
    invoice = till.invoice(5000)

    payment = till.pay(invoice, use_credit=True)

    assert till.gateway.ledger[payment].money == Money(3000, "USD")
    assert (till.payment(payment).amount, till.payment(payment).credit_amount) == (5000, 2000)
    assert till.balance(invoice) == ("paid", 5000, 0)
    assert credit(till) == (0, 0)
    assert till.wrong_row() is None


def test_credit_that_pays_all_asks_no_gateway(till: Till) -> None:
    give_credit(till, 9000)
    invoice = till.invoice(5000)

    payment = till.pay(invoice, method="", use_credit=True)

    assert till.status(payment) == "complete"
    assert till.gateway.calls == []
    assert credit(till) == (4000, 0)
    assert till.balance(invoice) == ("paid", 5000, 0)
    assert till.wrong_row() is None


def test_credit_is_held_while_the_method_is_asked_and_given_back_when_it_fails(till: Till) -> None:
    give_credit(till, 2000)
    invoice = till.invoice(5000)
    till.gateway.becomes.append(State.PENDING)
    payment = till.pay(invoice, use_credit=True)
    assert credit(till) == (2000, 2000)

    till.gateway.settle(payment, State.FAILED, "card_declined")
    resolve_payment(till.services, till.scope.merchant_id, payment)

    assert till.status(payment) == "failed"
    assert credit(till) == (2000, 0)
    assert till.balance(invoice) == ("open", 0, 0)


def test_credit_is_not_spent_twice_by_two_payments(till: Till) -> None:
    give_credit(till, 2000)
    first, second = (till.checkout(till.invoice(5000), use_credit=True) for _ in range(2))
    till.gateway.becomes.append(State.PENDING)
    till.confirm(first)

    with pytest.raises(AmountChanged):
        till.confirm(second)

    assert credit(till) == (2000, 2000)
    assert [reference for _, reference in till.gateway.calls] == [first]


def test_credit_that_came_meanwhile_is_asked_about_again(till: Till) -> None:
    invoice = till.invoice(5000)
    payment = till.checkout(invoice, use_credit=True)
    give_credit(till, 9000)

    with pytest.raises(AmountChanged):
        till.confirm(payment)

    assert till.gateway.calls == []


def test_credit_that_left_meanwhile_wants_a_method(till: Till) -> None:
    give_credit(till, 5000)
    first, second = till.invoice(5000), till.invoice(5000)
    planned = till.checkout(first, method="", use_credit=True)
    till.pay(second, method="", use_credit=True)

    with pytest.raises((AmountChanged, MethodMissing)):
        till.confirm(planned)

    assert till.balance(first) == ("open", 0, 0)


def test_late_money_of_a_payment_with_credit_pays_what_it_brought(till: Till) -> None:
    """Threats, rule 23: the credit went back when we gave up, and stays the customer's; the charge that came late is booked."""
    give_credit(till, 2000)
    invoice = till.invoice(5000)
    till.gateway.becomes.append(State.PENDING)
    payment = till.pay(invoice, use_credit=True)
    cancel_payment(till.services, till.scope, payment, actor=CUSTOMER)
    assert credit(till) == (2000, 0)

    till.gateway.settle(payment, State.SUCCEEDED)
    till.record(payment)

    assert till.status(payment) == "complete"
    assert till.balance(invoice) == ("partially_paid", 3000, 0)
    assert credit(till) == (2000, 0)
    assert till.wrong_row() is None


def test_two_methods_pay_one_invoice_one_after_the_other(till: Till) -> None:
    allow(till, allow_split=True)
    invoice = till.invoice(5000)

    first = till.pay(invoice, amount=FirstPart(2000))
    second = till.pay(invoice, split_of=first)

    assert till.balance(invoice) == ("paid", 5000, 0)
    assert [till.gateway.ledger[payment].money for payment in (first, second)] == [
        Money(2000, "USD"),
        Money(3000, "USD"),
    ]
    assert till.wrong_row() is None


def test_second_method_may_pay_while_the_first_is_on_its_way(till: Till) -> None:
    allow(till, allow_split=True)
    invoice = till.invoice(5000)
    till.gateway.becomes.append(State.PENDING)
    first = till.pay(invoice, amount=FirstPart(2000))
    with pytest.raises(InvoiceBeingPaid):
        till.checkout(invoice)

    second = till.pay(invoice, split_of=first)

    assert till.balance(invoice) == ("partially_paid", 3000, 2000)
    with pytest.raises(InvoiceBeingPaid):
        till.checkout(invoice, split_of=first)
    till.gateway.settle(first, State.SUCCEEDED)
    resolve_payment(till.services, till.scope.merchant_id, first)
    assert till.balance(invoice) == ("paid", 5000, 0)
    assert [row.slot for row in till.rows(PaymentAllocation, payment_id=second)] == [2]


def test_second_method_does_not_pay_after_the_first_failed(till: Till) -> None:
    allow(till, allow_split=True)
    invoice = till.invoice(5000)
    till.gateway.becomes.append(State.PENDING)
    first = till.pay(invoice, amount=FirstPart(2000))
    second = till.checkout(invoice, split_of=first)
    till.gateway.settle(first, State.FAILED, "card_declined")

    with pytest.raises(SplitNotAllowed):
        till.confirm(second)

    assert till.balance(invoice) == ("open", 0, 0)


def test_split_is_the_merchants_to_allow_and_leaves_something_for_each(till: Till) -> None:
    invoice = till.invoice(5000)
    with pytest.raises(SplitNotAllowed):
        till.checkout(invoice, amount=FirstPart(2000))
    allow(till, allow_split=True)

    with pytest.raises(AmountTooHigh):
        till.checkout(invoice, amount=FirstPart(5000))
    with pytest.raises(SplitNotAllowed):
        till.checkout(invoice, split_of=new_id("pay", till.clock.now()))


def test_first_part_of_a_split_has_to_reach_each_invoice(till: Till) -> None:
    """The second payment pays the rest of what the first began, and knows of no other invoice."""
    allow(till, allow_split=True)
    old, new = till.invoice(5000, due_in_days=1), till.invoice(3000, due_in_days=2)

    with pytest.raises(AmountUnreached):
        till.checkout(old, new, amount=FirstPart(5000))
    first = till.pay(old, new, amount=FirstPart(5001))
    till.pay(new, split_of=first)

    assert (till.balance(old)[0], till.balance(new)[0]) == ("paid", "paid")


def test_priced_invoice_is_paid_in_the_currency_that_was_chosen(till: Till) -> None:
    invoice = till.invoice(5000, prices={"EUR": 4600})

    payment = till.pay(invoice, currency="EUR")

    assert till.gateway.ledger[payment].money == Money(4600, "EUR")
    assert till.balance(invoice) == ("paid", 5000, 0)
    assert till.wrong_row() is None
    with pytest.raises(CurrenciesMixed):
        till.checkout(till.invoice(5000), currency="EUR")


def test_invoice_in_another_currency_is_never_paid_in_parts(till: Till) -> None:
    """A cent of the price in euros once settled all of it."""
    allow(till, allow_split=True, amount_mode="editable")
    invoice = till.invoice(10_000, prices={"EUR": 9000})

    with pytest.raises(SplitNotAllowed):
        till.checkout(invoice, currency="EUR", amount=FirstPart(1))
    with pytest.raises(AmountTooLow):
        till.checkout(invoice, currency="EUR", amount=Exact(1))

    assert till.gateway.calls == []


def test_invoice_whose_currency_was_corrected_to_one_of_its_prices_is_asked_about_and_booked(till: Till) -> None:
    invoice = till.invoice(5000, prices={"USD": 5500, "EUR": 4600})
    payment = till.checkout(invoice)
    correct(till, invoice, Money(4600, "EUR"))

    with pytest.raises(AmountChanged):
        till.confirm(payment)
    till.confirm(payment, version=version_now(till, payment))

    assert till.gateway.ledger[payment].money == Money(5500, "USD")
    assert (till.status(payment), till.balance(invoice)) == ("complete", ("paid", 4600, 0))
    assert till.wrong_row() is None


def test_lower_amount_is_lower_in_the_currency_of_the_refusal_alone(till: Till) -> None:
    invoice = till.invoice(10_000, amount_mode="editable_after_insufficient_funds", prices={"XAF": 65_000})
    till.gateway.becomes.append(State.FAILED)
    till.gateway.answers.append(lambda outcome: replace(outcome, failure_code="insufficient_funds"))

    till.pay(invoice, currency="XAF")

    with pytest.raises(AmountTooLow):
        till.checkout(invoice, amount=Exact(9000))


def test_method_that_another_gateway_keeps_is_not_taken(till: Till) -> None:
    method = keep_elsewhere(till)

    with pytest.raises(MethodUnknown):
        till.checkout(till.invoice(), method=method)


def test_price_that_changed_meanwhile_is_asked_about_again(till: Till) -> None:
    invoice = till.invoice(5000, prices={"EUR": 4600})
    payment = till.checkout(invoice, currency="EUR")
    with till.services.database.unit_of_work() as session:
        session.execute(
            sa.update(Invoice)
            .where(Invoice.merchant_id == till.scope.merchant_id, Invoice.id == invoice)
            .values(prices={"EUR": 4700})
        )

    with pytest.raises(AmountChanged):
        till.confirm(payment)

    assert till.gateway.calls == []


def test_money_in_advance_stands_to_the_customers_credit(till: Till) -> None:
    with pytest.raises(TopUpNotAllowed):
        till.checkout(top_up="USD", amount=Exact(2000))
    allow(till, top_ups={"USD": AmountLimits(1000, 5000)})
    with pytest.raises(AmountTooLow):
        till.checkout(top_up="USD", amount=Exact(999))

    payment = till.pay(top_up="USD", amount=Exact(2000))

    assert till.status(payment) == "complete"
    assert credit(till) == (2000, 0)
    assert till.gateway.ledger[payment].money == Money(2000, "USD")
    assert till.wrong_row() is None


def test_money_in_advance_that_comes_late_is_credited_all_the_same(till: Till) -> None:
    allow(till, top_ups={"USD": AmountLimits(1000, 5000)})
    till.gateway.becomes.append(State.PENDING)
    payment = till.pay(top_up="USD", amount=Exact(2000))
    cancel_payment(till.services, till.scope, payment, actor=CUSTOMER)

    till.gateway.settle(payment, State.SUCCEEDED)
    till.record(payment)

    assert credit(till) == (2000, 0)
    assert till.wrong_row() is None


def test_telephone_is_asked_once_however_often_pay_is_pressed(till: Till) -> None:
    invoice = till.invoice(5000)
    payment = till.checkout(invoice, way=Prompt("cm.mtn", "+237677000012"))
    till.gateway.answers.append(lost)

    till.confirm(payment)
    till.confirm(payment)
    till.clock.advance(seconds=30)
    resolve_payment(till.services, till.scope.merchant_id, payment)
    till.gateway.settle(payment, State.SUCCEEDED)
    resolve_payment(till.services, till.scope.merchant_id, payment)

    assert till.gateway.captured == [payment]
    assert [call for call in till.gateway.calls if call[0] == "prompt"] == [("prompt", payment)]
    assert till.balance(invoice) == ("paid", 5000, 0)


def test_two_telephones_that_both_approve_leave_the_surplus_as_credit(till: Till) -> None:
    """Threats 101: the first prompt was given up, the second paid, then the first was approved after all."""
    invoice = till.invoice(5000)
    first = till.pay(invoice, way=Prompt("cm.mtn", "+237677000012"))
    cancel_payment(till.services, till.scope, first, actor=CUSTOMER)
    second = till.pay(invoice, way=Prompt("cm.mtn", "+237677000099"))
    till.gateway.settle(second, State.SUCCEEDED)
    resolve_payment(till.services, till.scope.merchant_id, second)

    till.gateway.settle(first, State.SUCCEEDED)
    till.record(first)

    assert till.balance(invoice) == ("paid", 5000, 0)
    assert credit(till) == (5000, 0)
    assert till.wrong_row() is None


def correct(till: Till, invoice: str, total: Money) -> None:
    """The merchant writes an open invoice anew, as an import does; its prices stay."""
    with till.services.database.unit_of_work() as session:
        row = session.execute(
            sa.select(Invoice).where(Invoice.merchant_id == till.scope.merchant_id, Invoice.id == invoice)
        ).scalar_one()
        before = Money(row.total, row.currency)
        row.total, row.subtotal, row.currency, row.version = total.amount, total.amount, total.currency, row.version + 1
        told = (till.scope.customer_id, invoice, row.version, before, total)
        post(session, till.scope.merchant_id, invoice_corrected(*told, at=till.clock.now()))


def version_now(till: Till, payment: str) -> str:
    """What the review of the checkout posts back."""
    with till.services.database.read() as reader:
        checkout = get_checkout(reader, till.scope, payment, PaymentOptions())
    pricing = checkout.price_now()
    assert pricing is not None
    return shown_version(checkout.id, pricing, checkout.method_id)


def keep_elsewhere(till: Till) -> str:
    """A card of the customer that the gateway of before keeps."""
    facts = MethodDetails("card", "visa", "1881", 12, 2030, fingerprint="fp-elsewhere", token="tok_elsewhere")
    with till.services.database.unit_of_work() as session:
        return remember_method(session, till.scope, "elsewhere", facts, actor=CUSTOMER, at=till.clock.now())
