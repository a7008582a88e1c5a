"""Refunds that the version before made of money that had become credit: the migration leaves nothing that cannot be proved."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from portal.ledger.operations.posting import post
from portal.ledger.rules import refund_begun, refund_succeeded
from portal.merchants.rules.payment_options import AmountLimits
from portal.migrations import downgrade, upgrade
from portal.money import Money
from portal.payments.rules.choices import Exact
from portal.public_ids import new_id
from tests.support.paying import PayingCustomer, allow, credit


@pytest.mark.parametrize(("given_back", "granted"), [(2000, 0), (1500, 500), (0, 2000)])
def test_what_was_refunded_before_keeps_its_credit_and_is_proved(
    payer: PayingCustomer, given_back: int, granted: int
) -> None:
    """Added credit of 2,000, refunded by the code of before, which left the credit where it was; then the migration."""
    allow(payer, top_ups={"USD": AmountLimits(100, 5000)})
    payment = payer.pay(top_up="USD", amount=Exact(2000))
    database = payer.services.database
    downgrade(database, "2026_11_24_provider_inbox")
    if given_back:
        _refund_as_before(payer, payment, given_back)

    upgrade(database)
    database.dispose()  # No connection goes on with what it has prepared for the tables of before.

    assert payer.payment(payment).credit_granted == granted
    assert credit(payer) == (2000, 0)
    assert payer.wrong_row() is None


def _refund_as_before(payer: PayingCustomer, payment: str, amount: int) -> None:
    at, parameters = payer.clock.now(), {"merchant": payer.scope.merchant_id, "payment": payment, "amount": amount}
    refund_id = new_id("re", at)
    with payer.services.database.unit_of_work() as session:
        session.execute(
            sa.text(
                "insert into refunds (merchant_id, id, payment_id, status, currency, amount, check_count, created_at, completed_at)"
                " select merchant_id, :refund, id, 'succeeded', currency, :amount, 0, created_at, created_at from payments"
                " where merchant_id = :merchant and id = :payment"
            ),
            {**parameters, "refund": refund_id},
        )
        session.execute(
            sa.text(
                "update payments set amount_refunded = :amount, status = :status where merchant_id = :merchant and id = :payment"
            ),
            {**parameters, "status": "refunded" if amount == 2000 else "partially_refunded"},
        )
        ids = {"customer_id": payer.scope.customer_id, "payment_id": payment, "refund_id": refund_id}
        money = Money(amount, "USD")
        begun = refund_begun(**ids, money=money, credit_taken=Money(0, "USD"), at=at)
        succeeded = refund_succeeded(**ids, gateway="sandbox", money=money, at=at)
        post(session, payer.scope.merchant_id, begun, succeeded)
