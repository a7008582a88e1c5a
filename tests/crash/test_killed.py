"""Real processes killed by SIGKILL at every crash point and at any moment: one charge at most, and the invoice in its right state."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import requests
import sqlalchemy as sa

from portal.invoices.models import Invoice
from portal.merchants.models import Merchant
from portal.outbox.models import OutboxMessage
from portal.payment_methods.models import PaymentMethodSetup
from portal.provider_events.models import ProviderEvent
from portal.reconciliation.models import GatewayComparison
from portal.refunds.models import Refund
from portal.refunds.rules import RESEND_REFUND_AFTER
from portal.statement.models import StatementRound
from tests.crash.browser import Browser
from tests.crash.installation import DEAD, ROOT
from tests.support.actors import OPERATOR
from tests.support.live_accounts import GOOD_CARD
from tests.support.merchant_settings import change_settings
from tests.support.waiting import wait_for

WHILE_PAYING = (
    "payment.intent_written",
    "payment.intent_committed",
    "payment.send_claimed",
    "payment.gateway_answered",
    "payment.outcome_recorded",
)
WHILE_DELIVERING = ("outbox.leased", "outbox.delivered")
WHILE_REFUNDING = ("refund.intent_committed", "refund.gateway_answered", "refund.looked_up")
WHILE_HANDLING = ("event.claimed", "event.handled")
WHILE_SETTING_UP = ("setup.intent_committed", "setup.gateway_answered", "setup.looked_up")
WHILE_REMINDING = ("reminder.recorded", "reminder.committed")
WHILE_ANNOUNCING = ("statements.announced", "statements.committed")
LABELS = {
    *WHILE_PAYING,
    *WHILE_DELIVERING,
    *WHILE_REFUNDING,
    *WHILE_HANDLING,
    "event.stored",
    "comparison.claimed",
    *WHILE_SETTING_UP,
    *WHILE_REMINDING,
    *WHILE_ANNOUNCING,
    "payment.looked_up",
    "payment.stop_requested",
    "payment.cancel_answered",
}

_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def test_every_crash_point_is_tried_here():
    sources = [path.read_text() for path in (ROOT / "portal").rglob("*.py")]

    assert {label for source in sources for label in re.findall(r'crash_point\("([^"]+)"\)', source)} == LABELS


@pytest.mark.parametrize("label", WHILE_PAYING)
def test_web_server_killed_while_paying_leaves_one_charge(installation, label):
    account = installation.accounts.create()
    invoice, card = account.open_invoice(), account.save_card()
    payment = account.begin(invoice, method=card)
    visitor = installation.visit(account)
    installation.serve(crash_at=label)

    with pytest.raises(requests.ConnectionError):
        visitor.confirm(payment)
    assert installation.await_end() == DEAD
    account.age(payment)
    assert installation.work() == 0
    installation.serve()

    if label == "payment.intent_written":
        assert (account.charges(), account.invoice(invoice).amount_reserved) == ([], 0)
        assert "Pay $49.00" in visitor.look(f"/checkout/{payment}").replace("</span>", "").replace(
            '<span class="amount" dir="ltr">', ""
        )
    else:
        assert account.payment(payment).status == "complete"
    assert visitor.confirm(payment) == 303  # Not knowing, the customer presses again.
    assert len(account.charges()) == 1
    assert (account.payment(payment).status, account.invoice(invoice).status) == ("complete", "paid")
    account.check_money()


@pytest.mark.parametrize("label", WHILE_PAYING)
def test_web_server_killed_while_a_guest_pays_leaves_one_charge(installation, label):
    account = installation.accounts.create()
    invoice = account.open_invoice()
    guest = installation.visit_by_link(account, invoice)
    installation.serve()
    payment = guest.begin_by_link()
    installation.stop()
    installation.serve(crash_at=label)

    with pytest.raises(requests.ConnectionError):
        guest.confirm(payment)
    assert installation.await_end() == DEAD
    account.age(payment)
    assert installation.work() == 0
    installation.serve()

    if label == "payment.intent_written":
        assert (account.payment(payment).status, account.invoice(invoice).amount_reserved) == ("incomplete", 0)
    assert guest.confirm(payment) == 303  # Not knowing, the guest presses again.
    page = account.payment(payment).action_url
    with Browser() as browser:
        form = browser.open(page).form(page.rsplit("/", 1)[1])
        assert form is not None, "the gateway's page has its form"
        back = browser.send(form, channel="card", number=GOOD_CARD, expiry="08/40", cvc="123")
    assert back.leads_to == f"{guest.root}/payments/{payment}"
    assert "Download receipt (PDF)" in guest.look(f"/payments/{payment}")
    assert len(account.charges()) == 1
    assert (account.payment(payment).status, account.invoice(invoice).status) == ("complete", "paid")
    account.check_money()


@pytest.mark.parametrize("label", ["payment.intent_committed", "payment.send_claimed", "payment.gateway_answered"])
def test_after_a_kill_the_customers_own_page_finds_the_truth(installation, label):
    account = installation.accounts.create()
    invoice, card = account.open_invoice(), account.save_card()
    payment = account.begin(invoice, method=card)
    visitor = installation.visit(account)
    installation.accounts.sandbox.behave(payment, webhooks="never")
    installation.serve(crash_at=label)
    with pytest.raises(requests.ConnectionError):
        visitor.confirm(payment)
    assert installation.await_end() == DEAD
    installation.serve()

    held = visitor.look(f"/invoices/{invoice}")
    assert "You cannot pay it twice" in held
    account.age(payment)
    page = visitor.look(f"/payments/{payment}")

    assert "Paid" in page
    assert len(account.charges()) == 1
    account.check_money()


@pytest.mark.parametrize("label", ["payment.intent_committed", "payment.send_claimed"])
def test_payment_that_nobody_went_on_with_for_ten_minutes_is_never_charged(installation, label):
    account = installation.accounts.create()
    invoice, card = account.open_invoice(), account.save_card()
    payment = account.begin(invoice, method=card)
    visitor = installation.visit(account)
    installation.serve(crash_at=label)
    with pytest.raises(requests.ConnectionError):
        visitor.confirm(payment)
    assert installation.await_end() == DEAD

    account.age(payment, timedelta(minutes=10))
    assert installation.work() == 0
    installation.serve()

    assert (account.payment(payment).status, account.payment(payment).failure_code) == ("failed", "not_sent")
    assert (account.charges(), account.invoice(invoice).amount_reserved) == ([], 0)
    assert "Nothing was charged, and nothing will be." in visitor.look(f"/payments/{payment}")
    assert visitor.confirm(payment) == 303  # Pressed again, it stays what it is.
    again = account.begin(invoice, method=card)
    assert visitor.confirm(again) == 303
    assert len(account.charges()) == 1
    assert account.invoice(invoice).status == "paid"
    account.check_money()


def test_request_that_the_gateway_does_not_answer_is_answered_in_time_and_its_payment_goes_on(installation):
    account = installation.accounts.create()
    payment = account.begin(account.open_invoice(), method=account.save_card())
    visitor = installation.visit(account)
    installation.accounts.sandbox.behave(payment, answer="slow", delay_seconds=7)
    installation.serve(gateway_timeout_seconds=9)

    began = time.monotonic()
    assert visitor.confirm(payment) == 303
    took = time.monotonic() - began
    page = visitor.look(f"/payments/{payment}")

    assert 2 <= took < 4
    assert "Your payment is being sent to Sandbox Pay" in page
    wait_for(lambda: account.payment(payment).status == "complete", seconds=20)
    assert len(account.charges()) == 1
    account.check_money()


def test_web_server_killed_with_a_payment_in_another_thread_leaves_one_charge(installation):
    account = installation.accounts.create()
    payment = account.begin(account.open_invoice(), method=account.save_card())
    visitor = installation.visit(account)
    installation.accounts.sandbox.behave(payment, answer="slow", delay_seconds=8, webhooks="never")
    installation.serve(gateway_timeout_seconds=9)
    assert visitor.confirm(payment) == 303

    installation.kill()
    assert installation.await_end() == DEAD
    assert account.payment(payment).status == "processing"
    account.age(payment)
    assert installation.work() == 0

    assert account.payment(payment).status == "complete"
    assert len(account.charges()) == 1
    account.check_money()


def test_worker_and_page_killed_while_asking_leave_the_question_open(installation):
    account = installation.accounts.create()
    invoice, card = account.open_invoice(), account.save_card()
    payment = account.begin(invoice, method=card)
    visitor = installation.visit(account)
    installation.accounts.sandbox.behave(payment, answer="drop_after", webhooks="never")
    installation.serve()
    assert visitor.confirm(payment) == 303
    assert account.payment(payment).status == "processing"

    account.age(payment)
    assert installation.work(crash_at="payment.looked_up") == DEAD
    account.age(payment)
    installation.serve(crash_at="payment.looked_up")
    with pytest.raises(requests.ConnectionError):
        visitor.look(f"/payments/{payment}")
    assert installation.await_end() == DEAD
    assert account.payment(payment).status == "processing"
    account.age(payment)
    assert installation.work() == 0

    assert (account.payment(payment).status, len(account.charges())) == ("complete", 1)
    account.check_money()


@pytest.mark.parametrize("label", ["payment.stop_requested", "payment.cancel_answered"])
def test_web_server_killed_while_stopping_a_payment_frees_the_invoice(installation, label):
    account = installation.accounts.create()
    invoice = account.open_invoice()
    payment = account.begin(invoice)
    visitor = installation.visit(account)
    installation.serve(crash_at=label)
    assert visitor.confirm(payment) == 303
    assert account.payment(payment).status == "requires_action"

    with pytest.raises(requests.ConnectionError):
        visitor.cancel(payment)
    assert installation.await_end() == DEAD
    account.age(payment)
    assert installation.work() == 0

    assert (account.payment(payment).status, account.invoice(invoice).amount_reserved) == ("canceled", 0)
    assert account.charges() == []
    account.check_money()


@pytest.mark.parametrize("label", WHILE_DELIVERING)
def test_worker_killed_while_it_delivers_sends_the_receipt_in_the_end(installation, mail, label):
    account = installation.accounts.create()
    payment = account.begin(account.open_invoice(), method=account.save_card())
    _forget_announcements(account)
    visitor = installation.visit(account)
    installation.serve()
    assert visitor.confirm(payment) == 303

    assert installation.work(crash_at=label) == DEAD
    _end_leases(account)
    assert installation.work() == 0

    receipts = _receipts(mail, account)
    assert len(receipts) == (2 if label == "outbox.delivered" else 1)
    # Mail may come twice, but always as the same message.
    assert len({caught.message["Message-ID"] for caught in receipts}) == 1


@pytest.mark.parametrize("label", WHILE_REMINDING)
def test_worker_killed_while_it_reminds_reminds_once(installation, mail, label):
    account = installation.accounts.create()
    account.open_invoice()
    _make_overdue_at_noon(account)

    assert installation.work(crash_at=label) == DEAD
    assert installation.work() == 0
    assert installation.work() == 0

    reminders = [caught for caught in mail.take() if "Overdue" in str(caught.message["Subject"])]
    assert len(reminders) == 1


@pytest.mark.parametrize("label", WHILE_ANNOUNCING)
def test_worker_killed_while_it_announces_statements_announces_each_once(installation, mail, label):
    account = installation.accounts.create()
    account.open_invoice()
    _let_statements_be_announced_now(account)

    assert installation.work(crash_at=label) == DEAD
    assert installation.work() == 0
    assert installation.work() == 0

    statements = [caught for caught in mail.take() if "statement from" in str(caught.message["Subject"])]
    assert [caught.recipients for caught in statements].count((account.email,)) == 1


def test_workers_beside_a_killed_one_deliver_all_but_its_message_once(installation, mail):
    account = installation.accounts.create()
    card = account.save_card()
    payments = [account.begin(account.open_invoice(), method=card) for _ in range(6)]
    _forget_announcements(account)
    visitor = installation.visit(account)
    installation.serve()
    assert [visitor.confirm(payment) for payment in payments] == [303] * 6

    assert installation.work(crash_at="outbox.leased") == DEAD
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: installation.work(), range(2))) == [0, 0]
    meanwhile = _receipts(mail, account)
    _end_leases(account)
    assert installation.work() == 0
    afterwards = _receipts(mail, account)

    assert (len(meanwhile), len(afterwards)) == (5, 1)
    assert len({caught.message["Message-ID"] for caught in meanwhile + afterwards}) == 6


@pytest.mark.parametrize("label", WHILE_REFUNDING)
def test_refund_killed_at_any_point_is_made_once(installation, label):
    account = installation.accounts.create()
    payment = account.begin(account.open_invoice(), method=account.save_card())
    visitor = installation.visit(account)
    installation.serve()
    assert visitor.confirm(payment) == 303

    if label == "refund.looked_up":
        assert installation.refund(account, payment, crash_at="refund.intent_committed") == DEAD
        _age_refund(account, payment)
        assert installation.work(crash_at=label) == DEAD
    else:
        assert installation.refund(account, payment, crash_at=label) == DEAD
    refund_id = _age_refund(account, payment)
    assert installation.work() == 0

    made = installation.accounts.sandbox.refunds(f"sk_sandbox_{account.slug}", refund_id)
    assert [refund["amount"] for refund in made] == [100]
    assert (account.payment(payment).status, account.payment(payment).amount_refunded) == ("partially_refunded", 100)


def test_web_server_killed_with_an_event_in_hand_keeps_it_once(installation):
    account = installation.accounts.create()
    payment = account.begin(account.open_invoice(), method=account.save_card())
    visitor = installation.visit(account)
    installation.accounts.sandbox.behave(payment, answer="drop_after", webhooks="never")
    installation.serve()
    assert visitor.confirm(payment) == 303
    installation.serve(crash_at="event.stored")

    with pytest.raises(requests.ConnectionError):
        installation.send_event("evt_killed", payment)
    assert installation.await_end() == DEAD
    installation.serve()
    assert installation.send_event("evt_killed", payment) == 200  # It had no answer, and the gateway repeats it.
    assert installation.work() == 0

    assert [event.handled_at is not None for event in _events(account, payment)] == [True]
    assert (account.payment(payment).status, len(account.charges())) == ("complete", 1)
    account.check_money()


@pytest.mark.parametrize("label", WHILE_HANDLING)
def test_worker_killed_while_it_handles_an_event_books_the_money_once(installation, label):
    account = installation.accounts.create()
    payment = account.begin(account.open_invoice(), method=account.save_card())
    visitor = installation.visit(account)
    installation.accounts.sandbox.behave(payment, answer="drop_after")
    installation.serve()
    assert visitor.confirm(payment) == 303
    wait_for(lambda: _events(account, payment))

    assert installation.work(crash_at=label) == DEAD
    _make_events_due(account)
    assert installation.work() == 0

    assert all(event.handled_at is not None for event in _events(account, payment))
    assert (account.payment(payment).status, len(account.charges())) == ("complete", 1)
    account.check_money()


def test_worker_killed_over_a_comparison_leaves_its_turn_to_the_next(installation):
    account = installation.accounts.create()
    _make_comparison_due(account)

    assert installation.work(crash_at="comparison.claimed") == DEAD
    _make_comparison_due(account)
    assert installation.work() == 0

    account.check_money()


@pytest.mark.parametrize("label", WHILE_SETTING_UP)
def test_setup_killed_at_any_point_keeps_the_card_once(installation, label):
    account = installation.accounts.create()
    visitor = installation.visit(account)
    if label == "setup.looked_up":
        installation.serve()
        assert visitor.add_method() == 303
        _age_setup(account)
        assert installation.work(crash_at=label) == DEAD
    else:
        installation.serve(crash_at=label)
        with pytest.raises(requests.ConnectionError):
            visitor.add_method()
        assert installation.await_end() == DEAD
    _age_setup(account)
    assert installation.work() == 0

    # The customer finds the page at the gateway, and never comes back from it.
    card = {"channel": "card", "number": GOOD_CARD, "expiry": "12/90", "cvc": "123"}
    assert (
        requests.post(_age_setup(account).action_url, data=card, allow_redirects=False, timeout=10).status_code == 303
    )
    assert installation.work() == 0

    assert [(method.last4, method.status, method.is_default) for method in account.methods()] == [
        ("4242", "active", True)
    ]
    assert _age_setup(account).status == "complete"
    assert account.charges() == []


@pytest.mark.parametrize("moment", [0.015, 0.04, 0.08])
def test_web_server_killed_at_any_moment_leaves_at_most_one_charge_a_customer(installation, moment):
    accounts = [installation.accounts.create() for _ in range(4)]
    payments = [account.begin(account.open_invoice(), method=account.save_card()) for account in accounts]
    visitors = [installation.visit(account) for account in accounts]
    installation.serve()
    visitors[0].look("/")

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(visitor.confirm, payment) for visitor, payment in zip(visitors, payments, strict=True)]
        time.sleep(moment)  # The point is that it is any.
        installation.kill()
    assert installation.await_end() == DEAD
    for account, payment in zip(accounts, payments, strict=True):
        account.age(payment)
    assert installation.work() == 0
    installation.serve()

    for answer, visitor, account, payment in zip(answers, visitors, accounts, payments, strict=True):
        assert answer.exception() is not None or account.payment(payment).status == "complete"
        assert visitor.confirm(payment) == 303
        assert len(account.charges()) == 1
        account.check_money()


def test_web_server_signaled_to_end_finishes_the_charge_in_hand(installation):
    account = installation.accounts.create()
    payment = account.begin(account.open_invoice(), method=account.save_card())
    visitor = installation.visit(account)
    installation.accounts.sandbox.behave(payment, answer="slow", delay_seconds=1)
    installation.serve(gateway_timeout_seconds=5)

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(visitor.confirm, payment)
        wait_for(account.charges)
        assert installation.stop() == 0

    assert answer.result() == 303
    assert account.payment(payment).status == "complete"
    account.check_money()


def _receipts(mail, account):
    return [
        caught
        for caught in mail.take()
        if account.email in caught.recipients and "You paid" in str(caught.message["Subject"])
    ]


def _forget_announcements(account) -> None:
    """Take the mails about new invoices and cards away, so that the receipts are the next messages."""
    with account.live.database.unit_of_work() as session:
        session.execute(
            sa.delete(OutboxMessage).where(
                OutboxMessage.merchant_id == account.merchant.id, OutboxMessage.kind != "receipt_mail"
            )
        )


def _end_leases(account) -> None:
    with account.live.database.unit_of_work() as session:
        session.execute(
            sa.update(OutboxMessage)
            .where(OutboxMessage.merchant_id == account.merchant.id, OutboxMessage.leased_until.is_not(None))
            .values(leased_until=OutboxMessage.created_at)
        )


def _events(account, payment_id: str) -> list[ProviderEvent]:
    with account.live.database.unit_of_work() as session:
        statement = sa.select(ProviderEvent).where(
            ProviderEvent.merchant_id == account.merchant.id, ProviderEvent.reference == payment_id
        )
        return list(session.execute(statement).scalars())


def _make_events_due(account) -> None:
    with account.live.database.unit_of_work() as session:
        session.execute(
            sa.update(ProviderEvent)
            .where(ProviderEvent.merchant_id == account.merchant.id, ProviderEvent.due_at.is_not(None))
            .values(due_at=ProviderEvent.received_at)
        )


def _make_comparison_due(account) -> None:
    with account.live.database.unit_of_work() as session:
        session.execute(
            sa.update(GatewayComparison)
            .where(GatewayComparison.merchant_id == account.merchant.id)
            .values(due_at=_LONG_AGO)
        )


def _make_overdue_at_noon(account) -> None:
    """The customer's one invoice was due a few days ago, and the merchant's day is not at night."""
    now = datetime.now(UTC)
    with account.live.database.unit_of_work() as session:
        session.execute(
            sa.update(Merchant).where(Merchant.id == account.merchant.id).values(timezone=f"Etc/GMT{now.hour - 12:+d}")
        )
        session.execute(
            sa.update(Invoice)
            .where(Invoice.merchant_id == account.merchant.id, Invoice.customer_id == account.scope.customer_id)
            .values(due_on=now.date() - timedelta(3))
        )


def _let_statements_be_announced_now(account) -> None:
    """The customer's one invoice was issued last month, whose statements are announced today, by day, and were not before."""
    now = datetime.now(UTC)
    _make_overdue_at_noon(account)
    with account.live.database.unit_of_work() as session:
        changes = {"notices": {"statement_ready": "on", "statement_day": min(now.day, 28)}}
        change_settings(session, account.merchant.id, changes, actor=OPERATOR, at=now)
        session.execute(sa.delete(StatementRound).where(StatementRound.merchant_id == account.merchant.id))
        session.execute(
            sa.update(Invoice)
            .where(Invoice.merchant_id == account.merchant.id, Invoice.customer_id == account.scope.customer_id)
            .values(issued_on=now.date().replace(day=1) - timedelta(1))
        )


def _age_setup(account):
    """The customer's one setup, due to be looked up as though a minute had gone by."""
    with account.live.database.unit_of_work() as session:
        setup = session.execute(
            sa.select(PaymentMethodSetup).where(PaymentMethodSetup.customer_id == account.scope.customer_id)
        ).scalar_one()
        setup.created_at -= timedelta(minutes=1)
        if setup.next_check_at is not None:
            setup.next_check_at = setup.created_at
        return setup


def _age_refund(account, payment_id: str) -> str:
    """Make the payment's refund due to be looked up and old enough to be resent, and return its id."""
    with account.live.database.unit_of_work() as session:
        refund = session.execute(
            sa.select(Refund).where(Refund.merchant_id == account.merchant.id, Refund.payment_id == payment_id)
        ).scalar_one()
        refund.next_check_at = refund.created_at
        refund.sent_at = refund.created_at - RESEND_REFUND_AFTER
        return str(refund.id)
