"""Whatever happens is recorded once, by the actor who did it: in the audit log, as an event with its payload, to who listens."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask, current_app
from sqlalchemy.orm import Session

from portal import Portal, signals
from portal.audit.models import AuditEntry
from portal.credit import operations as credit
from portal.credit.models import CustomerBalance
from portal.events.models import EventRecord
from portal.events.operations import record
from portal.events.queries import list_events
from portal.events.rules import COMMAND, Event, EventType
from portal.events.signals import EventSignal
from portal.money import Money
from portal.outbox.models import OutboxMessage
from portal.payments.jobs import expire_checkouts
from portal.payments.operations.paying import cancel_payment
from portal.payments.rules.choices import Exact
from portal.public_ids import new_ordered_id
from portal.refunds.models import Refund
from portal.refunds.operations import refund_payment
from portal.services import Services
from portal.worker import clean_up
from tests.conftest import SECRET_KEY
from tests.support.accounts import Account, make_account
from tests.support.actors import STAFF
from tests.support.importing import importer_of
from tests.support.page_client import PageClient
from tests.support.paying import PayingCustomer

PAYMENT = "pay_0000000000000000000000"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"


def audited(payer: PayingCustomer, object_id: str) -> list[tuple[str, str, str]]:
    """What the audit log says of an object, oldest first: action, and who it was."""
    rows = sorted(payer.rows(AuditEntry, object_id=object_id), key=lambda row: row.id)
    return [(row.action, row.actor_type, row.actor_id) for row in rows]


def events(payer: PayingCustomer, object_id: str) -> list[dict[str, Any]]:
    with payer.services.database.read() as reader:
        return [event.shape for event in list_events(reader, payer.scope.merchant_id, object_id)]


def test_payment_has_one_event_for_each_status_it_takes_by_who_did_it(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice(5000))
    refund_payment(payer.services, payer.scope.merchant_id, payment, 5000, reason=None, actor=STAFF)

    customer = ("customer", payer.scope.customer_id)
    assert audited(payer, payment) == [
        ("payment.created", *customer),
        ("checkout.method_chosen", *customer),
        ("checkout.opened", *customer),
        ("payment.processing", *customer),
        ("payment.complete", "gateway", "sandbox"),
        ("payment.refunded", "staff", "staff"),
    ]
    assert [(event["type"], event["data"]["previous"].get("status")) for event in events(payer, payment)] == [
        ("payment.created", None),
        ("payment.processing", "incomplete"),
        ("payment.complete", "processing"),
        ("payment.refunded", "complete"),
    ]


def test_further_refund_of_a_part_has_events_of_its_own_and_none_of_its_payment(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice(5000))
    first = refund_payment(payer.services, payer.scope.merchant_id, payment, 1000, reason=None, actor=STAFF)
    before = events(payer, payment)

    further = refund_payment(payer.services, payer.scope.merchant_id, payment, 1500, reason=None, actor=STAFF)

    assert first != further
    assert [event["type"] for event in before[-2:]] == ["payment.complete", "payment.partially_refunded"]
    assert events(payer, payment) == before
    assert [event["type"] for event in events(payer, further)] == ["refund.created", "refund.complete"]
    assert payer.payment(payment).amount_refunded == 2500


def test_invoice_says_how_it_was_paid(payer: PayingCustomer) -> None:
    invoice = payer.invoice(5000, amount_mode="editable")

    payer.pay(invoice, amount=Exact(2000))
    payer.pay(invoice, amount=Exact(1000))
    payer.pay(invoice)

    shown = [
        (event["type"], event["data"]["previous"].get("amount_due"), event["data"]["object"]["amount_due"])
        for event in events(payer, invoice)
    ]
    assert shown == [
        ("invoice.opened", None, 5000),
        ("invoice.partially_paid", 5000, 3000),
        ("invoice.updated", 3000, 2000),
        ("invoice.paid", 2000, 0),
    ]


def test_payload_is_the_whole_object_as_it_was_then(payer: PayingCustomer) -> None:
    invoice = payer.invoice(5000)
    payment = payer.pay(invoice)

    complete = events(payer, payment)[-1]

    assert {name: complete[name] for name in ("object", "type", "version", "created_at", "request_id", "actor")} == {
        "object": "event",
        "type": "payment.complete",
        "version": 1,
        "created_at": "2026-03-19T10:42:00Z",
        "request_id": None,
        "actor": {"type": "gateway", "id": "sandbox", "person": None},
    }
    assert complete["data"]["object"] == {
        "id": payment, "object": "payment", "customer": payer.scope.customer_id, "amount": 5000, "currency": "USD",
        "status": "complete", "channel": "card", "payment_method": {"type": "card", "brand": "visa", "last4": "4242"},
        "invoices": [{"invoice": invoice, "amount": 5000}], "amount_refunded": 0, "failure_code": None,
        "failure_message": None, "reference": None, "gateway": "sandbox",
        "gateway_reference": payer.payment(payment).gateway_reference, "metadata": {}, "checkout_url": None,
        "created_at": "2026-03-19T10:42:00Z", "completed_at": "2026-03-19T10:42:00Z",
    }  # fmt: skip


def test_checkout_that_ends_unconfirmed_says_who_ended_it(payer: PayingCustomer) -> None:
    canceled, superseded, abandoned = (payer.checkout(payer.invoice(5000)) for _ in range(3))
    (share,) = payer.invoices_of(superseded)

    cancel_payment(payer.services, payer.scope, canceled, actor=payer.actor)
    payer.checkout(share)
    payer.clock.advance(hours=4)
    expire_checkouts(payer.services)

    customer = ("customer", payer.scope.customer_id)
    assert audited(payer, canceled)[-1] == ("payment.canceled", *customer)
    assert audited(payer, superseded)[-2:] == [("payment.canceled", *customer), ("checkout.superseded", *customer)]
    assert audited(payer, abandoned)[-1] == ("payment.abandoned", "system", "worker")


def test_what_is_rolled_back_did_not_happen(payer: PayingCustomer) -> None:
    heard: list[str] = []

    def fail(session: Session) -> None:
        record(session, COMMAND, _event(payer))
        raise RuntimeError

    with signals.payment_complete.connected_to(lambda _merchant, **ids: heard.append(ids["event_id"])):
        with pytest.raises(RuntimeError):
            payer.services.database.run(fail)
        assert (heard, *_written(payer), payer.rows(OutboxMessage)) == ([], [], [], [])
        payer.services.database.run(lambda session: record(session, COMMAND, _event(payer)))

    assert [heard, heard] == _written(payer)


def test_receiver_that_fails_undoes_nothing_and_keeps_no_other_from_its_turn(payer: PayingCustomer) -> None:
    heard: list[str] = []

    def fail(_merchant: str, **_ids: str) -> None:
        raise ZeroDivisionError

    def note(_merchant: str, **ids: str) -> None:
        heard.append(ids["payment_id"])

    with signals.payment_complete.connected_to(fail), signals.payment_complete.connected_to(note):
        payment = payer.pay(payer.invoice())

    assert (payer.status(payment), heard) == ("complete", [payment])


def fails_after_commit(payer: PayingCustomer, fault: Exception) -> None:
    """The host's teardown fails at the first event, after our commit; somebody listens, so that its context is entered."""
    host, torn_down = Flask("shop"), []

    @host.teardown_appcontext
    def tear_down(_fault: BaseException | None) -> None:
        torn_down.append(1)
        if len(torn_down) == 1:
            raise fault

    payer.services.database.application_context = host.app_context


@contextmanager
def listened_to(signal: EventSignal) -> Iterator[None]:
    with signal.connected_to(lambda _merchant, **_ids: None):
        yield


def test_work_is_not_done_again_when_the_hosts_database_fails_after_the_commit(payer: PayingCustomer) -> None:
    """Its deadlock has the code of one of ours."""

    class Deadlock(Exception):
        sqlstate = "40P01"

    fails_after_commit(payer, sa.exc.OperationalError("select 1", {}, Deadlock()))
    money = Money(700, "USD")

    with listened_to(signals.credit_added):
        payer.services.database.run(
            lambda session: credit.add(
                session, payer.scope, money, actor=COMMAND, source="credit_note", at=payer.clock.now()
            )
        )

    (balance,) = payer.rows(CustomerBalance)
    assert balance.amount == 700


def test_refund_is_not_reported_as_failed_when_the_host_fails_after_the_commit(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice(5000))
    fails_after_commit(payer, RuntimeError("the host's own"))

    with listened_to(signals.refund_created):
        refund = refund_payment(payer.services, payer.scope.merchant_id, payment, 1000, reason=None, actor=STAFF)

    assert [(row.id, row.status) for row in payer.rows(Refund)] == [(refund, "complete")]


def test_events_of_one_payment_are_in_order_whatever_other_threads_record(payer: PayingCustomer, monkeypatch) -> None:
    """Another thread records something of another millisecond between two events of ours."""

    def busy(prefix: str, at: datetime) -> str:
        made = new_ordered_id(prefix, at)
        other = Thread(target=new_ordered_id, args=(prefix, at + timedelta(milliseconds=7)))
        other.start()
        other.join()
        return made

    monkeypatch.setattr("portal.events.operations.new_ordered_id", busy)
    payments = [payer.pay(payer.invoice(300)) for _ in range(5)]

    for payment in payments:
        types = [event["type"] for event in events(payer, payment)]
        assert types == ["payment.created", "payment.processing", "payment.complete"]


def test_internal_event_is_audited_and_not_given_out(payer: PayingCustomer) -> None:
    payment = payer.checkout(payer.invoice())

    assert [entry.details for entry in payer.rows(AuditEntry, action="checkout.opened")] == [
        {"step": "review", "method_type": "card", "way": "saved_method", "device": None}
    ]
    assert [event["type"] for event in events(payer, payment)] == ["payment.created"]


def test_opened_checkout_says_on_which_class_of_device(pages: PageClient, app: Flask, services: Services) -> None:
    account = make_account(services)
    browser = account.sign_in(app)
    browser.client.environ_base["HTTP_USER_AGENT"] = PHONE

    browser.post("/acme/checkout", {"invoice": account.invoice(5000), "payment_method": account.method()})

    with services.database.read() as reader:
        details, request_id = reader.execute(
            sa.select(AuditEntry.details, AuditEntry.request_id).where(AuditEntry.action == "checkout.opened")
        ).one()
    assert (details["device"], details["method_type"]) == ("phone", "card")
    assert request_id


def test_events_are_kept_as_long_as_the_operator_says_and_the_audit_log_for_ever(payer: PayingCustomer) -> None:
    old = payer.pay(payer.invoice())
    payer.clock.advance(days=20)
    new = payer.pay(payer.invoice())
    payer.clock.advance(days=71)

    clean_up(payer.services)

    assert events(payer, old) == []
    assert [event["type"] for event in events(payer, new)][-1] == "payment.complete"
    assert ("payment.complete", "gateway", "sandbox") in audited(payer, old)


def test_events_are_listed_page_by_page_and_of_one_merchant_alone(payer: PayingCustomer) -> None:
    payment = payer.pay(payer.invoice())
    listed = [event["id"] for event in events(payer, payment)]

    with payer.services.database.read() as reader:
        page = list_events(reader, payer.scope.merchant_id, payment, after=listed[0], limit=1)
        foreign = list_events(reader, "mer_0000000000000000000000", payment)

    assert [event.id for event in page] == listed[1:2]
    assert foreign == []


def test_import_is_audited_and_nobody_hears_of_it(database, clock, tmp_path) -> None:
    importer = importer_of(database, clock, tmp_path)
    heard: list[str] = []

    with signals.invoice_paid.connected_to(lambda _merchant, **ids: heard.append(ids["event_id"])):
        importer.text(
            "number,customer,customer_email,currency,issued_on,unit_amount,quantity,status,description",
            "A-1,7,ann@shop.example,EUR,2026-01-05,20,1,paid,Plan",
        )

    audited = importer.rows(sa.select(AuditEntry.action, AuditEntry.actor_id).where(AuditEntry.actor_id == "import"))
    assert sorted(row.action for row in audited) == [
        "customer.created", "invoice.opened", "invoice.paid", "payment.complete",
    ]  # fmt: skip
    assert (heard, importer.rows(sa.select(EventRecord.id)), importer.rows(sa.select(OutboxMessage.id))) == ([], [], [])


# --- in a host application ---


@pytest.fixture
def account(services: Services) -> Account:
    """A customer of the merchant that the host mounts."""
    return make_account(services)


@pytest.fixture
def host(account: Account) -> Iterator[Flask]:
    """A host whose receiver is connected inside its factory, and uses the host's configuration."""
    app = Flask("shop")
    app.config.update(
        PORTAL_SECRET_KEY=SECRET_KEY,
        PORTAL_DATABASE_URL=account.database.url.render_as_string(hide_password=False),
        HEARD=[],
    )
    portal = Portal(app, url_prefix="/billing", merchant="acme")
    app.extensions["mounted"] = portal

    def note(merchant_id: str, **ids: str) -> None:
        current_app.config["HEARD"].append((current_app.name, ids["customer_id"]))

    signals.signed_in.connect(note)
    yield app
    signals.signed_in.receivers.clear()
    assert portal._services is not None
    portal._services.database.dispose()


def test_receiver_connected_in_a_factory_is_called_in_the_hosts_context(host: Flask, account: Account) -> None:
    gc.collect()
    portal: Portal = host.extensions["mounted"]
    client = PageClient(host.test_client())

    client.submit(client.get(portal.sign_in_url(account.scope.customer_id)))

    assert host.config["HEARD"] == [("shop", account.scope.customer_id)]


def test_host_reads_the_events_of_one_object(host: Flask, account: Account) -> None:
    portal: Portal = host.extensions["mounted"]
    client = PageClient(host.test_client())
    client.submit(client.get(portal.sign_in_url(account.scope.customer_id)))
    with account.database.read() as reader:
        of_sign_in = EventRecord.type == EventType.PORTAL_SIGNED_IN
        session_id = reader.execute(sa.select(EventRecord.object_id).where(of_sign_in)).scalar_one()

    (event,) = portal.list_events(str(session_id))

    assert (event["type"], event["actor"]["id"]) == ("portal.signed_in", account.scope.customer_id)
    assert [event["type"] for event in portal.list_events(account.scope.customer_id)] == ["customer.created"]


def _written(payer: PayingCustomer) -> list[list[str]]:
    """The ids of what the audit log and the events have of `_event`."""
    return [[row.id for row in payer.rows(table, object_id=PAYMENT)] for table in (AuditEntry, EventRecord)]


def _event(payer: PayingCustomer) -> Event:
    return Event(
        type=EventType.PAYMENT_COMPLETE,
        merchant_id=payer.scope.merchant_id,
        object_id=PAYMENT,
        customer_id=payer.scope.customer_id,
        object={"id": PAYMENT, "status": "complete"},
        at=payer.clock.now() + timedelta(seconds=1),
    )
