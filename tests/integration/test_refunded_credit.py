"""Money that became the customer's credit and is given back: once, as credit or as a refund."""

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
from tests.support.paying import Till, allow, credit, give_back


def test_money_in_advance_that_is_given_back_leaves_the_customers_credit(till: Till) -> None:
    payment = top_up(till, 2000)

    give_back(till, payment, 500)
    assert credit(till) == (1500, 0)
    give_back(till, payment, 1500)

    assert credit(till) == (0, 0)
    assert (till.status(payment), till.payment(payment).credit_granted) == ("refunded", 0)
    assert till.wrong_row() is None


def test_money_in_advance_that_was_spent_is_not_given_back_too(till: Till) -> None:
    payment = top_up(till, 2000)
    till.pay(till.invoice(1200), use_credit=True)

    with pytest.raises(CreditSpent):
        give_back(till, payment, 801)
    give_back(till, payment, 800)

    assert [told.money for told in till.gateway.refunds.values()] == [Money(800, "USD")]
    assert credit(till) == (0, 0)
    assert till.wrong_row() is None


def test_credit_that_a_payment_under_way_holds_is_not_given_back(till: Till) -> None:
    payment = top_up(till, 2000)
    till.gateway.becomes.append(State.PENDING)
    till.pay(till.invoice(5000), use_credit=True)

    with pytest.raises(CreditSpent):
        give_back(till, payment, 1)

    assert credit(till) == (2000, 2000)


def test_surplus_goes_back_from_the_credit_and_the_rest_from_the_invoice(till: Till) -> None:
    """5,000 came after 2,000 of it had been paid another way: 3,000 went to the invoice, 2,000 to the credit."""
    payment = late_payment(till, 5000, paid_meanwhile=2000)
    assert (credit(till), till.payment(payment).credit_granted) == ((2000, 0), 2000)

    give_back(till, payment, 2500)
    assert (credit(till), till.payment(payment).credit_granted) == ((0, 0), 0)
    give_back(till, payment, 2500)

    assert sorted((row.amount, row.credit_taken) for row in till.rows(Refund)) == [(2500, 0), (2500, 2000)]
    assert till.wrong_row() is None


def test_what_went_to_the_invoice_is_given_back_even_when_the_surplus_was_spent(till: Till) -> None:
    payment = late_payment(till, 5000, paid_meanwhile=2000)
    till.pay(till.invoice(2000), use_credit=True)

    with pytest.raises(CreditSpent):
        give_back(till, payment, 3001)
    give_back(till, payment, 3000)

    assert till.payment(payment).credit_granted == 2000
    assert till.wrong_row() is None


@pytest.mark.parametrize("had_succeeded", [False, True])
def test_refund_that_fails_brings_back_the_credit_that_it_took(till: Till, had_succeeded: bool) -> None:
    payment = top_up(till, 2000)
    if not had_succeeded:
        till.gateway.refund = lambda request: RefundOutcome(State.PENDING, request.reference, "gr", request.money)  # type: ignore[method-assign]
    refund_id = give_back(till, payment, 1500)
    outcome = RefundOutcome(State.FAILED, refund_id, "gr", Money(1500, "USD"))

    for _ in range(2):
        with till.services.database.unit_of_work() as session:
            record_refund_outcome(
                session, till.scope.merchant_id, refund_id, outcome, actor=GATEWAY, at=till.clock.now()
            )

    assert credit(till) == (2000, 0)
    assert (till.status(payment), till.payment(payment).credit_granted) == ("complete", 2000)
    assert till.wrong_row() is None


def top_up(till: Till, amount: int) -> str:
    """Money in advance, which stands to the customer's credit."""
    allow(till, top_ups={"USD": AmountLimits(100, 5000)})
    return till.pay(top_up="USD", amount=Exact(amount))


def late_payment(till: Till, amount: int, *, paid_meanwhile: int) -> str:
    """A payment of one invoice whose money came after it had been called off, and a part of the invoice had been paid."""
    allow(till, amount_mode="editable")
    invoice = till.invoice(amount)
    till.gateway.becomes.append(State.PENDING)
    payment = till.pay(invoice)
    cancel_payment(till.services, till.scope, payment, actor=CUSTOMER)
    till.pay(invoice, amount=Exact(paid_meanwhile))
    till.gateway.settle(payment, State.SUCCEEDED)
    till.record(payment)
    return payment
