"""Takes back what a run of an import made, as long as nothing of it was paid since.

The ledger only grows: what was posted is posted back. Invoices become drafts under another number, which no customer sees, so that
a corrected file makes them anew; credit notes go; payments leave the history; customers with nothing else are deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.clock import Clock
from portal.credit.operations import grant, lock_free
from portal.customers.models import Customer
from portal.database import Database
from portal.documents.operations import forget_papers
from portal.events.operations import record_imported
from portal.events.rules import IMPORT, Event, EventType
from portal.importing.errors import CannotUndo, UnknownRun
from portal.importing.models import ImportedAddress, ImportedObject, ImportRun
from portal.importing.operations.files import Progress
from portal.importing.queries import StoredRun, find_run, list_made_by, list_objects
from portal.invoices.models import CreditNote
from portal.invoices.operations.balance import unsettle
from portal.invoices.operations.status import take_back
from portal.invoices.queries.imported import (
    find_customers_with_invoices,
    lock_credit_notes,
    lock_invoices,
)
from portal.ledger.operations.posting import post
from portal.ledger.queries import list_entries_of
from portal.ledger.rules import credit_corrected, import_undone, invoice_corrected
from portal.money import Money
from portal.payment_methods.queries.methods import count_methods
from portal.payments.operations.status import correct
from portal.payments.queries.imported import (
    find_customers_with_payments,
    list_allocations_of,
    lock_payments,
)
from portal.refunds.models import Refund
from portal.refunds.queries import list_refunds_of
from portal.tenancy import MerchantScope, Scope

_BATCH = 500
_NAMED = 3


@dataclass(slots=True)
class Undone:
    """What was taken back, in objects. `customers_kept` are those who have something else by now."""

    run: str
    payments: int = 0
    credit_notes: int = 0
    invoices: int = 0
    customers: int = 0
    customers_kept: int = 0

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Work:
    """A batch of what a run made, of one kind of object, within a transaction."""

    session: Session
    run: StoredRun
    ids: Sequence[str]
    at: datetime

    @property
    def scope(self) -> MerchantScope:
        return MerchantScope(self.run.merchant_id)


def undo_run(
    database: Database, run_id: str, clock: Clock, progress: Progress, *, merchant_id: str | None = None
) -> Undone:
    """Take back all that a run made. Raises UnknownRun, and CannotUndo before anything is changed.

    Goes on in bounded transactions; one that was killed is finished by running it again.
    """
    with database.read() as reader:
        run = find_run(reader, run_id)
    if run is None or (merchant_id is not None and run.merchant_id != merchant_id):
        raise UnknownRun(f"there is no run {run_id}; `portal import list` lists them")
    if run.undone_at is not None:
        raise CannotUndo(f"the run {run_id} is undone already")
    at, undone = clock.now(), Undone(run_id)
    for step in _STEPS:
        for _ in _batches(database, run, step.prefix, at, step.check):
            pass
    progress.begin("undoing", run.created)
    for step in _STEPS:
        for batch_count, taken_count in _batches(database, run, step.prefix, at, step.take):
            setattr(undone, step.counts, getattr(undone, step.counts) + taken_count)
            if step.prefix == "cus_":
                undone.customers_kept += batch_count - taken_count
            progress.advance(batch_count)
    database.run(lambda session: _mark(session, run, at))
    progress.end()
    return undone


def _batches(
    database: Database, run: StoredRun, prefix: str, at: datetime, act: Callable[[_Work], int]
) -> Iterator[tuple[int, int]]:
    """Act on all objects of a kind that a run made, a batch a transaction; yield how many each had, and what came of it."""
    before = ""
    while True:
        with database.read() as reader:
            ids = list_objects(reader, run.merchant_id, run.id, prefix=prefix, after=before, most=_BATCH)
        if not ids:
            return
        before = ids[-1]
        yield len(ids), database.run(partial(_act, run, ids, at, act))


def _act(run: StoredRun, ids: Sequence[str], at: datetime, act: Callable[[_Work], int], session: Session) -> int:
    return act(_Work(session, run, ids, at))


def _check_payments(work: _Work) -> int:
    """Raise CannotUndo when money of these payments went back through us."""
    for payment_id, refunds in list_refunds_of(work.session, work.scope, work.ids).items():
        if any(refund.sent_at is not None or refund.status == "pending" for refund in refunds):
            raise CannotUndo(f"the payment {payment_id} was refunded here since; nothing was undone")
    return 0


def _take_payments(work: _Work) -> int:
    _check_payments(work)
    session, merchant_id = work.session, work.run.merchant_id
    allocations = list_allocations_of(session, work.scope, payment_ids=work.ids)
    invoices = {row.id: row for row in lock_invoices(session, work.scope, {each.invoice_id for each in allocations})}
    payments = lock_payments(session, work.scope, work.ids)
    for allocation in allocations:
        unsettle(session, invoices[allocation.invoice_id], allocation.amount, actor=IMPORT, at=work.at)
        allocation.state = "released"
    session.execute(sa.delete(Refund).where(Refund.merchant_id == merchant_id, Refund.payment_id.in_(sorted(work.ids))))
    for payment in payments:
        posting = import_undone(payment.id, list_entries_of(session, work.scope, payment.id), at=work.at)
        post(session, merchant_id, posting)
        payment.amount_refunded, payment.gateway_reference, payment.listed = 0, None, False
        correct(session, payment, "canceled", actor=IMPORT, at=work.at)
    _forget(work)
    return len(payments)


def _check_notes(work: _Work) -> int:
    """Raise CannotUndo when credit of these notes was used: credit is not distinguished by its source."""
    taken: dict[tuple[str, str], int] = {}
    for note in lock_credit_notes(work.session, work.scope, work.ids):
        owner = (note.customer_id, note.currency)
        taken[owner] = taken.get(owner, 0) + note.amount
        free = lock_free(work.session, Scope(note.merchant_id, note.customer_id), note.currency)
        if note.amount_applied or free < taken[owner]:
            raise CannotUndo(f"credit of the credit note {note.number} was used since; nothing was undone")
    return 0


def _take_notes(work: _Work) -> int:
    _check_notes(work)
    session, merchant_id = work.session, work.run.merchant_id
    notes = lock_credit_notes(session, work.scope, work.ids)
    for note in notes:
        scope, money = Scope(merchant_id, note.customer_id), Money(note.amount, note.currency)
        grant(session, scope, Money(-money.amount, money.currency), at=work.at)
        nothing = Money(0, money.currency)
        post(
            session,
            merchant_id,
            credit_corrected(
                note.customer_id, note.id, version=f"undone:{work.run.id}", before=money, after=nothing, at=work.at
            ),
        )
    session.execute(
        sa.delete(CreditNote).where(CreditNote.merchant_id == merchant_id, CreditNote.id.in_(sorted(work.ids)))
    )
    details = {"source": "import_undone", "run": work.run.id}
    record_imported(session, [_event(work, EventType.CREDIT_USED, note.customer_id, details) for note in notes])
    _forget(work)
    return len(notes)


def _check_invoices(work: _Work) -> int:
    """Raise CannotUndo when these invoices were paid, or are being paid, by anything but the run's own payments."""
    scope, session = work.scope, work.session
    allocations = list_allocations_of(session, scope, invoice_ids=work.ids)
    own = list_made_by(session, scope.merchant_id, work.run.id, {each.payment_id for each in allocations})
    paid = {each.invoice_id for each in allocations if each.payment_id not in own}
    invoices = lock_invoices(session, scope, work.ids)
    used = [row.number for row in invoices if row.id in paid or row.amount_credited or row.amount_reserved]
    if used:
        more = f" and {len(used) - _NAMED} more" if len(used) > _NAMED else ""
        raise CannotUndo(
            f"{', '.join(used[:_NAMED])}{more} were paid or credited since, or are being paid; nothing was undone"
        )
    return 0


def _take_invoices(work: _Work) -> int:
    _check_invoices(work)
    session = work.session
    invoices = lock_invoices(session, work.scope, work.ids)
    for invoice in invoices:
        owed = Money(0 if invoice.status in ("draft", "void") else invoice.total, invoice.currency)
        number = f"{invoice.number} {_mark_of(work.run)}"
        take_back(session, invoice, number, actor=IMPORT, at=work.at, run=work.run.id)
        nothing = Money(0, invoice.currency)
        ids = (invoice.customer_id, invoice.id)
        post(session, invoice.merchant_id, invoice_corrected(*ids, invoice.version, owed, nothing, at=work.at))
    _forget(work)
    return len(invoices)


def _take_customers(work: _Work) -> int:
    """Delete those who have nothing else; their references and addresses are free again."""
    session, merchant_id = work.session, work.run.merchant_id
    kept = find_customers_with_invoices(session, work.scope, work.ids, but_numbers_like="% (undone imp_%)")
    kept |= find_customers_with_payments(session, work.scope, work.ids)
    kept |= {
        customer_id
        for customer_id in set(work.ids) - kept
        if count_methods(session, Scope(merchant_id, customer_id), most=1)
    }
    gone = sorted(set(work.ids) - kept)
    session.execute(
        sa.update(Customer)
        .where(Customer.merchant_id == merchant_id, Customer.id.in_(gone), Customer.deleted_at.is_(None))
        .values(reference=None, email=None, email_key=None, phone=None, deleted_at=work.at, updated_at=work.at)
    )
    session.execute(
        sa.delete(ImportedAddress).where(
            ImportedAddress.merchant_id == merchant_id, ImportedAddress.customer_id.in_(gone)
        )
    )
    details = {"run": work.run.id}
    record_imported(session, [_event(work, EventType.CUSTOMER_DELETED, each, details) for each in gone])
    _forget(work)
    return len(gone)


def _check_nothing(_: _Work) -> int:
    """Customers stand in nobody's way: those who have something else are kept."""
    return 0


def _forget(work: _Work) -> None:
    work.session.flush()
    forget_papers(work.session, work.run.merchant_id, work.ids)
    work.session.execute(
        sa.delete(ImportedObject).where(
            ImportedObject.merchant_id == work.run.merchant_id,
            ImportedObject.run_id == work.run.id,
            ImportedObject.object_id.in_(sorted(work.ids)),
        )
    )


def _mark(session: Session, run: StoredRun, at: datetime) -> None:
    session.execute(
        sa.update(ImportRun)
        .where(ImportRun.merchant_id == run.merchant_id, ImportRun.id == run.id)
        .values(undone_at=at)
    )


def _mark_of(run: StoredRun) -> str:
    return f"(undone {run.id})"


def _event(work: _Work, event_type: EventType, customer_id: str, details: dict[str, str]) -> Event:
    return Event(
        type=event_type,
        merchant_id=work.run.merchant_id,
        object_id=customer_id,
        customer_id=customer_id,
        details=details,
        at=work.at,
    )


@dataclass(frozen=True, slots=True)
class _Step:
    """How objects of a kind are taken back: those whose ids begin with `prefix`, counted in `Undone` as `counts`. `check` raises
    CannotUndo; both return a number of objects."""

    prefix: str
    counts: str
    check: Callable[[_Work], int]
    take: Callable[[_Work], int]


# In this order: what settles invoices goes before them, and the customers go last.
_STEPS = (
    _Step("pay_", "payments", _check_payments, _take_payments),
    _Step("cn_", "credit_notes", _check_notes, _take_notes),
    _Step("inv_", "invoices", _check_invoices, _take_invoices),
    _Step("cus_", "customers", _check_nothing, _take_customers),
)
