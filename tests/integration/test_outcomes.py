"""What a provider's word becomes here, beyond the status: what stands in the history, in the audit and with the host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from portal import signals
from portal.audit.models import AuditEntry
from portal.credit.models import CustomerBalance
from portal.gateways.contract import ChargeOutcome, Lookup, MethodDetails, State
from portal.invoices.models import Invoice
from portal.ledger.operations.posting import post
from portal.ledger.rules import invoice_corrected
from portal.merchants.rules.payment_options import AmountLimits
from portal.money import Money
from portal.outbox.models import OutboxMessage
from portal.payment_methods.models import PaymentMethod, PaymentMethodConsent
from portal.payments.jobs import check_payments
from portal.payments.operations.locks import lock_payment
from portal.payments.operations.outcomes import record_outcome, record_paid_by_credit
from portal.payments.operations.paying import cancel_payment, resolve_payment
from portal.payments.rules.choices import Exact, NewMethod, Prompt, Way
from tests.support.actors import CUSTOMER, GATEWAY
from tests.support.paying import PayingCustomer, allow, credit, grant_credit
from tests.support.scripted_gateway import lost

MASTERCARD = MethodDetails("card", "mastercard", "5100", 12, 2031, fingerprint="fp-5100", token="tok_5100")


# --- the history ---


def test_completed_payment_has_a_new_version_its_instant_and_nothing_left_to_ask(payer: PayingCustomer) -> None:
    payment = pending(payer, payer.invoice())
    before = payer.payment(payment)
    assert before.next_check_at is not None

    payer.clock.advance(seconds=40)
    payer.gateway.settle(payment, State.SUCCEEDED)
    resolve_payment(payer.services, payer.scope.merchant_id, payment)

    after = payer.payment(payment)
    assert (after.status, after.version) == ("complete", before.version + 1)
    assert after.completed_at == after.updated_at == payer.clock.now()
    assert after.next_check_at is None


def test_payment_is_complete_when_the_gateway_says_it_was(payer: PayingCustomer) -> None:
    payment = pending(payer, payer.invoice())
    then = payer.clock.now() + timedelta(minutes=1)

    payer.clock.advance(minutes=5)
    payer.gateway.ledger[payment] = replace(payer.gateway.ledger[payment], state=State.SUCCEEDED, completed_at=then)
    resolve_payment(payer.services, payer.scope.merchant_id, payment)

    assert payer.payment(payment).completed_at == then


def test_declined_payment_stays_in_the_history_with_its_instant(payer: PayingCustomer) -> None:
    payment = pending(payer, payer.invoice())
    version = payer.payment(payment).version

    payer.clock.advance(seconds=40)
    payer.gateway.settle(payment, State.FAILED, "card_declined")
    resolve_payment(payer.services, payer.scope.merchant_id, payment)

    row = payer.payment(payment)
    assert (row.status, row.listed, row.version) == ("failed", True, version + 1)
    assert row.completed_at == payer.clock.now()
    assert row.next_check_at is None


def test_money_for_a_checkout_that_had_left_the_history_brings_it_back(payer: PayingCustomer) -> None:
    """As after a backup older than the confirmation was put back: the gateway has what nobody here remembers."""
    invoice = payer.invoice()
    superseded = payer.checkout(invoice)
    payer.checkout(invoice)
    assert payer.payment(superseded).listed is False

    record(payer, superseded, ChargeOutcome(State.SUCCEEDED, superseded, "ch_1", Money(5000, "USD")))

    assert (payer.status(superseded), payer.payment(superseded).listed) == ("complete", True)
    assert payer.balance(invoice) == ("paid", 5000, 0)


def test_method_that_was_entered_at_the_gateway_is_shown_and_its_page_forgotten(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice(), method="new")
    assert payer.payment(payment).action_url is not None

    payer.gateway.pay_page(payment)
    resolve_payment(payer.services, payer.scope.merchant_id, payment)

    row = payer.payment(payment)
    assert (row.method_type, row.method_brand, row.method_last4) == ("card", "visa", "4242")
    assert row.action_url is None


def test_payment_is_looked_up_by_the_page_that_was_named_first(payer: PayingCustomer) -> None:
    lookups: list[Lookup] = []
    look_up = payer.gateway.look_up

    def note(lookup: Lookup) -> ChargeOutcome:
        lookups.append(lookup)
        return look_up(lookup)

    payer.gateway.look_up = note  # type: ignore[method-assign]
    payer.gateway.answers.append(lambda outcome: replace(outcome, page_reference="cs_1"))
    payment = payer.pay(payer.invoice(), method="new")

    payer.gateway.look_ups.append(lambda outcome: replace(outcome, page_reference="cs_2"))
    for _ in range(2):
        resolve_payment(payer.services, payer.scope.merchant_id, payment)

    assert [lookup.page_reference for lookup in lookups] == ["cs_1", "cs_1"]


@pytest.mark.parametrize("garbage", ["\x00", "\ud800"])
def test_signs_that_no_database_takes_keep_no_outcome_from_being_recorded(payer: PayingCustomer, garbage: str) -> None:
    payer.gateway.becomes.append(State.FAILED)
    payer.gateway.answers.append(
        lambda outcome: replace(
            outcome, gateway_reference=f"ch{garbage}", failure_message=f"declined{garbage}", evidence=f"order{garbage}"
        )
    )

    payment = payer.pay(invoice := payer.invoice())

    row = payer.payment(payment)
    assert (row.status, row.failure_message, row.gateway_reference) == ("failed", "declined", None)
    assert payer.balance(invoice) == ("open", 0, 0)


@pytest.mark.parametrize("garbage", ["\x00", "\ud800"])
def test_signs_that_no_database_takes_keep_no_method_from_being_kept(payer: PayingCustomer, garbage: str) -> None:
    odd = MethodDetails(
        f"bank{garbage}", f"visa{garbage}", f"4242{garbage}", 10**12, 10**12, f"Ada{garbage}", f"+2376{garbage}",
        f"Acme Bank{garbage}", f"fp{garbage}", "tok_new",
    )  # fmt: skip
    payment = payer.pay(payer.invoice(), method="new", save=True)
    payer.gateway.pay_page(payment)
    payer.gateway.ledger[payment] = replace(payer.gateway.ledger[payment], method=odd)

    resolve_payment(payer.services, payer.scope.merchant_id, payment)

    row = payer.payment(payment)
    assert (row.status, row.method_type, row.method_brand, row.method_last4) == ("complete", "other", "visa", "4242")
    (kept,) = payer.rows(PaymentMethod, token="tok_new")
    assert (kept.holder, kept.bank_name, kept.exp_year) == ("Ada", "Acme Bank", None)


# --- the audit, the mails and the log ---


def test_success_is_the_gateways_act_with_its_evidence(payer: PayingCustomer) -> None:
    payment = pending(payer, payer.invoice())
    payer.gateway.settle(payment, State.SUCCEEDED)
    payer.gateway.look_ups.append(lambda outcome: replace(outcome, evidence="looked up"))

    resolve_payment(payer.services, payer.scope.merchant_id, payment)

    assert act(payer, payment, "payment.complete") == (
        "gateway",
        "sandbox",
        payer.scope.customer_id,
        {"evidence": "looked up", "late": False, "surplus": 0},
    )
    assert mails(payer) == [("receipt_mail", payment)]


def test_end_without_money_is_an_act_too_and_is_mailed_later(payer: PayingCustomer) -> None:
    payer.gateway.becomes.append(State.FAILED)

    payment = payer.pay(payer.invoice())

    assert act(payer, payment, "payment.failed") == (
        "gateway",
        "sandbox",
        payer.scope.customer_id,
        {"evidence": "", "late": False, "surplus": 0},
    )
    assert mails(payer) == [("payment_failed_mail", payment)]


def test_answer_that_does_not_fit_is_the_gateways_act(payer: PayingCustomer) -> None:
    payer.gateway.answers.append(lambda truth: replace(truth, money=Money(1, "USD")))

    payment = payer.pay(payer.invoice())

    assert act(payer, payment, "payment.outcome_contradicted") == (
        "gateway",
        "sandbox",
        payer.scope.customer_id,
        {"status": "processing", "outcome": "succeeded"},
    )


def test_payment_by_credit_alone_is_the_customers_act_with_credit_as_its_evidence(payer: PayingCustomer) -> None:
    grant_credit(payer, 5000)

    payment = payer.pay(payer.invoice(), method="", use_credit=True)

    assert act(payer, payment, "payment.complete") == (
        "customer",
        payer.scope.customer_id,
        payer.scope.customer_id,
        {"evidence": "credit", "late": False, "surplus": 0},
    )
    assert payer.payment(payment).next_check_at is None


def test_payment_that_a_method_pays_is_never_completed_by_credit(payer: PayingCustomer) -> None:
    payer.gateway.answers.append(lost)
    payment = payer.pay(payer.invoice())

    def complete(session: Session) -> None:
        record_paid_by_credit(
            session, lock_payment(session, payer.scope.merchant_id, payment), actor=CUSTOMER, at=payer.clock.now()
        )

    with pytest.raises(AssertionError, match="credit pays all"):
        payer.services.database.run(complete)

    assert payer.status(payment) == "processing"


def test_money_in_advance_is_no_surplus(payer: PayingCustomer, caplog: pytest.LogCaptureFixture) -> None:
    allow(payer, top_ups={"USD": AmountLimits(1000, 5000)})

    payment = payer.pay(top_up="USD", amount=Exact(2000))

    assert mails(payer) == [("receipt_mail", payment)]
    assert details(payer, payment)["surplus"] == 0
    assert "payment.surplus_credited" not in caplog.messages


def test_money_in_advance_that_comes_late_is_no_surplus_either(
    payer: PayingCustomer, caplog: pytest.LogCaptureFixture
) -> None:
    allow(payer, top_ups={"USD": AmountLimits(1000, 5000)})
    payment = canceled(payer, top_up="USD", amount=Exact(2000))

    come_late(payer, payment)

    assert mails(payer) == [("receipt_mail", payment)]
    assert details(payer, payment) == {"evidence": "", "late": True, "surplus": 0}
    assert credit(payer) == (2000, 0)
    assert "payment.surplus_credited" not in caplog.messages


def test_payment_without_a_surplus_raises_no_alarm(payer: PayingCustomer, caplog: pytest.LogCaptureFixture) -> None:
    payer.pay(payer.invoice())

    assert "payment.surplus_credited" not in caplog.messages


# --- the time is up ---


@pytest.mark.parametrize("way", [NewMethod(), Prompt("cm.mtn", "+237677000012")])
def test_what_we_call_off_when_its_time_is_up_has_expired(payer: PayingCustomer, way: Way) -> None:
    payment = payer.pay(payer.invoice(), way=way)

    payer.clock.advance(hours=3, seconds=1)
    check_payments(payer.services)

    code, status = ("page_expired", "abandoned") if isinstance(way, NewMethod) else ("timeout", "expired")
    assert (payer.status(payment), payer.payment(payment).failure_code) == (status, code)
    assert details(payer, payment)["evidence"] == "expired"


def test_order_that_never_arrived_fails_with_that_as_its_evidence(payer: PayingCustomer) -> None:
    payer.gateway.answers.append(lost)
    payment = payer.pay(payer.invoice())
    del payer.gateway.ledger[payment]

    payer.clock.advance(hours=3, seconds=1)
    check_payments(payer.services)

    assert (payer.status(payment), payer.payment(payment).failure_code) == ("failed", "not_sent")
    assert details(payer, payment)["evidence"] == "never sent"


def test_refusal_of_its_own_keeps_its_reason_when_the_time_is_up(payer: PayingCustomer) -> None:
    payment = pending(payer, payer.invoice())
    payer.clock.advance(hours=3, seconds=1)
    payer.gateway.look_ups += [
        lambda outcome: outcome,
        lambda outcome: replace(outcome, state=State.FAILED, failure_code="insufficient_funds"),
    ]

    check_payments(payer.services)

    assert (payer.status(payment), payer.payment(payment).failure_code) == ("failed", "insufficient_funds")


def test_money_that_comes_as_we_call_it_off_is_booked(payer: PayingCustomer) -> None:
    invoice = payer.invoice()
    payment = pending(payer, invoice)
    payer.clock.advance(hours=3, seconds=1)
    payer.gateway.look_ups += [
        lambda outcome: outcome,
        lambda outcome: replace(outcome, state=State.SUCCEEDED, failure_code=None),
    ]

    check_payments(payer.services)

    assert (payer.status(payment), payer.balance(invoice)) == ("complete", ("paid", 5000, 0))


# --- late money ---


def test_late_money_is_all_that_the_payment_amounts_to(payer: PayingCustomer) -> None:
    grant_credit(payer, 2000)
    payment = canceled(payer, payer.invoice(5000), use_credit=True)

    come_late(payer, payment)

    row = payer.payment(payment)
    assert (row.amount, row.credit_amount) == (3000, 0)


def test_late_money_pays_the_oldest_invoices_as_far_as_it_goes(payer: PayingCustomer) -> None:
    grant_credit(payer, 2000)
    first = payer.invoice(3000)
    payer.clock.advance(days=1)
    second = payer.invoice(2000)
    payment = canceled(payer, first, second, use_credit=True)

    come_late(payer, payment)

    assert payer.balance(first) == ("paid", 3000, 0)
    assert payer.balance(second) == ("open", 0, 0)
    assert credit(payer) == (2000, 0)
    assert payer.wrong_row() is None


def test_late_money_in_another_currency_pays_at_the_price_of_then(payer: PayingCustomer) -> None:
    invoice = payer.invoice(5000, prices={"EUR": 4600})
    payment = canceled(payer, invoice, currency="EUR")

    come_late(payer, payment)

    assert payer.balance(invoice) == ("paid", 5000, 0)
    assert balances(payer) == {}
    assert payer.wrong_row() is None


def test_late_money_in_another_currency_pays_no_part_of_an_invoice(payer: PayingCustomer) -> None:
    allow(payer, amount_mode="editable")
    invoice = payer.invoice(5000, prices={"EUR": 4600})
    payment = canceled(payer, invoice, currency="EUR")
    payer.pay(invoice, amount=Exact(1000))

    come_late(payer, payment)

    assert payer.balance(invoice) == ("partially_paid", 1000, 0)
    assert balances(payer) == {"EUR": 4600}
    assert payer.wrong_row() is None


def test_late_money_does_not_pay_an_invoice_that_is_in_another_currency_by_now(payer: PayingCustomer) -> None:
    invoice = payer.invoice(5000)
    payment = canceled(payer, invoice)
    correct(payer, invoice, Money(5000, "EUR"))

    come_late(payer, payment)

    assert payer.balance(invoice) == ("open", 0, 0)
    assert balances(payer) == {"USD": 5000}
    assert payer.wrong_row() is None


def test_late_money_pays_an_invoice_that_is_in_its_own_currency_by_now(payer: PayingCustomer) -> None:
    invoice = payer.invoice(5000, prices={"EUR": 4600})
    payment = canceled(payer, invoice, currency="EUR")
    correct(payer, invoice, Money(3000, "EUR"))

    come_late(payer, payment)

    assert payer.balance(invoice) == ("paid", 3000, 0)
    assert balances(payer) == {"EUR": 1600}
    assert payer.wrong_row() is None


# --- the method ---


def test_new_method_is_kept_with_the_word_that_allowed_it(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice(), method="new", save=True)
    payer.gateway.pay_page(payment)
    payer.gateway.ledger[payment] = replace(payer.gateway.ledger[payment], method=MASTERCARD)

    with heard(signals.payment_method_added) as received:
        for _ in range(2):
            resolve_payment(payer.services, payer.scope.merchant_id, payment)

    kept = payer.payment(payment).payment_method_id
    assert [(row.id, row.token) for row in payer.rows(PaymentMethod) if row.id != payer.method_id] == [
        (kept, "tok_5100")
    ]
    assert [row.payment_method_id for row in payer.rows(PaymentMethodConsent)] == [kept]
    assert [ids["payment_method_id"] for ids in received] == [kept]
    assert last_used(payer) == {payer.method_id: None, kept: payer.clock.now()}


def test_saved_method_that_paid_was_used_then_and_is_not_kept_anew(payer: PayingCustomer) -> None:
    with heard(signals.payment_method_added) as received:
        payer.pay(payer.invoice())

    assert last_used(payer) == {payer.method_id: payer.clock.now()}
    assert received == []


def test_method_that_did_not_pay_was_not_used(payer: PayingCustomer) -> None:
    payer.gateway.becomes.append(State.FAILED)

    payer.pay(payer.invoice())

    assert last_used(payer) == {payer.method_id: None}


# --- the host ---


def test_host_receives_a_signal_of_each_change_once(payer: PayingCustomer) -> None:
    with heard(signals.payment_processing) as under_way, heard(signals.payment_complete) as completed:
        payment = pending(payer, payer.invoice())
        resolve_payment(payer.services, payer.scope.merchant_id, payment)
        payer.gateway.settle(payment, State.SUCCEEDED)
        resolve_payment(payer.services, payer.scope.merchant_id, payment)
        payer.record(payment)

    assert [ids["payment_id"] for ids in under_way] == [payment]
    assert [(ids["payment_id"], ids["customer_id"]) for ids in completed] == [(payment, payer.scope.customer_id)]


def test_host_receives_a_signal_of_what_credit_paid(payer: PayingCustomer) -> None:
    grant_credit(payer, 5000)

    with heard(signals.payment_complete) as completed:
        payment = payer.pay(payer.invoice(), method="", use_credit=True)

    assert [(ids["payment_id"], ids["customer_id"]) for ids in completed] == [(payment, payer.scope.customer_id)]


def pending(payer: PayingCustomer, *invoices: str, **chosen: Any) -> str:
    """A payment that the gateway has and has not decided."""
    payer.gateway.becomes.append(State.PENDING)
    return payer.pay(*invoices, **chosen)


def canceled(payer: PayingCustomer, *invoices: str, **chosen: Any) -> str:
    """A payment that was canceled while it was pending."""
    payment = pending(payer, *invoices, **chosen)
    assert cancel_payment(payer.services, payer.scope, payment, actor=CUSTOMER) == "canceled"
    return payment


def come_late(payer: PayingCustomer, payment: str) -> None:
    """The gateway took the money after all, and says so."""
    payer.gateway.settle(payment, State.SUCCEEDED)
    payer.record(payment)
    assert payer.status(payment) == "complete"


def record(payer: PayingCustomer, payment: str, outcome: ChargeOutcome) -> None:
    with payer.services.database.unit_of_work() as session:
        record_outcome(session, payer.scope.merchant_id, payment, outcome, actor=GATEWAY, at=payer.clock.now())


def correct(payer: PayingCustomer, invoice_id: str, after: Money) -> None:
    """The merchant corrects an invoice of which nothing is paid or held, as an import does."""
    with payer.services.database.unit_of_work() as session:
        invoice = session.get_one(Invoice, (payer.scope.merchant_id, invoice_id))
        before, version = Money(invoice.total, invoice.currency), invoice.version + 1
        invoice.total = invoice.subtotal = after.amount
        invoice.currency, invoice.version = after.currency, version
        corrected = invoice_corrected(invoice.customer_id, invoice_id, version, before, after, at=payer.clock.now())
        post(session, payer.scope.merchant_id, corrected)


def act(payer: PayingCustomer, payment: str, action: str) -> tuple[str, str, str | None, dict[str, Any]]:
    """Who did it, as the audit has it: the kind, which one, whose payment it was, and the details."""
    (row,) = payer.rows(AuditEntry, object_id=payment, action=action)
    return row.actor_type, row.actor_id, row.customer_id, row.details


def details(payer: PayingCustomer, payment: str) -> dict[str, Any]:
    """What the audit says of the payment's last change."""
    return act(payer, payment, f"payment.{payer.status(payment)}")[-1]


def mails(payer: PayingCustomer) -> list[tuple[str, str]]:
    """Of payments, refunds and credit."""
    rows = payer.rows(OutboxMessage)
    return [(message.kind, message.payload["object"]) for message in rows if message.kind != "invoice_mail"]


def balances(payer: PayingCustomer) -> dict[str, int]:
    """What stands to the customer's credit, by currency."""
    return {row.currency: row.amount for row in payer.rows(CustomerBalance)}


def last_used(payer: PayingCustomer) -> dict[str, datetime | None]:
    return {row.id: row.last_used_at for row in payer.rows(PaymentMethod)}


@contextmanager
def heard(signal: Any) -> Iterator[list[dict[str, str]]]:
    """What a host that listens to the signal receives meanwhile."""
    received: list[dict[str, str]] = []

    def listen(_merchant: str, **ids: str) -> None:
        received.append(ids)

    with signal.connected_to(listen):
        yield received
