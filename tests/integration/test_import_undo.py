"""Taking back what a run of an import made, while nothing of it was paid. On both databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from portal.clock import MovableClock
from portal.credit.models import CustomerBalance
from portal.customers.models import Customer
from portal.database import Database
from portal.importing.errors import CannotUndo, UnknownRun
from portal.importing.models import ImportedObject, ImportRun
from portal.importing.operations import undoing
from portal.importing.operations.undoing import Undone, undo_run
from portal.importing.rules.runs import Summary
from portal.invoices.models import CreditNote, Invoice
from portal.invoices.queries.invoices import list_invoices
from portal.ledger.operations.checking import verify_ledger
from portal.outbox.models import OutboxMessage
from portal.payments.models import Payment, PaymentAllocation
from portal.refunds.models import Refund
from portal.tenancy import Scope
from tests.support.importing import Importer, Silence, importer_of

HEAD = "number,customer,customer_email,issued_on,total,status,amount_paid,amount_refunded"
FILE = (
    HEAD,
    "A-1,c1,a@x.example,2026-01-31,12.40,open,,",
    "A-2,c1,a@x.example,2026-01-31,5.00,paid,,",
    "A-3,c1,a@x.example,2026-01-31,9.00,open,4.00,1.00",
    "A-4,c2,b@x.example,2026-01-31,-3.00,,,",
    "A-5,c2,b@x.example,2026-01-31,0,,,",
    "A-6,c2,b@x.example,2026-01-31,7.00,draft,,",
    "A-7,c2,b@x.example,2026-01-31,7.00,void,,",
    "A-8,c2,b@x.example,2026-01-31,7.00,uncollectible,,",
)
WHOLE = {"payments": 2, "credit_notes": 1, "invoices": 7, "customers": 2}


@pytest.fixture
def importer(database: Database, clock: MovableClock, tmp_path: Path) -> Importer:
    return importer_of(database, clock, tmp_path)


def newest_run(importer: Importer) -> str:
    ((run_id,), *_) = importer.rows(sa.select(ImportRun.id).order_by(ImportRun.id.desc()))
    return str(run_id)


def undo(importer: Importer, run_id: str | None = None, **how: Any) -> Undone:
    undone = undo_run(importer.database, run_id or newest_run(importer), importer.clock, Silence(), **how)
    importer.clock.advance(minutes=1)
    check_ledger(importer)
    return undone


def check_ledger(importer: Importer) -> None:
    with importer.database.read() as reader:
        assert verify_ledger(reader, importer.merchant.id).wrong is None


def shown_to_customers(importer: Importer) -> list[str]:
    """The numbers of all invoices that any customer sees."""
    numbers = []
    for (customer_id,) in importer.rows(sa.select(Customer.id).where(Customer.merchant_id == importer.merchant.id)):
        with importer.database.read() as reader:
            numbers += [row.number for row in list_invoices(reader, Scope(importer.merchant.id, customer_id)).rows]
    return sorted(numbers)


def test_all_that_a_run_made_is_gone_and_the_file_makes_it_anew(importer):
    first = importer.text(*FILE)
    importer.clock.advance(minutes=1)

    undone = undo(importer)

    assert {name: undone.as_dict()[name] for name in WHOLE} == WHOLE
    assert shown_to_customers(importer) == []
    assert importer.rows(sa.select(CreditNote.id)) == importer.rows(sa.select(Refund.id)) == []
    assert importer.rows(sa.select(Payment.id).where(Payment.listed == sa.true())) == []
    assert importer.rows(sa.select(Customer.id).where(Customer.deleted_at.is_(None))) == []
    assert sum(amount for (amount,) in importer.rows(sa.select(CustomerBalance.amount))) == 0
    assert importer.rows(sa.select(OutboxMessage.id)) == []
    assert importer.rows(sa.select(ImportedObject.object_id)) == []
    assert importer.text(*FILE) == first == Summary(rows=8, created=8)
    assert shown_to_customers(importer) == ["A-1", "A-2", "A-3", "A-5", "A-7", "A-8"]
    check_ledger(importer)


@pytest.mark.parametrize(
    ("columns", "number"),
    [
        ({"amount_reserved": 1240}, "A-1"),
        ({"amount_credited": 240}, "A-1"),
    ],
)
def test_run_of_which_something_is_being_paid_is_left_whole(importer, columns, number):
    importer.text(*FILE)
    importer.change(sa.update(Invoice).where(Invoice.number == number).values(**columns))
    before = importer.everything()

    with pytest.raises(CannotUndo, match=f"{number} were paid or credited since"):
        undo_run(importer.database, newest_run(importer), importer.clock, Silence())

    assert importer.everything() == before


def test_run_whose_invoice_another_run_paid_is_undone_after_that_one(importer):
    importer.text(*FILE)
    invoices = newest_run(importer)
    importer.clock.advance(minutes=1)
    importer.text("customer,amount,invoices,reference,created_at", "c1,2.40,A-1,R-1,2026-02-01", kind="payments")
    payments = newest_run(importer)

    with pytest.raises(CannotUndo, match="A-1"):
        undo(importer, invoices)
    undo(importer, payments)

    assert importer.rows(sa.select(Invoice.status, Invoice.amount_paid).where(Invoice.number == "A-1")) == [("open", 0)]
    assert importer.rows(sa.select(PaymentAllocation.state).where(PaymentAllocation.amount == 240)) == [("released",)]
    assert undo(importer, invoices).invoices == 7


def test_payment_that_is_undone_comes_in_again(importer):
    importer.text(*FILE)
    importer.clock.advance(minutes=1)
    rows = "customer,amount,amount_refunded,invoices,reference,created_at", "c1,12.40,2.00,A-1,R-1,2026-02-01"
    importer.text(*rows, kind="payments")

    undo(importer)

    assert importer.text(*rows, kind="payments") == Summary(rows=1, created=1)
    assert importer.rows(sa.select(Invoice.status).where(Invoice.number == "A-1")) == [("paid",)]
    check_ledger(importer)


def test_paid_row_that_is_undone_is_booked_again(importer):
    """The run that paid an older invoice takes back its payment alone."""
    importer.text(HEAD, FILE[1])
    importer.clock.advance(minutes=1)
    importer.text(HEAD, FILE[1].replace("open", "paid"))

    undone = undo(importer)

    assert (undone.payments, undone.invoices) == (1, 0)
    assert importer.rows(sa.select(Invoice.number, Invoice.status)) == [("A-1", "open")]
    assert importer.text(HEAD, FILE[1].replace("open", "paid")) == Summary(rows=1, updated=1)
    check_ledger(importer)


def test_credit_that_was_used_keeps_its_run(importer):
    importer.text(*FILE)
    importer.change(sa.update(CustomerBalance).values(amount_reserved=1).execution_options(tenant_wide=True))

    with pytest.raises(CannotUndo, match="credit note A-4"):
        undo_run(importer.database, newest_run(importer), importer.clock, Silence())


def test_customer_with_something_else_stays(importer):
    importer.text("reference,email", "c1,a@x.example", "c2,b@x.example", "c3,c@x.example", kind="customers")
    people = newest_run(importer)
    importer.clock.advance(minutes=1)
    importer.text(*FILE)

    undone = undo(importer, people)

    assert (undone.customers, undone.customers_kept) == (1, 2)
    kept = importer.rows(
        sa.select(Customer.reference).where(Customer.deleted_at.is_(None)).order_by(Customer.reference)
    )
    assert kept == [("c1",), ("c2",)]


def test_undoing_that_was_killed_is_finished_by_the_next(importer, monkeypatch):
    importer.text(*FILE)
    monkeypatch.setattr(undoing, "_BATCH", 1)

    class Killed(BaseException):
        """Stands for the end of the process."""

    class DiesAfterFour(Silence):
        count = 0

        def advance(self, amount: int) -> None:
            self.count += amount
            if self.count == 4:
                raise Killed

    run_id = newest_run(importer)
    with pytest.raises(Killed):
        undo_run(importer.database, run_id, importer.clock, DiesAfterFour())
    check_ledger(importer)

    undo(importer, run_id)

    assert shown_to_customers(importer) == []


def test_run_that_made_nothing_is_none_and_one_is_undone_once(importer):
    importer.text(HEAD, FILE[1], is_dry_run=True)
    importer.text(HEAD, "A-1,c1,a@x.example,2026-01-31,x,open,,")
    assert importer.rows(sa.select(ImportRun.id)) == []
    importer.text(HEAD, FILE[1])
    importer.text(HEAD, FILE[1])
    assert len(importer.rows(sa.select(ImportRun.id))) == 1

    undo(importer)

    with pytest.raises(CannotUndo, match="undone already"):
        undo(importer)
    with pytest.raises(UnknownRun):
        undo(importer, "imp_0000000000000000000000")


def test_run_is_the_merchants_own(importer, tmp_path):
    importer.text(*FILE)
    other = importer_of(importer.database, importer.clock, tmp_path, "other")
    other.text(*FILE)
    before = other.rows(sa.select(Invoice.id).where(Invoice.merchant_id == other.merchant.id, Invoice.status == "open"))

    with pytest.raises(UnknownRun):
        undo_run(importer.database, _run_of(importer), importer.clock, Silence(), merchant_id=other.merchant.id)
    undo(importer, _run_of(importer))

    after = other.rows(sa.select(Invoice.id).where(Invoice.merchant_id == other.merchant.id, Invoice.status == "open"))
    assert after == before
    check_ledger(other)


def _run_of(importer: Importer) -> str:
    ((run_id,),) = importer.rows(sa.select(ImportRun.id).where(ImportRun.merchant_id == importer.merchant.id))
    return str(run_id)
