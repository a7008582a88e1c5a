"""Paying an invoice: one charge, and the invoice told truly, whatever happens on the way."""

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
from tests.support.paying import Killed, Till, killing_at


def test_paid_invoice_is_charged_once_and_settled(till: Till) -> None:
    invoice = till.invoice(5000)

    payment = till.pay(invoice)

    assert till.status(payment) == "complete"
    assert till.balance(invoice) == ("paid", 5000, 0)
    assert till.gateway.captured == [payment]
    assert [message.kind for message in till.rows(OutboxMessage)] == ["receipt_mail"]


def test_several_invoices_are_paid_by_one_charge(till: Till) -> None:
    first, second = till.invoice(5000, due_in_days=1), till.invoice(700, due_in_days=2)

    payment = till.pay(first, second)

    assert till.payment(payment).amount == 5700
    assert till.balance(first)[0] == till.balance(second)[0] == "paid"


def test_declined_payment_takes_nothing_and_frees_the_invoice(till: Till) -> None:
    invoice = till.invoice()
    till.gateway.becomes.append(State.FAILED)

    payment = till.pay(invoice)

    assert (till.status(payment), till.payment(payment).failure_code) == ("failed", "card_declined")
    assert till.balance(invoice) == ("open", 0, 0)
    assert till.status(till.pay(invoice)) == "complete"


def test_card_number_in_the_gateways_words_is_not_kept(till: Till) -> None:
    till.gateway.becomes.append(State.FAILED)
    till.gateway.answers.append(lambda told: replace(told, failure_message="Card 4000 0000 0000 0002 declined"))

    payment = till.pay(till.invoice())

    assert till.payment(payment).failure_message == "Card •••• 0002 declined"


def test_pay_pressed_twice_charges_once(till: Till) -> None:
    payment = till.checkout(till.invoice())
    till.confirm(payment)

    till.confirm(payment)

    assert till.gateway.captured == [payment]
    assert [call for call in till.gateway.calls if call[0] == "charge"] == [("charge", payment)]


def test_second_tab_cannot_pay_what_is_being_paid(till: Till) -> None:
    invoice = till.invoice()
    mine = till.checkout(invoice)
    till.gateway.becomes.append(State.PENDING)
    till.confirm(mine)

    with pytest.raises(InvoiceBeingPaid) as refusal:
        till.checkout(invoice)

    assert refusal.value.payment_id == mine
    assert till.balance(invoice) == ("open", 0, 5000)


def test_hold_that_ended_between_two_reads_is_told_as_one(till: Till) -> None:
    """On PostgreSQL the invoice is read as held, and a statement later its payment is over: found by two hundred payers at once."""
    invoice = till.invoice(5000, amount_reserved=5000)

    with pytest.raises(InvoiceBeingPaid) as refusal:
        till.checkout(invoice)

    assert refusal.value.payment_id is None


def test_newer_checkout_supersedes_the_older_unconfirmed_one(till: Till) -> None:
    invoice = till.invoice()
    older = till.checkout(invoice)
    newer = till.checkout(invoice)

    with pytest.raises(CheckoutEnded):
        till.confirm(older)
    till.confirm(newer)

    assert till.gateway.captured == [newer]
    assert till.payment(older).listed is False


def test_confirmations_posted_at_once_charge_once(till: Till) -> None:
    payment = till.checkout(till.invoice())
    faults: list[BaseException] = []

    def press() -> None:
        try:
            till.confirm(payment)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=press) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    assert till.gateway.captured == [payment]
    assert till.status(payment) == "complete"


def test_checkouts_of_one_invoice_confirmed_at_once_charge_once(till: Till) -> None:
    """Two drafts of one invoice can exist when the second came from elsewhere: the index decides, not the order."""
    invoice = till.invoice()
    drafts = [till.checkout(invoice) for _ in range(2)]
    with till.services.database.unit_of_work() as session:
        session.execute(
            sa.update(Payment)
            .where(Payment.merchant_id == till.scope.merchant_id, Payment.id == drafts[0])
            .values(status="incomplete")
        )
        session.execute(
            sa.update(PaymentAllocation)
            .where(PaymentAllocation.merchant_id == till.scope.merchant_id, PaymentAllocation.payment_id == drafts[0])
            .values(state="proposed")
        )
    answers: list[str] = []

    def press(draft: str) -> None:
        try:
            till.confirm(draft)
            answers.append("paid")
        except (InvoiceBeingPaid, InvoiceSettled, CheckoutEnded) as refusal:
            answers.append(type(refusal).__name__)

    threads = [threading.Thread(target=press, args=(draft,)) for draft in drafts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 2 and answers.count("paid") == 1
    assert len(till.gateway.captured) == 1
    assert till.balance(invoice) == ("paid", 5000, 0)


def test_checkout_begun_while_another_tab_confirms_leaves_that_payment_alone(till: Till) -> None:
    invoice = till.invoice()
    mine = till.checkout(invoice)
    begun: list[object] = []

    def begin() -> None:
        try:
            begun.append(till.checkout(invoice))
        except (InvoiceBeingPaid, InvoiceSettled) as refusal:
            begun.append(refusal)

    other_tab = threading.Thread(target=begin)

    def reached(label: str) -> None:
        if label == "payment.intent_written":
            other_tab.start()
            other_tab.join(0.3)  # It cannot end before the confirmation commits, which waits for it here.

    till.confirm(mine, services=till.with_crash_point(reached))
    other_tab.join()

    assert till.status(mine) == "complete"
    assert till.balance(invoice) == ("paid", 5000, 0)
    assert till.rows(CustomerBalance) == []
    assert [type(refusal) for refusal in begun] in ([InvoiceBeingPaid], [InvoiceSettled])


def test_two_active_attempts_of_one_invoice_are_refused_by_the_index(till: Till) -> None:
    invoice = till.invoice()
    till.gateway.becomes.append(State.PENDING)
    till.pay(invoice)
    other = till.checkout(till.invoice())

    with pytest.raises(sa.exc.IntegrityError) as refusal, till.services.database.unit_of_work() as session:
        session.add(
            PaymentAllocation(
                merchant_id=till.scope.merchant_id,
                payment_id=other,
                invoice_id=invoice,
                slot=1,
                state="active",
                amount=1,
                invoice_version=1,
            )
        )

    assert is_second_attempt(refusal.value)


def test_check_of_amounts_is_not_taken_for_a_second_attempt(till: Till) -> None:
    invoice = till.invoice(1000)

    with pytest.raises(sa.exc.IntegrityError) as refusal, till.services.database.unit_of_work() as session:
        session.execute(
            sa.update(Invoice)
            .where(Invoice.merchant_id == till.scope.merchant_id, Invoice.id == invoice)
            .values(amount_paid=1001)
        )

    assert not is_second_attempt(refusal.value)


def test_new_card_goes_to_the_gateways_page_and_back(till: Till) -> None:
    invoice = till.invoice()
    payment = till.pay(invoice, method="new", save=True)
    assert till.status(payment) == "requires_action"
    assert till.payment(payment).action_url == f"http://localhost:9/pay/{payment}"

    till.gateway.pay_page(payment)
    till.clock.advance(seconds=3)
    resolve_payment(till.services, till.scope.merchant_id, payment)

    assert till.status(payment) == "complete"
    assert till.balance(invoice)[0] == "paid"
    assert till.payment(payment).method_last4 == "4242"


def test_customer_back_from_the_gateways_page_in_no_time_sees_the_truth(till: Till) -> None:
    payment = till.pay(till.invoice(), method="new")

    def load_page() -> None:
        resolve_payment(till.services, till.scope.merchant_id, payment, unless_checked_within=MIN_LOOKUP_INTERVAL)

    load_page()
    till.gateway.pay_page(payment)
    load_page()

    assert till.status(payment) == "complete"


def test_saved_card_again_stays_one_method(till: Till) -> None:
    payment = till.pay(till.invoice(), method="new", save=True)
    till.gateway.pay_page(payment)
    till.clock.advance(seconds=3)
    resolve_payment(till.services, till.scope.merchant_id, payment)

    assert [method.id for method in till.rows(PaymentMethod)] == [till.method_id]


def test_card_is_not_saved_without_consent(till: Till) -> None:
    with till.services.database.unit_of_work() as session:
        session.execute(
            sa.update(PaymentMethod)
            .where(PaymentMethod.merchant_id == till.scope.merchant_id)
            .values(status="removed", is_default=False)
        )
    payment = till.pay(till.invoice(), method="new", save=False)
    till.gateway.pay_page(payment)
    till.clock.advance(seconds=3)
    resolve_payment(till.services, till.scope.merchant_id, payment)

    assert till.status(payment) == "complete"
    assert till.rows(PaymentMethod, status="active") == []


def test_cancelled_page_frees_the_invoice(till: Till) -> None:
    invoice = till.invoice()
    payment = till.pay(invoice, method="new")

    assert cancel_payment(till.services, till.scope, payment, actor=CUSTOMER) == "canceled"
    assert till.balance(invoice) == ("open", 0, 0)


def test_cancelling_what_was_paid_meanwhile_tells_that_it_was_paid(till: Till) -> None:
    invoice = till.invoice()
    payment = till.pay(invoice, method="new")
    till.gateway.pay_page(payment)

    assert cancel_payment(till.services, till.scope, payment, actor=CUSTOMER) == "complete"
    assert till.balance(invoice)[0] == "paid"


def test_amount_changed_since_it_was_shown_is_asked_again(till: Till) -> None:
    invoice = till.invoice(5000)
    payment = till.checkout(invoice)
    shown = _shown(till, payment, invoice, 5000)
    with till.services.database.unit_of_work() as session:
        session.execute(
            sa.update(Invoice)
            .where(Invoice.merchant_id == till.scope.merchant_id, Invoice.id == invoice)
            .values(total=6000, subtotal=6000)
        )

    with pytest.raises(AmountChanged):
        till.confirm(payment, version=shown)
    assert till.gateway.calls == []
    till.confirm(payment, version=_shown(till, payment, invoice, 6000))

    assert till.payment(payment).amount == 6000
    assert till.balance(invoice) == ("paid", 6000, 0)


def test_invoice_settled_meanwhile_is_not_charged(till: Till) -> None:
    invoice = till.invoice()
    payment = till.checkout(invoice)
    with till.services.database.unit_of_work() as session:
        session.execute(
            sa.update(Invoice)
            .where(Invoice.merchant_id == till.scope.merchant_id, Invoice.id == invoice)
            .values(status="paid", amount_paid=5000)
        )

    with pytest.raises(InvoiceSettled):
        till.confirm(payment)
    assert till.gateway.calls == []


def test_invoice_whose_currency_changed_since_is_not_charged(till: Till) -> None:
    """Threats 121: as much of another currency would have the same figures."""
    invoice = till.invoice(5000, currency="USD")
    payment = till.checkout(invoice)
    with till.services.database.unit_of_work() as session:
        session.execute(
            sa.update(Invoice)
            .where(Invoice.merchant_id == till.scope.merchant_id, Invoice.id == invoice)
            .values(currency="EUR")
        )

    with pytest.raises(InvoiceSettled):
        till.confirm(payment)
    assert till.gateway.calls == []
    with till.services.database.read() as reader:
        assert [share.due for share in list_shares(reader, till.scope, payment, PaymentOptions())] == [None]


def test_method_removed_meanwhile_is_not_charged(till: Till) -> None:
    invoice = till.invoice()
    payment = till.checkout(invoice)
    with till.services.database.unit_of_work() as session:
        session.execute(
            sa.update(PaymentMethod)
            .where(PaymentMethod.merchant_id == till.scope.merchant_id, PaymentMethod.id == till.method_id)
            .values(status="removed")
        )

    with pytest.raises(MethodUnknown):
        till.confirm(payment)
    assert till.gateway.calls == []
    assert till.balance(invoice) == ("open", 0, 0)


def test_currencies_are_never_mixed(till: Till) -> None:
    with pytest.raises(CurrenciesMixed):
        till.checkout(till.invoice(currency="USD"), till.invoice(currency="EUR"))


def test_somebody_elses_invoice_method_and_payment_are_unknown(till: Till, make_scope: Callable[[], Scope]) -> None:
    stranger = make_scope()
    theirs = till.invoice(scope=stranger)
    mine = till.invoice()
    payment = till.checkout(mine)

    with pytest.raises(NoInvoiceChosen):
        till.checkout(theirs)
    other_till = replace(till, scope=stranger)
    with pytest.raises(MethodUnknown):
        other_till.checkout(theirs)
    with pytest.raises(sa.exc.NoResultFound):
        other_till.confirm(payment)
    with pytest.raises(sa.exc.NoResultFound):
        cancel_payment(till.services, stranger, payment, actor=CUSTOMER)
    assert till.gateway.calls == []


def test_another_customer_of_the_same_merchant_can_neither_confirm_nor_cancel(till: Till) -> None:
    payment = till.checkout(till.invoice())
    stranger = Scope(till.scope.merchant_id, new_id("cus", till.clock.now()))

    with pytest.raises(sa.exc.NoResultFound):
        replace(till, scope=stranger).confirm(payment)
    with pytest.raises(sa.exc.NoResultFound):
        cancel_payment(till.services, stranger, payment, actor=CUSTOMER)

    assert till.status(payment) == "incomplete"
    assert till.gateway.calls == []


def test_attempts_are_limited_by_the_hour(till: Till) -> None:
    limited = replace(
        till.services, settings=till.services.settings.model_copy(update={"payment_attempts_per_customer_per_hour": 2})
    )
    for _ in range(2):
        till.confirm(till.checkout(till.invoice()), services=limited)

    with pytest.raises(TooManyAttempts):
        till.confirm(till.checkout(till.invoice()), services=limited)
    till.clock.advance(hours=1, minutes=1)
    till.confirm(till.checkout(till.invoice()), services=limited)


def test_limit_of_attempts_tells_when_the_next_one_may_be_made(till: Till) -> None:
    limited = replace(
        till.services, settings=till.services.settings.model_copy(update={"payment_attempts_per_customer_per_hour": 2})
    )
    for _ in range(2):
        till.confirm(till.checkout(till.invoice()), services=limited)
        till.clock.advance(minutes=25)
    payment = till.checkout(till.invoice())

    with pytest.raises(TooManyAttempts) as refusal:
        till.confirm(payment, services=limited)

    assert refusal.value.seconds == 10 * 60  # The first of the two was made fifty minutes ago.
    till.clock.advance(seconds=refusal.value.seconds - 1)
    with pytest.raises(TooManyAttempts):
        till.confirm(payment, services=limited)
    till.clock.advance(seconds=1)
    till.confirm(payment, services=limited)


def test_nothing_is_called_when_the_intent_cannot_be_written(till: Till) -> None:
    payment = till.checkout(till.invoice())
    broken = till.with_crash_point(killing_at("payment.intent_written"))

    with pytest.raises(Killed):
        till.confirm(payment, services=broken)

    assert till.gateway.calls == []
    assert till.status(payment) == "incomplete"


def _shown(till: Till, payment: str, invoice: str, amount: int) -> str:
    """The fingerprint of a review that shows this much of one invoice, by the customer's card."""
    return shown_version(payment, chosen_pricing("USD", amount, 0, [(invoice, amount, None)]), till.method_id)
