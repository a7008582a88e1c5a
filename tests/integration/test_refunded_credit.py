"""Money that became the customer's credit and is refunded: once, as credit or as a refund."""

from __future__ import annotations

import pytest

from portal.gateways.contract import RefundOutcome, State
from portal.merchants.rules.payment_options import AmountLimits
from portal.money import Money
from portal.payments.operations.paying import cancel_payment
from portal.payments.rules.choices import Exact
from portal.refunds.errors import CreditSpent
from portal.refunds.models import Refund
from portal.refunds.operations import record_refund_outcome
from tests.support.actors import CUSTOMER, GATEWAY
from tests.support.paying import PayingCustomer, allow, credit, refund_as_staff


def test_money_in_advance_that_is_given_back_leaves_the_customers_credit(payer: PayingCustomer) -> None:
    payment = top_up(payer, 2000)

    refund_as_staff(payer, payment, 500)
    assert credit(payer) == (1500, 0)
    refund_as_staff(payer, payment, 1500)

    assert credit(payer) == (0, 0)
    assert (payer.status(payment), payer.payment(payment).credit_granted) == ("refunded", 0)
    assert payer.wrong_row() is None


def test_money_in_advance_that_was_spent_is_not_given_back_too(payer: PayingCustomer) -> None:
    payment = top_up(payer, 2000)
    payer.pay(payer.invoice(1200), use_credit=True)

    with pytest.raises(CreditSpent):
        refund_as_staff(payer, payment, 801)
    refund_as_staff(payer, payment, 800)

    assert [refund.money for refund in payer.gateway.refunds.values()] == [Money(800, "USD")]
    assert credit(payer) == (0, 0)
    assert payer.wrong_row() is None


def test_credit_that_a_payment_under_way_holds_is_not_given_back(payer: PayingCustomer) -> None:
    payment = top_up(payer, 2000)
    payer.gateway.becomes.append(State.PENDING)
    payer.pay(payer.invoice(5000), use_credit=True)

    with pytest.raises(CreditSpent):
        refund_as_staff(payer, payment, 1)

    assert credit(payer) == (2000, 2000)


def test_surplus_goes_back_from_the_credit_and_the_rest_from_the_invoice(payer: PayingCustomer) -> None:
    """5,000 came after 2,000 of it had been paid another way: 3,000 went to the invoice, 2,000 to the credit."""
    payment = late_payment(payer, 5000, paid_meanwhile=2000)
    assert (credit(payer), payer.payment(payment).credit_granted) == ((2000, 0), 2000)

    refund_as_staff(payer, payment, 2500)
    assert (credit(payer), payer.payment(payment).credit_granted) == ((0, 0), 0)
    refund_as_staff(payer, payment, 2500)

    assert sorted((row.amount, row.credit_taken) for row in payer.rows(Refund)) == [(2500, 0), (2500, 2000)]
    assert payer.wrong_row() is None


def test_what_went_to_the_invoice_is_given_back_even_when_the_surplus_was_spent(payer: PayingCustomer) -> None:
    payment = late_payment(payer, 5000, paid_meanwhile=2000)
    payer.pay(payer.invoice(2000), use_credit=True)

    with pytest.raises(CreditSpent):
        refund_as_staff(payer, payment, 3001)
    refund_as_staff(payer, payment, 3000)

    assert payer.payment(payment).credit_granted == 2000
    assert payer.wrong_row() is None


@pytest.mark.parametrize("had_succeeded", [False, True])
def test_refund_that_fails_brings_back_the_credit_that_it_took(payer: PayingCustomer, had_succeeded: bool) -> None:
    payment = top_up(payer, 2000)
    if not had_succeeded:
        payer.gateway.refund = lambda request: RefundOutcome(State.PENDING, request.reference, "gr", request.money)  # type: ignore[method-assign]
    refund_id = refund_as_staff(payer, payment, 1500)
    outcome = RefundOutcome(State.FAILED, refund_id, "gr", Money(1500, "USD"))

    for _ in range(2):
        with payer.services.database.unit_of_work() as session:
            record_refund_outcome(
                session, payer.scope.merchant_id, refund_id, outcome, actor=GATEWAY, at=payer.clock.now()
            )

    assert credit(payer) == (2000, 0)
    assert (payer.status(payment), payer.payment(payment).credit_granted) == ("complete", 2000)
    assert payer.wrong_row() is None


def top_up(payer: PayingCustomer, amount: int) -> str:
    """Added credit, which stands to the customer's credit."""
    allow(payer, top_ups={"USD": AmountLimits(100, 5000)})
    return payer.pay(top_up="USD", amount=Exact(amount))


def late_payment(payer: PayingCustomer, amount: int, *, paid_meanwhile: int) -> str:
    """A payment of one invoice whose money came after it had been called off, and a part of the invoice had been paid."""
    allow(payer, amount_mode="editable")
    invoice = payer.invoice(amount)
    payer.gateway.becomes.append(State.PENDING)
    payment = payer.pay(invoice)
    cancel_payment(payer.services, payer.scope, payment, actor=CUSTOMER)
    payer.pay(invoice, amount=Exact(paid_meanwhile))
    payer.gateway.settle(payment, State.SUCCEEDED)
    payer.record(payment)
    return payment
