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
from tests.support.paying import Till, allow, credit, give_credit
from tests.support.scripted_gateway import lost

MASTERCARD = MethodDetails("card", "mastercard", "5100", 12, 2031, fingerprint="fp-5100", token="tok_5100")


# --- the history ---


def test_completed_payment_has_a_new_version_its_instant_and_nothing_left_to_ask(till: Till) -> None:
    payment = pending(till, till.invoice())
    before = till.payment(payment)
    assert before.next_check_at is not None

    till.clock.advance(seconds=40)
    till.gateway.settle(payment, State.SUCCEEDED)
    resolve_payment(till.services, till.scope.merchant_id, payment)

    after = till.payment(payment)
    assert (after.status, after.version) == ("complete", before.version + 1)
    assert after.completed_at == after.updated_at == till.clock.now()
    assert after.next_check_at is None


def test_payment_is_complete_when_the_gateway_says_it_was(till: Till) -> None:
    payment = pending(till, till.invoice())
    then = till.clock.now() + timedelta(minutes=1)

    till.clock.advance(minutes=5)
    till.gateway.ledger[payment] = replace(till.gateway.ledger[payment], state=State.SUCCEEDED, completed_at=then)
    resolve_payment(till.services, till.scope.merchant_id, payment)

    assert till.payment(payment).completed_at == then


def test_declined_payment_stays_in_the_history_with_its_instant(till: Till) -> None:
    payment = pending(till, till.invoice())
    version = till.payment(payment).version

    till.clock.advance(seconds=40)
    till.gateway.settle(payment, State.FAILED, "card_declined")
    resolve_payment(till.services, till.scope.merchant_id, payment)

    row = till.payment(payment)
    assert (row.status, row.listed, row.version) == ("failed", True, version + 1)
    assert row.completed_at == till.clock.now()
    assert row.next_check_at is None


def test_money_for_a_checkout_that_had_left_the_history_brings_it_back(till: Till) -> None:
    """As after a backup older than the confirmation was put back: the gateway has what nobody here remembers."""
    invoice = till.invoice()
    superseded = till.checkout(invoice)
    till.checkout(invoice)
    assert till.payment(superseded).listed is False

    record(till, superseded, ChargeOutcome(State.SUCCEEDED, superseded, "ch_1", Money(5000, "USD")))

    assert (till.status(superseded), till.payment(superseded).listed) == ("complete", True)
    assert till.balance(invoice) == ("paid", 5000, 0)


def test_method_that_was_entered_at_the_gateway_is_shown_and_its_page_forgotten(till: Till) -> None:
    payment = till.pay(till.invoice(), method="new")
    assert till.payment(payment).action_url is not None

    till.gateway.pay_page(payment)
    resolve_payment(till.services, till.scope.merchant_id, payment)

    row = till.payment(payment)
    assert (row.method_type, row.method_brand, row.method_last4) == ("card", "visa", "4242")
    assert row.action_url is None


def test_gateway_is_asked_by_the_page_that_it_named_first(till: Till) -> None:
    asked: list[Lookup] = []
    look_up = till.gateway.look_up

    def note(lookup: Lookup) -> ChargeOutcome:
        asked.append(lookup)
        return look_up(lookup)

    till.gateway.look_up = note  # type: ignore[method-assign]
    till.gateway.answers.append(lambda told: replace(told, page_reference="cs_1"))
    payment = till.pay(till.invoice(), method="new")

    till.gateway.look_ups.append(lambda told: replace(told, page_reference="cs_2"))
    for _ in range(2):
        resolve_payment(till.services, till.scope.merchant_id, payment)

    assert [lookup.page_reference for lookup in asked] == ["cs_1", "cs_1"]


@pytest.mark.parametrize("garbage", ["\x00", "\ud800"])
def test_signs_that_no_database_takes_keep_no_outcome_from_being_recorded(till: Till, garbage: str) -> None:
    till.gateway.becomes.append(State.FAILED)
    till.gateway.answers.append(
        lambda told: replace(
            told, gateway_reference=f"ch{garbage}", failure_message=f"declined{garbage}", evidence=f"order{garbage}"
        )
    )

    payment = till.pay(invoice := till.invoice())

    row = till.payment(payment)
    assert (row.status, row.failure_message, row.gateway_reference) == ("failed", "declined", None)
    assert till.balance(invoice) == ("open", 0, 0)


@pytest.mark.parametrize("garbage", ["\x00", "\ud800"])
def test_signs_that_no_database_takes_keep_no_method_from_being_kept(till: Till, garbage: str) -> None:
    odd = MethodDetails(
        f"bank{garbage}", f"visa{garbage}", f"4242{garbage}", 10**12, 10**12, f"Ada{garbage}", f"+2376{garbage}",
        f"Acme Bank{garbage}", f"fp{garbage}", "tok_new",
    )  # fmt: skip
    payment = till.pay(till.invoice(), method="new", save=True)
    till.gateway.pay_page(payment)
    till.gateway.ledger[payment] = replace(till.gateway.ledger[payment], method=odd)

    resolve_payment(till.services, till.scope.merchant_id, payment)

    row = till.payment(payment)
    assert (row.status, row.method_type, row.method_brand, row.method_last4) == ("complete", "other", "visa", "4242")
    (kept,) = till.rows(PaymentMethod, token="tok_new")
    assert (kept.holder, kept.bank_name, kept.exp_year) == ("Ada", "Acme Bank", None)


# --- the audit, the mails and the log ---


def test_success_is_the_gateways_act_with_its_evidence(till: Till) -> None:
    payment = pending(till, till.invoice())
    till.gateway.settle(payment, State.SUCCEEDED)
    till.gateway.look_ups.append(lambda told: replace(told, evidence="looked up"))

    resolve_payment(till.services, till.scope.merchant_id, payment)

    assert act(till, payment, "payment.complete") == (
        "gateway",
        "sandbox",
        till.scope.customer_id,
        {"evidence": "looked up", "late": False, "surplus": 0},
    )
    assert mails(till) == [("receipt_mail", payment)]


def test_end_without_money_is_an_act_too_and_mails_nobody(till: Till) -> None:
    till.gateway.becomes.append(State.FAILED)

    payment = till.pay(till.invoice())

    assert act(till, payment, "payment.failed") == (
        "gateway",
        "sandbox",
        till.scope.customer_id,
        {"evidence": "", "late": False, "surplus": 0},
    )
    assert mails(till) == []


def test_answer_that_does_not_fit_is_the_gateways_act(till: Till) -> None:
    till.gateway.answers.append(lambda truth: replace(truth, money=Money(1, "USD")))

    payment = till.pay(till.invoice())

    assert act(till, payment, "payment.outcome_contradicted") == (
        "gateway",
        "sandbox",
        till.scope.customer_id,
        {"status": "processing", "outcome": "succeeded"},
    )


def test_payment_by_credit_alone_is_the_customers_act_with_credit_as_its_evidence(till: Till) -> None:
    give_credit(till, 5000)

    payment = till.pay(till.invoice(), method="", use_credit=True)

    assert act(till, payment, "payment.complete") == (
        "customer",
        till.scope.customer_id,
        till.scope.customer_id,
        {"evidence": "credit", "late": False, "surplus": 0},
    )
    assert till.payment(payment).next_check_at is None


def test_payment_that_a_method_pays_is_never_completed_by_credit(till: Till) -> None:
    till.gateway.answers.append(lost)
    payment = till.pay(till.invoice())

    def complete(session: Session) -> None:
        record_paid_by_credit(
            session, lock_payment(session, till.scope.merchant_id, payment), actor=CUSTOMER, at=till.clock.now()
        )

    with pytest.raises(AssertionError, match="credit pays all"):
        till.services.database.run(complete)

    assert till.status(payment) == "processing"


def test_money_in_advance_is_no_surplus(till: Till, caplog: pytest.LogCaptureFixture) -> None:
    allow(till, top_ups={"USD": AmountLimits(1000, 5000)})

    payment = till.pay(top_up="USD", amount=Exact(2000))

    assert mails(till) == [("receipt_mail", payment)]
    assert details(till, payment)["surplus"] == 0
    assert "payment.surplus_credited" not in caplog.messages


def test_money_in_advance_that_comes_late_is_no_surplus_either(till: Till, caplog: pytest.LogCaptureFixture) -> None:
    allow(till, top_ups={"USD": AmountLimits(1000, 5000)})
    payment = given_up(till, top_up="USD", amount=Exact(2000))

    come_late(till, payment)

    assert mails(till) == [("receipt_mail", payment)]
    assert details(till, payment) == {"evidence": "", "late": True, "surplus": 0}
    assert credit(till) == (2000, 0)
    assert "payment.surplus_credited" not in caplog.messages


def test_payment_without_a_surplus_raises_no_alarm(till: Till, caplog: pytest.LogCaptureFixture) -> None:
    till.pay(till.invoice())

    assert "payment.surplus_credited" not in caplog.messages


# --- the time is up ---


@pytest.mark.parametrize("way", [NewMethod(), Prompt("cm.mtn", "+237677000012")])
def test_what_we_call_off_when_its_time_is_up_has_expired(till: Till, way: Way) -> None:
    payment = till.pay(till.invoice(), way=way)

    till.clock.advance(hours=3, seconds=1)
    check_payments(till.services)

    code, status = ("page_expired", "abandoned") if isinstance(way, NewMethod) else ("timeout", "expired")
    assert (till.status(payment), till.payment(payment).failure_code) == (status, code)
    assert details(till, payment)["evidence"] == "expired"


def test_order_that_never_left_expires_with_that_as_its_evidence(till: Till) -> None:
    till.gateway.answers.append(lost)
    payment = till.pay(till.invoice())
    del till.gateway.ledger[payment]

    till.clock.advance(hours=3, seconds=1)
    check_payments(till.services)

    assert (till.status(payment), till.payment(payment).failure_code) == ("expired", "timeout")
    assert details(till, payment)["evidence"] == "never sent"


def test_refusal_of_its_own_keeps_its_reason_when_the_time_is_up(till: Till) -> None:
    payment = pending(till, till.invoice())
    till.clock.advance(hours=3, seconds=1)
    till.gateway.look_ups += [
        lambda told: told,
        lambda told: replace(told, state=State.FAILED, failure_code="insufficient_funds"),
    ]

    check_payments(till.services)

    assert (till.status(payment), till.payment(payment).failure_code) == ("failed", "insufficient_funds")


def test_money_that_comes_as_we_call_it_off_is_booked(till: Till) -> None:
    invoice = till.invoice()
    payment = pending(till, invoice)
    till.clock.advance(hours=3, seconds=1)
    till.gateway.look_ups += [lambda told: told, lambda told: replace(told, state=State.SUCCEEDED, failure_code=None)]

    check_payments(till.services)

    assert (till.status(payment), till.balance(invoice)) == ("complete", ("paid", 5000, 0))


# --- late money ---


def test_late_money_is_all_that_the_payment_amounts_to(till: Till) -> None:
    give_credit(till, 2000)
    payment = given_up(till, till.invoice(5000), use_credit=True)

    come_late(till, payment)

    row = till.payment(payment)
    assert (row.amount, row.credit_amount) == (3000, 0)


def test_late_money_pays_the_oldest_invoices_as_far_as_it_goes(till: Till) -> None:
    give_credit(till, 2000)
    first = till.invoice(3000)
    till.clock.advance(days=1)
    second = till.invoice(2000)
    payment = given_up(till, first, second, use_credit=True)

    come_late(till, payment)

    assert till.balance(first) == ("paid", 3000, 0)
    assert till.balance(second) == ("open", 0, 0)
    assert credit(till) == (2000, 0)
    assert till.wrong_row() is None


def test_late_money_in_another_currency_pays_at_the_price_of_then(till: Till) -> None:
    invoice = till.invoice(5000, prices={"EUR": 4600})
    payment = given_up(till, invoice, currency="EUR")

    come_late(till, payment)

    assert till.balance(invoice) == ("paid", 5000, 0)
    assert balances(till) == {}
    assert till.wrong_row() is None


def test_late_money_in_another_currency_pays_no_part_of_an_invoice(till: Till) -> None:
    allow(till, amount_mode="editable")
    invoice = till.invoice(5000, prices={"EUR": 4600})
    payment = given_up(till, invoice, currency="EUR")
    till.pay(invoice, amount=Exact(1000))

    come_late(till, payment)

    assert till.balance(invoice) == ("partially_paid", 1000, 0)
    assert balances(till) == {"EUR": 4600}
    assert till.wrong_row() is None


def test_late_money_does_not_pay_an_invoice_that_is_in_another_currency_by_now(till: Till) -> None:
    invoice = till.invoice(5000)
    payment = given_up(till, invoice)
    correct(till, invoice, Money(5000, "EUR"))

    come_late(till, payment)

    assert till.balance(invoice) == ("open", 0, 0)
    assert balances(till) == {"USD": 5000}
    assert till.wrong_row() is None


def test_late_money_pays_an_invoice_that_is_in_its_own_currency_by_now(till: Till) -> None:
    invoice = till.invoice(5000, prices={"EUR": 4600})
    payment = given_up(till, invoice, currency="EUR")
    correct(till, invoice, Money(3000, "EUR"))

    come_late(till, payment)

    assert till.balance(invoice) == ("paid", 3000, 0)
    assert balances(till) == {"EUR": 1600}
    assert till.wrong_row() is None


# --- the method ---


def test_new_method_is_kept_with_the_word_that_allowed_it(till: Till) -> None:
    payment = till.pay(till.invoice(), method="new", save=True)
    till.gateway.pay_page(payment)
    till.gateway.ledger[payment] = replace(till.gateway.ledger[payment], method=MASTERCARD)

    with heard(signals.payment_method_added) as told:
        for _ in range(2):
            resolve_payment(till.services, till.scope.merchant_id, payment)

    kept = till.payment(payment).payment_method_id
    assert [(row.id, row.token) for row in till.rows(PaymentMethod) if row.id != till.method_id] == [(kept, "tok_5100")]
    assert [row.payment_method_id for row in till.rows(PaymentMethodConsent)] == [kept]
    assert [ids["payment_method_id"] for ids in told] == [kept]
    assert last_used(till) == {till.method_id: None, kept: till.clock.now()}


def test_saved_method_that_paid_was_used_then_and_is_not_kept_anew(till: Till) -> None:
    with heard(signals.payment_method_added) as told:
        till.pay(till.invoice())

    assert last_used(till) == {till.method_id: till.clock.now()}
    assert told == []


def test_method_that_did_not_pay_was_not_used(till: Till) -> None:
    till.gateway.becomes.append(State.FAILED)

    till.pay(till.invoice())

    assert last_used(till) == {till.method_id: None}


# --- the host ---


def test_host_is_told_of_each_change_once(till: Till) -> None:
    with heard(signals.payment_processing) as under_way, heard(signals.payment_complete) as completed:
        payment = pending(till, till.invoice())
        resolve_payment(till.services, till.scope.merchant_id, payment)
        till.gateway.settle(payment, State.SUCCEEDED)
        resolve_payment(till.services, till.scope.merchant_id, payment)
        till.record(payment)

    assert [ids["payment_id"] for ids in under_way] == [payment]
    assert [(ids["payment_id"], ids["customer_id"]) for ids in completed] == [(payment, till.scope.customer_id)]


def test_host_is_told_of_what_credit_paid(till: Till) -> None:
    give_credit(till, 5000)

    with heard(signals.payment_complete) as completed:
        payment = till.pay(till.invoice(), method="", use_credit=True)

    assert [(ids["payment_id"], ids["customer_id"]) for ids in completed] == [(payment, till.scope.customer_id)]


def pending(till: Till, *invoices: str, **chosen: Any) -> str:
    """A payment that the gateway has and has not decided."""
    till.gateway.becomes.append(State.PENDING)
    return till.pay(*invoices, **chosen)


def given_up(till: Till, *invoices: str, **chosen: Any) -> str:
    """A payment that was called off while it was pending."""
    payment = pending(till, *invoices, **chosen)
    assert cancel_payment(till.services, till.scope, payment, actor=CUSTOMER) == "canceled"
    return payment


def come_late(till: Till, payment: str) -> None:
    """The gateway took the money after all, and says so."""
    till.gateway.settle(payment, State.SUCCEEDED)
    till.record(payment)
    assert till.status(payment) == "complete"


def record(till: Till, payment: str, outcome: ChargeOutcome) -> None:
    with till.services.database.unit_of_work() as session:
        record_outcome(session, till.scope.merchant_id, payment, outcome, actor=GATEWAY, at=till.clock.now())


def correct(till: Till, invoice_id: str, after: Money) -> None:
    """The merchant corrects an invoice of which nothing is paid or held, as an import does."""
    with till.services.database.unit_of_work() as session:
        invoice = session.get_one(Invoice, (till.scope.merchant_id, invoice_id))
        before, version = Money(invoice.total, invoice.currency), invoice.version + 1
        invoice.total = invoice.subtotal = after.amount
        invoice.currency, invoice.version = after.currency, version
        corrected = invoice_corrected(invoice.customer_id, invoice_id, version, before, after, at=till.clock.now())
        post(session, till.scope.merchant_id, corrected)


def act(till: Till, payment: str, action: str) -> tuple[str, str, str | None, dict[str, Any]]:
    """Who did it, as the audit has it: the kind, which one, whose payment it was, and the details."""
    (row,) = till.rows(AuditEntry, object_id=payment, action=action)
    return row.actor_type, row.actor_id, row.customer_id, row.details


def details(till: Till, payment: str) -> dict[str, Any]:
    """What the audit says of the payment's last change."""
    return act(till, payment, f"payment.{till.status(payment)}")[-1]


def mails(till: Till) -> list[tuple[str, str]]:
    return [(message.kind, message.payload["object"]) for message in till.rows(OutboxMessage)]


def balances(till: Till) -> dict[str, int]:
    """What stands to the customer's credit, by currency."""
    return {row.currency: row.amount for row in till.rows(CustomerBalance)}


def last_used(till: Till) -> dict[str, datetime | None]:
    return {row.id: row.last_used_at for row in till.rows(PaymentMethod)}


@contextmanager
def heard(signal: Any) -> Iterator[list[dict[str, str]]]:
    """What a host that listens to the signal is told meanwhile."""
    told: list[dict[str, str]] = []

    def listen(_merchant: str, **ids: str) -> None:
        told.append(ids)

    with signal.connected_to(listen):
        yield told
