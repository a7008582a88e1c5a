"""Mails that the statement of a month is ready: monthly, once each, to whom something is on it, in bounded batches."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from portal.customers.models import Customer
from portal.invoices.operations.invoices import void_invoice
from portal.outbox.models import OutboxMessage
from portal.statement import jobs
from portal.statement.jobs import announce_ready_statements
from portal.statement.models import StatementNotice, StatementRound
from portal.statement.rules import month_to_announce
from portal.tenancy import Scope
from tests.support import customers
from tests.support.accounts import Account
from tests.support.actors import OPERATOR
from tests.support.mail_catcher import Caught
from tests.support.notices import ACCOUNTANT, ONE_CLICK, choices, insert_copy, mail_program, set_notices
from tests.support.paying import Killed, killing_at
from tests.support.site import ADDRESS, Site, path_of

FEBRUARY, MARCH = date(2026, 2, 1), date(2026, 3, 1)


@pytest.fixture
def announcing(site: Site) -> Site:
    """A site whose merchant announces statements on the third; it is ten o'clock on 3 April, and nothing happened before."""
    set_notices(site, statement_ready="on", statement_day=3)
    return at(site, 4, 3)


def at(site: Site, month: int, day: int, hour: int = 10) -> Site:
    site.clock.move_to(datetime(2026, month, day, hour, tzinfo=UTC))
    return site


def owe(
    site: Site, scope: Scope | None = None, total: int = 5000, *, month: int = 3, day: int = 10, **details: Any
) -> str:
    now = site.clock.now()
    at(site, month, day)
    with site.services.database.unit_of_work() as session:
        invoice = customers.add_invoice(session, scope or site.scope, total, at=site.clock.now(), **details)
    site.clock.move_to(now)
    return invoice


def local(response: Any) -> str:
    return str(response.location)


def announce(site: Site, words: str = "statement from") -> list[Caught]:
    announce_ready_statements(site.services)
    return [caught for caught in site.deliver() if words in str(caught.message["Subject"])]


def test_customer_is_mailed_once_what_the_statement_of_last_month_closes_with(announcing: Site) -> None:
    owe(announcing, total=12_000)
    owe(announcing, total=700, month=4, day=1)  # Counts in the next one.

    (mail,) = announce(announcing)

    assert mail.message["Subject"] == "March 2026: statement from Acme Inc."
    assert mail.message["To"] == "maya@lindqvist.example"
    assert "You owe on Mar 31, 2026\n$120.00\n" in mail.text
    link = urlsplit(mail.link)
    assert (link.path, link.query) == ("/acme/statement", "from=2026-03-01&to=2026-03-31&currency=USD")
    assert "application/pdf" not in mail.message.as_string()
    assert announce(announcing) == []


def test_link_shows_that_statement_after_signing_in(announcing: Site) -> None:
    owe(announcing, total=12_000)
    (mail,) = announce(announcing)
    browser, path = announcing.browser(), mail.link[mail.link.index("/acme/") :]

    browser.submit(browser.follow(path), action="/sign-in", email=ADDRESS)
    page = browser.follow(local(browser.post(path_of(announcing.deliver()[-1]))))

    assert page.path == path
    assert "$120.00" in page.text


@pytest.mark.parametrize(("sign_in_links", "prefix"), [(False, "/acme/statement?"), (True, "/acme/sign-in/mail/")])
def test_link_signs_in_where_the_merchant_allows_it(announcing: Site, sign_in_links: bool, prefix: str) -> None:
    set_notices(announcing, statement_ready="on", statement_day=3, sign_in_links=sign_in_links)
    owe(announcing, total=12_000)
    (mail,) = announce(announcing)
    browser, parts = announcing.browser(), urlsplit(mail.link)
    assert f"{parts.path}?".startswith(prefix)
    if not sign_in_links:
        return

    page = browser.submit(browser.get(f"{parts.path}?{parts.query}"), "Continue")

    assert page.path == "/acme/statement?from=2026-03-01&to=2026-03-31&currency=USD"


def test_only_who_has_something_on_the_statement_is_mailed(announcing: Site) -> None:
    """Somebody owes since February, an invoice of February was taken back in March; the others have nothing of March."""
    owes, voided = announcing.add_customer("owes@shop.example"), announcing.add_customer("voided@shop.example")
    later, settled = announcing.add_customer("later@shop.example"), announcing.add_customer("settled@shop.example")
    announcing.add_customer("nothing@shop.example")
    nobody = announcing.add_customer(None, phone="+237670000000")
    owe(announcing, owes, month=2)
    owe(announcing, nobody, month=2)
    owe(announcing, later, month=4, day=1)
    for scope, month in ((voided, 3), (settled, 2)):
        void(announcing, owe(announcing, scope, month=2), month)

    assert {caught.message["To"] for caught in announce(announcing)} == {"owes@shop.example", "voided@shop.example"}


def void(site: Site, invoice: str, month: int) -> None:
    now = site.clock.now()
    at(site, month, 20)
    with site.services.database.unit_of_work() as session:
        void_invoice(session, site.scope.merchant_id, invoice, actor=OPERATOR, at=site.clock.now())
    site.clock.move_to(now)


@pytest.mark.parametrize(
    ("day", "today", "month"),
    [
        (2, date(2026, 3, 1), None),
        (2, date(2026, 3, 2), FEBRUARY),
        (2, date(2026, 3, 8), FEBRUARY),
        (2, date(2026, 3, 9), None),
        (28, date(2026, 4, 1), FEBRUARY),
        (28, date(2026, 4, 4), None),
        (1, date(2026, 1, 1), date(2025, 12, 1)),
    ],
)
def test_month_is_announced_on_its_day_and_a_week_after_where_the_worker_was_off(
    day: int, today: date, month: date | None
) -> None:
    found = month_to_announce(day, today)

    assert (found[0] if found else None) == month
    assert found is None or (found[1] + timedelta(1)).day == 1


@pytest.mark.parametrize(("month", "day", "hour"), [(4, 2, 10), (4, 10, 10), (4, 3, 7), (4, 3, 20)])
def test_nothing_is_announced_before_its_day_long_after_it_or_at_night(
    announcing: Site, month: int, day: int, hour: int
) -> None:
    owe(announcing)

    assert announce(at(announcing, month, day, hour)) == []
    assert announcing.count(StatementNotice) == 0


def test_merchant_turns_it_on(site: Site) -> None:
    at(site, 4, 3)
    owe(site)

    assert announce(site) == []
    assert site.count(StatementRound) == 0


def test_customer_switches_it_off_by_the_page_and_by_one_click(announcing: Site) -> None:
    owe(announcing)
    assert "Monthly statement" in announcing.signed_in().get("/acme/notices").text
    (mail,) = announce(announcing)

    mail_program(announcing).post(urlsplit(str(mail.message["List-Unsubscribe"])[1:-1]).path, data=ONE_CLICK)

    assert choices(announcing) == {"statement_ready": False}
    assert announce(at(announcing, 5, 3)) == []


def test_copies_have_the_balance_and_no_link(announcing: Site) -> None:
    insert_copy(announcing)
    owe(announcing, total=12_000)

    mails = {caught.message["To"]: caught for caught in announce(announcing)}

    assert set(mails) == {"maya@lindqvist.example", ACCOUNTANT}
    assert "$120.00" in mails[ACCOUNTANT].text
    assert "/acme/statement" not in mails[ACCOUNTANT].text + mails[ACCOUNTANT].html


def test_each_currency_has_its_balance_in_the_language_of_the_customer(announcing: Site) -> None:
    announcing.change_customer(announcing.scope, locale="fr")
    owe(announcing, total=12_000)
    owe(announcing, total=4500, currency="EUR")

    (mail,) = announce(announcing, "relevé de compte")

    assert "120,00" in mail.text and "45,00" in mail.text
    assert urlsplit(mail.link).query == "from=2026-03-01&to=2026-03-31"


def test_credit_as_large_as_an_open_invoice_does_not_settle_it(announcing: Site) -> None:
    owe(announcing, total=5000, month=3, day=1)
    at(announcing, 3, 15)
    Account(announcing.services, announcing.scope, "acme").credit(5000)
    at(announcing, 4, 3)

    (mail,) = announce(announcing)

    assert "Settled" not in mail.text and "Settled" not in mail.html
    assert "Closing balance\n$0.00\n" in mail.text


def test_blocked_customer_and_one_that_was_settled_meanwhile_by_a_correction_get_none(announcing: Site) -> None:
    owe(announcing)
    announce_ready_statements(announcing.services)
    with announcing.services.database.unit_of_work() as session:
        session.execute(
            sa.update(Customer).where(Customer.merchant_id == announcing.scope.merchant_id).values(blocked=True)
        )

    assert [caught for caught in announcing.deliver() if "statement from" in str(caught.message["Subject"])] == []


def many(site: Site, count: int, *, owing_every: int = 2) -> int:
    """Further customers, of whom every second owes something since February; return how many do."""
    at(site, 2, 10)
    with site.services.database.unit_of_work() as session:
        for number in range(count):
            scope = customers.add_customer(
                session, site.scope.merchant_id, f"c{number}@shop.example", at=site.clock.now()
            )
            if number % owing_every == 0:
                customers.add_invoice(session, scope, at=site.clock.now())
    at(site, 4, 3)
    with site.services.database.unit_of_work() as session:
        session.execute(sa.delete(OutboxMessage).where(OutboxMessage.merchant_id == site.scope.merchant_id))
    return -(-count // owing_every)


def messages(site: Site) -> list[str]:
    return [row.payload["object"] for row in site.rows(OutboxMessage, kind="statement_mail")]


def test_run_takes_bounded_batches_and_the_next_one_goes_on(announcing: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "BATCH", 4)
    monkeypatch.setattr(jobs, "MAX_BATCHES", 3)
    owing = many(announcing, 30)

    counts: list[int] = []
    while not counts or announcing.count(StatementRound, ended_at=None):
        before = len(messages(announcing))
        counts.append(announce_ready_statements(announcing.services))
        assert len(messages(announcing)) - before == counts[-1] <= 12

    assert len(counts) >= 3
    assert len(set(messages(announcing))) == len(messages(announcing)) == owing
    assert announce_ready_statements(announcing.services) == 0


def test_several_workers_announce_each_once(announcing: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "BATCH", 3)
    owing = many(announcing, 20)

    with ThreadPoolExecutor(3) as pool:
        counts = list(pool.map(lambda _: announce_ready_statements(announcing.services), range(3)))

    assert sum(counts) == len(set(messages(announcing))) == len(messages(announcing)) == owing


@pytest.mark.parametrize("label", ["statements.announced", "statements.committed"])
def test_worker_killed_while_it_announces_has_each_mailed_once(
    announcing: Site, monkeypatch: pytest.MonkeyPatch, label: str
) -> None:
    monkeypatch.setattr(jobs, "BATCH", 4)
    owing = many(announcing, 10)
    dying = replace(announcing.services, crash_point=killing_at(label))
    for _ in range(2):
        with pytest.raises(Killed):
            announce_ready_statements(dying)
        if label == "statements.announced":
            assert announcing.count(StatementNotice) == announcing.count(OutboxMessage) == 0

    announce_ready_statements(announcing.services)

    assert len(set(messages(announcing))) == len(messages(announcing)) == owing
    assert announcing.count(StatementNotice) == owing


def test_row_of_a_customer_decides_and_not_how_far_the_round_has_come(announcing: Site) -> None:
    owe(announcing)
    announce_ready_statements(announcing.services)
    with announcing.services.database.unit_of_work() as session:
        session.execute(sa.delete(StatementRound).where(StatementRound.merchant_id == announcing.scope.merchant_id))

    assert announce_ready_statements(announcing.services) == 0
    assert len(messages(announcing)) == 1
