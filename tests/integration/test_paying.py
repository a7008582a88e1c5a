"""Paying an invoice: one charge, and the invoice in its right state, whatever happens on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from portal.credit.models import CustomerBalance
from portal.gateways.contract import State
from portal.invoices.models import Invoice
from portal.merchants.rules.payment_options import PaymentOptions
from portal.outbox.models import OutboxMessage
from portal.payment_methods.models import PaymentMethod
from portal.payments.errors import (
    AmountChanged,
    CheckoutEnded,
    CurrenciesMixed,
    InvoiceBeingPaid,
    InvoiceSettled,
    MethodUnknown,
    NoInvoiceChosen,
    TooManyAttempts,
)
from portal.payments.models import Payment, PaymentAllocation, is_second_attempt
from portal.payments.operations.paying import MIN_LOOKUP_INTERVAL, cancel_payment, resolve_payment
from portal.payments.queries.shares import chosen_pricing, list_shares, shown_version
from portal.public_ids import new_id
from portal.tenancy import Scope
from tests.support.actors import CUSTOMER
from tests.support.paying import Killed, PayingCustomer, killing_at


def test_paid_invoice_is_charged_once_and_settled(payer: PayingCustomer) -> None:
    invoice = payer.invoice(5000)

    payment = payer.pay(invoice)

    assert payer.status(payment) == "complete"
    assert payer.balance(invoice) == ("paid", 5000, 0)
    assert payer.gateway.captured == [payment]
    assert sorted(message.kind for message in payer.rows(OutboxMessage)) == ["invoice_mail", "receipt_mail"]


def test_several_invoices_are_paid_by_one_charge(payer: PayingCustomer) -> None:
    first, second = payer.invoice(5000, due_in_days=1), payer.invoice(700, due_in_days=2)

    payment = payer.pay(first, second)

    assert payer.payment(payment).amount == 5700
    assert payer.balance(first)[0] == payer.balance(second)[0] == "paid"


def test_declined_payment_takes_nothing_and_frees_the_invoice(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payer.gateway.becomes.append(State.FAILED)

    payment = payer.pay(invoice)

    assert (payer.status(payment), payer.payment(payment).failure_code) == ("failed", "card_declined")
    assert payer.balance(invoice) == ("open", 0, 0)
    assert payer.status(payer.pay(invoice)) == "complete"


def test_card_number_in_the_gateways_words_is_not_kept(payer: PayingCustomer) -> None:
    payer.gateway.becomes.append(State.FAILED)
    payer.gateway.answers.append(lambda outcome: replace(outcome, failure_message="Card 4000 0000 0000 0002 declined"))

    payment = payer.pay(payer.invoice())

    assert payer.payment(payment).failure_message == "Card •••• 0002 declined"


def test_pay_pressed_twice_charges_once(payer: PayingCustomer) -> None:
    payment = payer.checkout(payer.invoice())
    payer.confirm(payment)

    payer.confirm(payment)

    assert payer.gateway.captured == [payment]
    assert [call for call in payer.gateway.calls if call[0] == "charge"] == [("charge", payment)]


def test_second_tab_cannot_pay_what_is_being_paid(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    mine = payer.checkout(invoice)
    payer.gateway.becomes.append(State.PENDING)
    payer.confirm(mine)

    with pytest.raises(InvoiceBeingPaid) as refusal:
        payer.checkout(invoice)

    assert refusal.value.payment_id == mine
    assert payer.balance(invoice) == ("open", 0, 5000)


def test_hold_that_ended_between_two_reads_is_reported_as_one(payer: PayingCustomer) -> None:
    """On PostgreSQL the invoice is read as held, and a statement later its payment is over: found by two hundred payers at once."""
    invoice = payer.invoice(5000, amount_reserved=5000)

    with pytest.raises(InvoiceBeingPaid) as refusal:
        payer.checkout(invoice)

    assert refusal.value.payment_id is None


def test_newer_checkout_supersedes_the_older_unconfirmed_one(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    older = payer.checkout(invoice)
    newer = payer.checkout(invoice)

    with pytest.raises(CheckoutEnded):
        payer.confirm(older)
    payer.confirm(newer)

    assert payer.gateway.captured == [newer]
    assert payer.payment(older).listed is False


def test_confirmations_posted_at_once_charge_once(payer: PayingCustomer) -> None:
    payment = payer.checkout(payer.invoice())
    faults: list[BaseException] = []

    def press() -> None:
        try:
            payer.confirm(payment)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=press) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    assert payer.gateway.captured == [payment]
    assert payer.status(payment) == "complete"


def test_checkouts_of_one_invoice_confirmed_at_once_charge_once(payer: PayingCustomer) -> None:
    """Two drafts of one invoice can exist when the second came from elsewhere: the index decides, not the order."""
    invoice = payer.invoice()
    drafts = [payer.checkout(invoice) for _ in range(2)]
    with payer.services.database.unit_of_work() as session:
        session.execute(
            sa.update(Payment)
            .where(Payment.merchant_id == payer.scope.merchant_id, Payment.id == drafts[0])
            .values(status="incomplete")
        )
        session.execute(
            sa.update(PaymentAllocation)
            .where(PaymentAllocation.merchant_id == payer.scope.merchant_id, PaymentAllocation.payment_id == drafts[0])
            .values(state="proposed")
        )
    answers: list[str] = []

    def press(draft: str) -> None:
        try:
            payer.confirm(draft)
            answers.append("paid")
        except (InvoiceBeingPaid, InvoiceSettled, CheckoutEnded) as refusal:
            answers.append(type(refusal).__name__)

    threads = [threading.Thread(target=press, args=(draft,)) for draft in drafts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 2 and answers.count("paid") == 1
    assert len(payer.gateway.captured) == 1
    assert payer.balance(invoice) == ("paid", 5000, 0)


def test_checkout_begun_while_another_tab_confirms_leaves_that_payment_alone(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    mine = payer.checkout(invoice)
    begun: list[object] = []

    def begin() -> None:
        try:
            begun.append(payer.checkout(invoice))
        except (InvoiceBeingPaid, InvoiceSettled) as refusal:
            begun.append(refusal)

    other_tab = threading.Thread(target=begin)

    def reached(label: str) -> None:
        if label == "payment.intent_written":
            other_tab.start()
            other_tab.join(0.3)  # It cannot end before the confirmation commits, which waits for it here.

    payer.confirm(mine, services=payer.with_crash_point(reached))
    other_tab.join()

    assert payer.status(mine) == "complete"
    assert payer.balance(invoice) == ("paid", 5000, 0)
    assert payer.rows(CustomerBalance) == []
    assert [type(refusal) for refusal in begun] in ([InvoiceBeingPaid], [InvoiceSettled])


def test_two_active_attempts_of_one_invoice_are_refused_by_the_index(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payer.gateway.becomes.append(State.PENDING)
    payer.pay(invoice)
    other = payer.checkout(payer.invoice())

    with pytest.raises(sa.exc.IntegrityError) as refusal, payer.services.database.unit_of_work() as session:
        session.add(
            PaymentAllocation(
                merchant_id=payer.scope.merchant_id,
                payment_id=other,
                invoice_id=invoice,
                slot=1,
                state="active",
                amount=1,
                invoice_version=1,
            )
        )

    assert is_second_attempt(refusal.value)


def test_check_of_amounts_is_not_taken_for_a_second_attempt(payer: PayingCustomer) -> None:
    invoice = payer.invoice(1000)

    with pytest.raises(sa.exc.IntegrityError) as refusal, payer.services.database.unit_of_work() as session:
        session.execute(
            sa.update(Invoice)
            .where(Invoice.merchant_id == payer.scope.merchant_id, Invoice.id == invoice)
            .values(amount_paid=1001)
        )

    assert not is_second_attempt(refusal.value)


def test_new_card_goes_to_the_gateways_page_and_back(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payment = payer.pay(invoice, method="new", save=True)
    assert payer.status(payment) == "requires_action"
    assert payer.payment(payment).action_url == f"http://localhost:9/pay/{payment}"

    payer.gateway.pay_page(payment)
    payer.clock.advance(seconds=3)
    resolve_payment(payer.services, payer.scope.merchant_id, payment)

    assert payer.status(payment) == "complete"
    assert payer.balance(invoice)[0] == "paid"
    assert payer.payment(payment).method_last4 == "4242"


def test_customer_back_from_the_gateways_page_in_no_time_sees_the_truth(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice(), method="new")

    def load_page() -> None:
        resolve_payment(payer.services, payer.scope.merchant_id, payment, unless_checked_within=MIN_LOOKUP_INTERVAL)

    load_page()
    payer.gateway.pay_page(payment)
    load_page()

    assert payer.status(payment) == "complete"


def test_saved_card_again_stays_one_method(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice(), method="new", save=True)
    payer.gateway.pay_page(payment)
    payer.clock.advance(seconds=3)
    resolve_payment(payer.services, payer.scope.merchant_id, payment)

    assert [method.id for method in payer.rows(PaymentMethod)] == [payer.method_id]


def test_card_is_not_saved_without_consent(payer: PayingCustomer) -> None:
    with payer.services.database.unit_of_work() as session:
        session.execute(
            sa.update(PaymentMethod)
            .where(PaymentMethod.merchant_id == payer.scope.merchant_id)
            .values(status="removed", is_default=False)
        )
    payment = payer.pay(payer.invoice(), method="new", save=False)
    payer.gateway.pay_page(payment)
    payer.clock.advance(seconds=3)
    resolve_payment(payer.services, payer.scope.merchant_id, payment)

    assert payer.status(payment) == "complete"
    assert payer.rows(PaymentMethod, status="active") == []


def test_cancelled_page_frees_the_invoice(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payment = payer.pay(invoice, method="new")

    assert cancel_payment(payer.services, payer.scope, payment, actor=CUSTOMER) == "canceled"
    assert payer.balance(invoice) == ("open", 0, 0)


def test_cancelling_what_was_paid_meanwhile_says_that_it_was_paid(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payment = payer.pay(invoice, method="new")
    payer.gateway.pay_page(payment)

    assert cancel_payment(payer.services, payer.scope, payment, actor=CUSTOMER) == "complete"
    assert payer.balance(invoice)[0] == "paid"


def test_amount_changed_since_it_was_shown_is_confirmed_again(payer: PayingCustomer) -> None:
    invoice = payer.invoice(5000)
    payment = payer.checkout(invoice)
    shown = _shown(payer, payment, invoice, 5000)
    with payer.services.database.unit_of_work() as session:
        session.execute(
            sa.update(Invoice)
            .where(Invoice.merchant_id == payer.scope.merchant_id, Invoice.id == invoice)
            .values(total=6000, subtotal=6000)
        )

    with pytest.raises(AmountChanged):
        payer.confirm(payment, version=shown)
    assert payer.gateway.calls == []
    payer.confirm(payment, version=_shown(payer, payment, invoice, 6000))

    assert payer.payment(payment).amount == 6000
    assert payer.balance(invoice) == ("paid", 6000, 0)


def test_invoice_settled_meanwhile_is_not_charged(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payment = payer.checkout(invoice)
    with payer.services.database.unit_of_work() as session:
        session.execute(
            sa.update(Invoice)
            .where(Invoice.merchant_id == payer.scope.merchant_id, Invoice.id == invoice)
            .values(status="paid", amount_paid=5000)
        )

    with pytest.raises(InvoiceSettled):
        payer.confirm(payment)
    assert payer.gateway.calls == []


def test_invoice_whose_currency_changed_since_is_not_charged(payer: PayingCustomer) -> None:
    """Threats 121: as much of another currency would have the same figures."""
    invoice = payer.invoice(5000, currency="USD")
    payment = payer.checkout(invoice)
    with payer.services.database.unit_of_work() as session:
        session.execute(
            sa.update(Invoice)
            .where(Invoice.merchant_id == payer.scope.merchant_id, Invoice.id == invoice)
            .values(currency="EUR")
        )

    with pytest.raises(InvoiceSettled):
        payer.confirm(payment)
    assert payer.gateway.calls == []
    with payer.services.database.read() as reader:
        assert [share.due for share in list_shares(reader, payer.scope, payment, PaymentOptions())] == [None]


def test_method_removed_meanwhile_is_not_charged(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payment = payer.checkout(invoice)
    with payer.services.database.unit_of_work() as session:
        session.execute(
            sa.update(PaymentMethod)
            .where(PaymentMethod.merchant_id == payer.scope.merchant_id, PaymentMethod.id == payer.method_id)
            .values(status="removed")
        )

    with pytest.raises(MethodUnknown):
        payer.confirm(payment)
    assert payer.gateway.calls == []
    assert payer.balance(invoice) == ("open", 0, 0)


def test_currencies_are_never_mixed(payer: PayingCustomer) -> None:
    with pytest.raises(CurrenciesMixed):
        payer.checkout(payer.invoice(currency="USD"), payer.invoice(currency="EUR"))


def test_somebody_elses_invoice_method_and_payment_are_unknown(
    payer: PayingCustomer, make_scope: Callable[[], Scope]
) -> None:
    stranger = make_scope()
    theirs = payer.invoice(scope=stranger)
    mine = payer.invoice()
    payment = payer.checkout(mine)

    with pytest.raises(NoInvoiceChosen):
        payer.checkout(theirs)
    other_customer = replace(payer, scope=stranger)
    with pytest.raises(MethodUnknown):
        other_customer.checkout(theirs)
    with pytest.raises(sa.exc.NoResultFound):
        other_customer.confirm(payment)
    with pytest.raises(sa.exc.NoResultFound):
        cancel_payment(payer.services, stranger, payment, actor=CUSTOMER)
    assert payer.gateway.calls == []


def test_another_customer_of_the_same_merchant_can_neither_confirm_nor_cancel(payer: PayingCustomer) -> None:
    payment = payer.checkout(payer.invoice())
    stranger = Scope(payer.scope.merchant_id, new_id("cus", payer.clock.now()))

    with pytest.raises(sa.exc.NoResultFound):
        replace(payer, scope=stranger).confirm(payment)
    with pytest.raises(sa.exc.NoResultFound):
        cancel_payment(payer.services, stranger, payment, actor=CUSTOMER)

    assert payer.status(payment) == "incomplete"
    assert payer.gateway.calls == []


def test_attempts_are_limited_by_the_hour(payer: PayingCustomer) -> None:
    limited = replace(
        payer.services,
        settings=payer.services.settings.model_copy(update={"payment_attempts_per_customer_per_hour": 2}),
    )
    for _ in range(2):
        payer.confirm(payer.checkout(payer.invoice()), services=limited)

    with pytest.raises(TooManyAttempts):
        payer.confirm(payer.checkout(payer.invoice()), services=limited)
    payer.clock.advance(hours=1, minutes=1)
    payer.confirm(payer.checkout(payer.invoice()), services=limited)


def test_limit_of_attempts_tells_when_the_next_one_may_be_made(payer: PayingCustomer) -> None:
    limited = replace(
        payer.services,
        settings=payer.services.settings.model_copy(update={"payment_attempts_per_customer_per_hour": 2}),
    )
    for _ in range(2):
        payer.confirm(payer.checkout(payer.invoice()), services=limited)
        payer.clock.advance(minutes=25)
    payment = payer.checkout(payer.invoice())

    with pytest.raises(TooManyAttempts) as refusal:
        payer.confirm(payment, services=limited)

    assert refusal.value.seconds == 10 * 60  # The first of the two was made fifty minutes ago.
    payer.clock.advance(seconds=refusal.value.seconds - 1)
    with pytest.raises(TooManyAttempts):
        payer.confirm(payment, services=limited)
    payer.clock.advance(seconds=1)
    payer.confirm(payment, services=limited)


def test_nothing_is_called_when_the_intent_cannot_be_written(payer: PayingCustomer) -> None:
    payment = payer.checkout(payer.invoice())
    broken = payer.with_crash_point(killing_at("payment.intent_written"))

    with pytest.raises(Killed):
        payer.confirm(payment, services=broken)

    assert payer.gateway.calls == []
    assert payer.status(payment) == "incomplete"


def _shown(payer: PayingCustomer, payment: str, invoice: str, amount: int) -> str:
    """The fingerprint of a review that shows this much of one invoice, by the customer's card."""
    return shown_version(payment, chosen_pricing("USD", amount, 0, [(invoice, amount, None)]), payer.method_id)
