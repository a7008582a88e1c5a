"""What is derived from payments and kept beside them: the counts of a customer's payments, and the terms by which they are found.

Every payment that a session writes is noted here as it is flushed, whoever writes it: a list of places that have to remember it would
be forgotten once, and a payment that is not found is noticed by nobody. What is derived is written at the end of the same transaction,
in one order: payments of one customer that end at the same moment wait for each other for the commit alone, and never in a circle.
A statement that writes payments without their objects passes by, and is followed by `note_rows`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session, object_session
from sqlalchemy.orm.attributes import History

from portal.database import run_before_commit
from portal.invoices.models import Invoice
from portal.payments.models import Payment, PaymentAllocation, PaymentCount, PaymentSearchTerm
from portal.payments.rules.search import terms_of

_NOTED = "portal.payments.derived"
_SEARCHED = ("amount", "credit_amount", "currency", "description", "note", "more_count", "reference")
"""The columns of a payment that its terms are made of; with `more_count` its invoices change."""
_BATCH = 500


class Group(NamedTuple):
    """What payments are counted by; `method_type` is "" where none is known."""

    merchant_id: str
    customer_id: str
    status: str
    method_type: str
    currency: str


class TermSource(NamedTuple):
    """What a payment's terms are made of, with one of its invoices; minor units."""

    customer_id: str
    payment_id: str
    currency: str
    amount: int
    credit_amount: int
    description: str
    note: str
    reference: str | None
    number: str | None
    title: str | None


class _Found(NamedTuple):
    """A payment whose terms are written."""

    merchant_id: str
    payment_id: str
    customer_id: str


@dataclass(slots=True)
class _Noted:
    """What the payments that a session wrote change in what is derived from them."""

    counts: Counter[Group] = field(default_factory=Counter)
    made: set[_Found] = field(default_factory=set)
    changed: set[_Found] = field(default_factory=set)


def note_rows(session: Session, rows: Iterable[Mapping[str, Any]]) -> None:
    """Note payments that were inserted without objects, as rows by column."""
    noted = _noted_in(session)
    for row in rows:
        if row["listed"]:
            group = (
                row["merchant_id"],
                row["customer_id"],
                row["status"],
                row.get("method_type") or "",
                row["currency"],
            )
            noted.counts[Group(*group)] += 1
        noted.made.add(_Found(row["merchant_id"], row["id"], row["customer_id"]))


@event.listens_for(Payment, "after_insert")
def _note_new(_mapper: object, _connection: object, payment: Payment) -> None:
    noted = _noted_in(_session_of(payment))
    if payment.listed:
        noted.counts[_group(payment, payment.status, payment.method_type)] += 1
    noted.made.add(_Found(payment.merchant_id, payment.id, payment.customer_id))


@event.listens_for(Payment, "after_update")
def _note_change(_mapper: object, _connection: object, payment: Payment) -> None:
    state = sa.inspect(payment).attrs
    status, method_type, listed = state.status.history, state.method_type.history, state.listed.history
    if status.has_changes() or method_type.has_changes() or listed.has_changes():
        noted = _noted_in(_session_of(payment))
        if _before(listed):
            noted.counts[_group(payment, _before(status), _before(method_type))] -= 1
        if payment.listed:
            noted.counts[_group(payment, payment.status, payment.method_type)] += 1
    if any(state[name].history.has_changes() for name in _SEARCHED):
        noted = _noted_in(_session_of(payment))
        found = _Found(payment.merchant_id, payment.id, payment.customer_id)
        if found not in noted.made:
            noted.changed.add(found)


def list_terms(rows: Iterable[Sequence[Any]]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield customer, payment and terms of rows of `TermSource` in the order of payments: one row for each of a payment's invoices, and
    one where it has none."""
    sources = map(TermSource._make, rows)
    for (customer_id, payment_id), of_payment in groupby(sources, key=lambda row: (row.customer_id, row.payment_id)):
        shares = list(of_payment)
        payment = shares[0]
        amounts = [(payment.amount, payment.currency)]
        if 0 < payment.credit_amount < payment.amount:
            # On the bank's statement stands what the method paid.
            amounts.append((payment.amount - payment.credit_amount, payment.currency))
        numbers, titles = (each.number for each in shares), (each.title for each in shares)
        names = (payment.note, *numbers, payment.reference, payment.description, *titles)
        yield customer_id, payment_id, terms_of(amounts, filter(None, names))


def _session_of(payment: Payment) -> Session:
    session = object_session(payment)
    assert session is not None, "a payment is flushed by its session"
    return session


def _noted_in(session: Session) -> _Noted:
    noted: _Noted | None = session.info.get(_NOTED)
    if noted is None:
        noted = session.info[_NOTED] = _Noted()
        run_before_commit(session, _write)
    return noted


def _write(session: Session) -> None:
    noted: _Noted = session.info.pop(_NOTED)
    for found in sorted(noted.changed):
        session.execute(_DELETE_TERMS, found._asdict())
    for merchant_id, of_merchant in groupby(sorted(noted.made | noted.changed), key=lambda found: found.merchant_id):
        _write_terms(session, merchant_id, [found.payment_id for found in of_merchant])
    counts = [{**group._asdict(), "payment_count": count} for group, count in sorted(noted.counts.items()) if count]
    if counts:
        statement = _COUNT_ON_SQLITE if session.get_bind().dialect.name == "sqlite" else _COUNT_ON_POSTGRESQL
        session.execute(statement, counts)


def _write_terms(session: Session, merchant_id: str, payment_ids: Sequence[str]) -> None:
    """Write the terms of payments that have none."""
    for start in range(0, len(payment_ids), _BATCH):
        rows = session.execute(_SOURCES, {"merchant_id": merchant_id, "ids": payment_ids[start : start + _BATCH]})
        terms = [
            {"merchant_id": merchant_id, "customer_id": customer_id, "term": term, "payment_id": payment_id}
            for customer_id, payment_id, found in list_terms(rows)
            for term in found
        ]
        session.execute(_INSERT_TERM, terms)


def _group(payment: Payment, status: str, method_type: str | None) -> Group:
    return Group(payment.merchant_id, payment.customer_id, status, method_type or "", payment.currency)


def _before(history: History) -> Any:
    """Return the value that an attribute had before it was flushed."""
    return next(iter(history.deleted or history.unchanged))


_INSERT_TERM = sa.insert(cast(sa.Table, PaymentSearchTerm.__table__))
# A payment's terms are spread over those of its customer: rare (a price that changed, money that came late), and needs no second index.
_DELETE_TERMS = sa.delete(PaymentSearchTerm).where(
    PaymentSearchTerm.merchant_id == sa.bindparam("merchant_id"),
    PaymentSearchTerm.customer_id == sa.bindparam("customer_id"),
    PaymentSearchTerm.payment_id == sa.bindparam("payment_id"),
)
_PAYMENT_COLUMNS = ("customer_id", "id", *TermSource._fields[2:-2])
_READ: list[Any] = [*(getattr(Payment, name) for name in _PAYMENT_COLUMNS), Invoice.number, Invoice.description]
_SOURCES = (
    sa.select(*_READ)
    .outerjoin(
        PaymentAllocation,
        sa.and_(PaymentAllocation.merchant_id == Payment.merchant_id, PaymentAllocation.payment_id == Payment.id),
    )
    .outerjoin(
        Invoice,
        sa.and_(Invoice.merchant_id == PaymentAllocation.merchant_id, Invoice.id == PaymentAllocation.invoice_id),
    )
    .where(Payment.merchant_id == sa.bindparam("merchant_id"), Payment.id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(Payment.id, PaymentAllocation.invoice_id)
)  # fmt: skip
_KEY = list(Group._fields)
_COUNTS = cast(sa.Table, PaymentCount.__table__)
_COUNT_ON_SQLITE = sqlite_insert(_COUNTS)
_COUNT_ON_SQLITE = _COUNT_ON_SQLITE.on_conflict_do_update(
    index_elements=_KEY, set_={"payment_count": _COUNTS.c.payment_count + _COUNT_ON_SQLITE.excluded.payment_count}
)
_COUNT_ON_POSTGRESQL = postgresql_insert(_COUNTS)
_COUNT_ON_POSTGRESQL = _COUNT_ON_POSTGRESQL.on_conflict_do_update(
    index_elements=_KEY,
    set_={"payment_count": _COUNTS.c.payment_count + _COUNT_ON_POSTGRESQL.excluded.payment_count},
)
