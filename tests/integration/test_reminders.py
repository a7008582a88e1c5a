"""Reminders of invoices: once each a day of the merchant's, by whoever finds it first, and only while they are true."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal.audit.models import AuditEntry
from portal.customers.models import Customer
from portal.invoices.models import Invoice, Promise
from portal.notices.jobs import remind_of_invoices
from portal.notices.models import InvoiceReminder
from portal.outbox.models import OutboxMessage
from tests.support import customers
from tests.support.actors import OPERATOR
from tests.support.mail_catcher import Caught
from tests.support.merchant_settings import change_settings
from tests.support.paying import Killed, killing_at
from tests.support.site import Site

# The site's clock stands at 10:42 on 19 March 2026, in the merchant's zone too.
TODAY = date(2026, 3, 19)


def owe(site: Site, due_in_days: int, **columns: Any) -> str:
    """An invoice that was written before there were mails about invoices."""
    with site.services.database.unit_of_work() as session:
        return customers.insert_invoice(
            session, site.scope, at=site.clock.now(), total=5000, currency="USD", number=f"A-{due_in_days}", description="Team plan",
            issued_on=TODAY - timedelta(60), due_on=TODAY + timedelta(due_in_days), **{"status": "open", **columns},
        )  # fmt: skip


def change(site: Site, table: Any, **values: Any) -> None:
    with site.services.database.unit_of_work() as session:
        session.execute(sa.update(table).where(table.merchant_id == site.scope.merchant_id).values(**values))


def set_notices(site: Site, **notices: Any) -> None:
    with site.services.database.unit_of_work() as session:
        change_settings(session, site.scope.merchant_id, {"notices": notices}, actor=OPERATOR, at=site.clock.now())


def remind(site: Site) -> list[Caught]:
    remind_of_invoices(site.services)
    return site.deliver()


def subjects(mails: list[Caught]) -> list[str]:
    return [str(caught.message["Subject"]) for caught in mails]


@pytest.mark.parametrize(
    ("due_in_days", "subject"),
    [
        (5, None),
        (4, None),
        (3, "Due in 3 days: A-3, $50.00"),
        (2, "Due in 2 days: A-2, $50.00"),
        (0, "Due today: A-0, $50.00"),
        (-1, "Overdue by 1 day: A--1, $50.00"),
        (-5, "Overdue by 5 days: A--5, $50.00"),
        (-8, "Overdue by 8 days: A--8, $50.00"),
        (-30, None),
        (-400, None),
    ],
)
def test_customer_is_reminded_once_of_the_latest_day_that_has_come(
    site: Site, due_in_days: int, subject: str | None
) -> None:
    """Days are 3 before, and 1, 7 and 14 after; a worker that was off for a week sends one reminder, and none of what is long past."""
    owe(site, due_in_days)

    assert subjects(remind(site)) == ([subject] if subject else [])
    assert remind(site) == []


def test_invoice_is_reminded_of_on_each_day_of_the_merchants_and_on_no_other(site: Site) -> None:
    set_notices(site, before_due=[2, 0], after_due=[3])
    owe(site, 4)

    sent = {}
    for day in range(12):
        for caught in remind(site):
            sent[day] = str(caught.message["Subject"])
        site.clock.advance(days=1)

    assert sent == {
        2: "Due in 2 days: A-4, $50.00", 4: "Due today: A-4, $50.00", 7: "Overdue by 3 days: A-4, $50.00",
    }  # fmt: skip


def test_becoming_overdue_is_an_event_whether_or_not_it_is_mailed(site: Site) -> None:
    set_notices(site, overdue="never", due_soon="never")
    owe(site, -1)
    owe(site, 3)

    assert remind(site) == []

    (entry,) = site.rows(AuditEntry, action="invoice.overdue")
    assert (entry.actor_id, entry.details) == ("worker", {"days": 1})
    assert site.count(AuditEntry, action="invoice.due_soon") == 0


@pytest.mark.parametrize(
    "columns",
    [
        {"status": "paid", "amount_paid": 5000},
        {"status": "void"},
        {"status": "uncollectible"},
        {"status": "draft"},
        {"status": "partially_paid", "amount_paid": 1000, "amount_reserved": 4000},
        {"amount_reserved": 5000},
        {"import_digest": "sha256"},
    ],
)
def test_nothing_is_reminded_of_that_is_not_to_be_paid_now(site: Site, columns: dict[str, Any]) -> None:
    owe(site, -1, **columns)

    assert remind(site) == []
    assert site.count(InvoiceReminder) == 0


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (Invoice, {"status": "paid", "amount_paid": 5000}),
        (Invoice, {"status": "void"}),
        (Invoice, {"amount_reserved": 5000}),
        (Invoice, {"due_on": TODAY + timedelta(30)}),
        (Customer, {"blocked": True}),
        (Customer, {"email": None, "email_key": None}),
    ],
)
@pytest.mark.parametrize("due_in_days", [2, -2])
def test_what_has_changed_since_the_reminder_was_recorded_is_decided_when_it_leaves(
    site: Site, due_in_days: int, table: Any, values: dict[str, Any]
) -> None:
    owe(site, due_in_days)
    remind_of_invoices(site.services)

    change(site, table, **values)

    assert site.deliver() == []


def test_reminder_that_leaves_days_late_counts_the_days_anew_or_is_left_out(site: Site) -> None:
    owe(site, 2)
    owe(site, -2)
    remind_of_invoices(site.services)
    site.clock.advance(days=3)

    assert subjects(site.deliver()) == ["Overdue by 5 days: A--2, $50.00"]


def test_of_two_reminders_that_wait_for_the_mail_server_the_newer_one_is_sent(site: Site) -> None:
    owe(site, -1)
    remind_of_invoices(site.services)
    site.clock.advance(days=6)
    remind_of_invoices(site.services)

    assert subjects(site.deliver()) == ["Overdue by 7 days: A--1, $50.00"]
    assert site.count(InvoiceReminder) == 2


def test_invoice_whose_payment_failed_is_reminded_of_after_it(site: Site) -> None:
    owe(site, -1, amount_reserved=5000)
    assert remind(site) == []
    site.clock.advance(hours=2)

    change(site, Invoice, amount_reserved=0)

    assert len(remind(site)) == 1


@pytest.mark.parametrize("is_recorded_before", [True, False])
def test_promise_of_the_customer_holds_the_reminder_up_to_its_day(site: Site, is_recorded_before: bool) -> None:
    invoice = owe(site, -1)
    if is_recorded_before:
        remind_of_invoices(site.services)
    with site.services.database.unit_of_work() as session:
        session.add(
            Promise(
                merchant_id=site.scope.merchant_id, invoice_id=invoice, customer_id=site.scope.customer_id, kind="day",
                pay_on=TODAY + timedelta(2), held_until=TODAY + timedelta(2), made_at=site.clock.now(),
            )
        )  # fmt: skip

    assert remind(site) == []
    site.clock.advance(days=2)
    assert remind(site) == []
    site.clock.advance(days=1)

    # One that was recorded before is not sent late: the next day of the merchant's is.
    assert subjects(remind(site)) == ([] if is_recorded_before else ["Overdue by 4 days: A--1, $50.00"])


def test_another_due_date_is_reminded_of_anew(site: Site) -> None:
    owe(site, -1)
    assert len(remind(site)) == 1

    change(site, Invoice, due_on=TODAY + timedelta(3))

    assert subjects(remind(site)) == ["Due in 3 days: A--1, $50.00"]


def test_imported_invoices_are_reminded_of_where_the_merchant_wants_it(site: Site) -> None:
    owe(site, -1, import_digest="sha256")
    owe(site, -200, import_digest="sha256")
    set_notices(site, imported_invoices=True)

    assert subjects(remind(site)) == ["Overdue by 1 day: A--1, $50.00"]


@pytest.mark.parametrize(("hours", "is_sent"), [(-3, False), (9, True), (10, False), (14, False)])
def test_nobody_is_reminded_at_night(site: Site, hours: int, is_sent: bool) -> None:
    """At 07:42, 19:42, 20:42 and 00:42 of the merchant's day."""
    owe(site, -5)
    site.clock.advance(hours=hours)

    assert bool(remind(site)) is is_sent


def test_reminder_names_what_is_left_and_leads_to_the_invoice(site: Site) -> None:
    invoice = owe(site, -1, status="partially_paid", amount_paid=2000)

    (caught,) = remind(site)

    assert caught.recipients == ("maya@lindqvist.example",)
    for part in (caught.text, caught.html):
        assert "$30.00" in part and "Part of it is paid" in part
        assert "/acme/pay/" in part and "whoever has it can see the invoice and pay it" in part
        assert f"/acme/ask?invoice={invoice}" in part
    assert caught.message["List-Unsubscribe"] is None, "nobody stops what keeps a service from being cut off"


def test_several_workers_remind_once(site: Site) -> None:
    for day in range(4):
        owe(site, -1 - day)

    with ThreadPoolExecutor(3) as pool:
        counts = list(pool.map(lambda _: remind_of_invoices(site.services), range(3)))

    assert sum(counts) == 4
    assert len(site.deliver()) == 4


@pytest.mark.parametrize("label", ["reminder.recorded", "reminder.committed"])
def test_worker_killed_while_it_reminds_has_each_mail_sent_once(site: Site, label: str) -> None:
    for day in range(3):
        owe(site, -1 - day)
    dying = replace(site, services=replace(site.services, crash_point=killing_at(label)))
    for _ in range(3):
        with pytest.raises(Killed):
            remind_of_invoices(dying.services)
        if label == "reminder.recorded":
            assert site.count(InvoiceReminder) == site.count(OutboxMessage) == 0

    sent = remind(site)

    assert len({caught.message["Subject"] for caught in sent}) == len(sent) == 3
    assert len({caught.message["Message-ID"] for caught in sent}) == 3
    assert remind(site) == []
    assert site.count(InvoiceReminder) == site.count(OutboxMessage) == 3


def test_primary_key_decides_that_an_invoice_is_reminded_of_once_a_day(site: Site) -> None:
    invoice = owe(site, -1)
    remind_of_invoices(site.services)

    with pytest.raises(sa.exc.IntegrityError), site.services.database.unit_of_work() as session:
        session.add(
            InvoiceReminder(
                merchant_id=site.scope.merchant_id, invoice_id=invoice, due_on=TODAY - timedelta(1), days=1,
                created_at=site.clock.now(),
            )
        )  # fmt: skip
