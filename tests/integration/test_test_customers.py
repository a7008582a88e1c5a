"""What tests create of merchants and customers (`tests/support/customers.py`) is booked: the ledger is proved in every installation."""

from __future__ import annotations

from portal.invoices.rules import InvoiceStatus
from portal.ledger.operations.checking import verify_ledger
from portal.payments.rules.statuses import CAPTURED, PAYMENT_STATUSES
from portal.services import Services
from tests.support.accounts import Account, make_account


def test_created_customer_owes_what_the_ledger_says(services: Services) -> None:
    account = make_account(services)

    account.invoice(5000, prices={"EUR": 4600})
    account.credit(700)

    assert_proved(account, posted=2)


def test_invoice_inserted_in_any_status_is_posted(services: Services) -> None:
    account = make_account(services)

    for status in InvoiceStatus:
        account.invoice(status=status.value, amount_paid=5000 if status is InvoiceStatus.PAID else 0)
    account.credit_note(account.invoice(amount_credited=500), 500)

    assert_proved(account, posted=len(InvoiceStatus) - 3 + 1)


def test_payment_inserted_in_any_status_is_posted(services: Services) -> None:
    account = make_account(services)

    for status in PAYMENT_STATUSES:
        refunded = {"refunded": 5000, "partially_refunded": 2000}.get(status, 0)
        payment = account.payment(status, amount_refunded=refunded)
        if refunded:
            account.refund(payment, refunded)

    assert_proved(account, posted=len(CAPTURED) - 1)


def test_credit_of_an_inserted_payment_and_a_refund_under_way_are_posted(services: Services) -> None:
    account = make_account(services)

    account.payment(amount=5000, credit_amount=2000, pays={account.invoice(amount_paid=5000): 5000})
    account.payment(amount=5000, credit_granted=1000)
    account.refund(account.payment("partially_refunded", amount_refunded=500), 500, "pending")

    assert_proved(account, posted=4)


def test_inserted_payment_that_holds_its_invoice_is_proved(services: Services) -> None:
    account = make_account(services)

    account.payment("processing", pays={account.invoice(amount_reserved=5000): 5000}, state="active")

    assert_proved(account, posted=1)


def assert_proved(account: Account, *, posted: int) -> None:
    with account.database.snapshot() as reader:
        proof = verify_ledger(reader, account.scope.merchant_id)
    assert (proof.wrong, proof.transaction_count) == (None, posted)
