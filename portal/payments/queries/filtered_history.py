"""The customer's history narrowed by method, currency, days and a search, for its page and its CSV; packed, as `queries.history` is.

Whatever is asked for, payments are read from ranges of indexes in the order of ids, so that a page costs what a page of the whole history
costs. The kept counts say which ranges there are, and how many payments lie in them. Where several things are asked for, what has the
fewest payments leads, and the rest is looked up for each of its payments (decision 0044).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cache, partial
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.database import Id, Reader
from portal.invoices.models import Invoice
from portal.paging import EXPORT_SIZE, FIRST, READ_SIZE, Cursor, Slice, cut
from portal.payments.models import Payment, PaymentAllocation, PaymentSearchTerm
from portal.payments.queries.counts import PaymentCounts
from portal.payments.queries.history import FILTERS, PaymentRecord, payment_columns
from portal.payments.queries.standing import standing_at
from portal.payments.rules.filters import HistoryFilter
from portal.public_ids import first_id
from portal.tenancy import Scope, parameters_of

FEW = 256
_BEFORE_ALL, _AFTER_ALL = "", "~"


class Range(NamedTuple):
    """Payments that one index has in the order of ids: of a status, of a method in a currency, of both, or all (None).
    `method_type` is "" where none is known."""

    status: str | None = None
    method_type: str | None = None
    currency: str | None = None


EVERYTHING = (Range(),)


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What to read: the payments in `ranges`, of which the customer has `size`, that have all `terms` and ids from `low` to `high`.

    `statuses`, `method` and `currency` ask for what the ranges are; () and "" are no limit. `few` payments are looked through for what else
    is asked, whatever it is: to find out what has fewer would cost as much.
    """

    ranges: tuple[Range, ...] = ()
    size: int = 0
    terms: tuple[str, ...] = ()
    low: str = _BEFORE_ALL
    high: str = _AFTER_ALL
    statuses: tuple[str, ...] = ()
    method: str = ""
    currency: str = ""
    few: int = FEW


def narrow(
    wanted: HistoryFilter,
    counts: PaymentCounts,
    zone: tzinfo,
    terms: Sequence[str] = (),
    *,
    payment_id: str | None = None,
) -> Narrowed:
    """Return what to read for a filter. `terms` are those of its search; `payment_id` is the one payment that it names instead."""
    statuses = FILTERS[wanted.status]
    of_status = [group for group in counts.groups if not statuses or group.status in statuses]
    matching = [
        group
        for group in of_status
        if wanted.method in ("", group.method_type) and wanted.currency in ("", group.currency)
    ]
    if not matching or (wanted.q and not terms and payment_id is None):
        return Narrowed()
    tells_methods_apart = len(matching) < len(of_status)
    found = {
        Range(
            group.status if statuses else None,
            group.method_type if tells_methods_apart else None,
            group.currency if tells_methods_apart else None,
        )
        for group in matching
    }
    since, until = wanted.since(zone), wanted.until(zone)
    low = first_id("pay", since) if since else _BEFORE_ALL
    high = _just_before(first_id("pay", until)) if until else _AFTER_ALL
    if payment_id is not None:
        low, high = max(low, payment_id), min(high, payment_id)
    return Narrowed(
        tuple(sorted(found, key=str)),
        sum(group.payment_count for group in matching),
        tuple(terms),
        low,
        high,
        statuses,
        wanted.method if tells_methods_apart else "",
        wanted.currency if tells_methods_apart else "",
    )


def read_filtered(
    reader: Reader, scope: Scope, narrowed: Narrowed, cursor: Cursor, *, now: datetime
) -> Slice[PaymentRecord]:
    """Return a page of the payments as they stand now, newest first; a cursor's key is a payment's id."""
    if not narrowed.ranges:
        return Slice([], has_previous=False, has_next=False)
    plan = _plan(reader, scope, narrowed, now)
    if cursor.direction == "first":
        records = plan.newest(reader, READ_SIZE)
    elif cursor.direction == "after":
        records = plan.newest(reader, READ_SIZE, before=cursor.key)
    else:
        ahead = plan.oldest(reader, READ_SIZE, after=cursor.key)
        records = ahead + plan.newest(reader, READ_SIZE, before=_just_after(cursor.key))
    return cut(records, cursor, lambda record: record.id > cursor.key)


class ExportRecord(NamedTuple):
    """A payment as the CSV has it; `numbers` are those of the invoices that it pays, or would have paid."""

    payment: PaymentRecord
    numbers: tuple[str, ...]


def list_for_export(
    reader: Reader, scope: Scope, narrowed: Narrowed, cursor: Cursor = FIRST, size: int = EXPORT_SIZE, *, now: datetime
) -> Slice[ExportRecord]:
    """Return `size` of the payments after `cursor` as they stand now, newest first: `paging.read_pages` reads them all."""
    if not narrowed.ranges:
        return Slice([], has_previous=False, has_next=False)
    records = _plan(reader, scope, narrowed, now).newest(reader, size + 1, before=cursor.key or _AFTER_ALL)
    numbers = _read_numbers(reader, scope, [record.id for record in records])
    rows = [ExportRecord(record, tuple(numbers.get(record.id, ()))) for record in records]
    return cut(rows, cursor, lambda _: False, size)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How the payments are read: `build` returns the statement of a direction ("up", "down") and a number of payments."""

    build: Callable[[str, int], sa.Select[Any]]
    parameters: Mapping[str, Any]
    low: str
    high: str

    def newest(self, reader: Reader, size: int, *, before: str = _AFTER_ALL) -> list[PaymentRecord]:
        """Return the newest payments with an id less than `before`, newest first."""
        high = self.high if before == _AFTER_ALL else min(self.high, _just_before(before))
        return self._read(reader, self.build("down", size), self.low, high)

    def oldest(self, reader: Reader, size: int, *, after: str) -> list[PaymentRecord]:
        """Return the oldest payments with an id greater than `after`, newest first."""
        return self._read(reader, self.build("up", size), max(self.low, _just_after(after)), self.high)

    def _read(self, reader: Reader, statement: sa.Select[Any], low: str, high: str) -> list[PaymentRecord]:
        rows = reader.execute(statement, {**self.parameters, "low": low, "high": high})
        return sorted(map(PaymentRecord._make, rows), reverse=True)


def _plan(reader: Reader, scope: Scope, narrowed: Narrowed, now: datetime) -> _Plan:
    parameters = parameters_of(scope)
    place = _leading_term(reader, parameters, narrowed)
    if place is None:
        terms = narrowed.terms
        kinds = tuple(map(_kind, narrowed.ranges))
        build = partial(_led_by_ranges, kinds, len(terms))
        for number, (status, method_type, currency) in enumerate(narrowed.ranges):
            parameters[f"status_{number}"] = status or ""
            parameters[f"method_type_{number}"] = method_type or ""
            parameters[f"currency_{number}"] = currency or ""
    else:
        terms = (narrowed.terms[place], *narrowed.terms[:place], *narrowed.terms[place + 1 :])
        asked = (len(narrowed.statuses), bool(narrowed.method), bool(narrowed.currency))
        build = partial(_led_by_term, len(terms), asked)
        parameters |= {f"status_{number}": status for number, status in enumerate(narrowed.statuses)}
        parameters |= {"method_type_0": narrowed.method, "currency_0": narrowed.currency}
    parameters |= {f"term_{number}": term for number, term in enumerate(terms)}
    return _Plan(build, {**parameters, **standing_at(now)}, narrowed.low, narrowed.high)


def _leading_term(reader: Reader, scoped: Mapping[str, str], narrowed: Narrowed) -> int | None:
    """Return the place of the term that leads; None where the ranges do."""
    terms, is_whole = narrowed.terms, narrowed.ranges == EVERYTHING
    if not terms or (narrowed.size <= narrowed.few and not is_whole):
        return None
    if len(terms) == 1 and is_whole:
        return 0
    parameters = {**scoped, "low": narrowed.low, "high": narrowed.high}
    parameters |= {f"term_{number}": term for number, term in enumerate(terms)}
    # What is asked for with the most letters is the rarest, as far as one can tell.
    by_length = sorted(range(len(terms)), key=lambda place: -len(terms[place]))
    has_many = reader.execute(_many(len(terms), narrowed.few), parameters).one()
    few = next((place for place in by_length if not has_many[place]), None)
    return by_length[0] if few is None and is_whole else few


def _kind(each: Range) -> tuple[str, ...]:
    """Return which columns a range is of; `no_method` are payments whose method is not known."""
    of_status = () if each.status is None else ("status",)
    if each.method_type is None:
        return of_status
    return (*of_status, "method_type" if each.method_type else "no_method", "currency")


@cache
def _led_by_ranges(kinds: tuple[tuple[str, ...], ...], term_count: int, direction: str, size: int) -> sa.Select[Any]:
    """Return the statement that reads the first of each range, looks up the terms of each payment, and has the first of all."""
    parts = []
    for number, kind in enumerate(kinds):
        own = _LISTED.alias()
        of_range = [(own.c[name], _named(f"{name}_{number}")) for name in kind if name != "no_method"]
        conditions = [*_owned(own.c), own.c.listed == sa.true()]
        nulls: list[Any] = []
        if "no_method" in kind:
            # Nothing is compared with null: it, and what stands before it in the index, are compared one by one.
            conditions += [column == value for column, value in of_range[:-1]]
            conditions.append(own.c.method_type.is_(None))
            nulls, of_range = [own.c.method_type], of_range[-1:]
        conditions += [_has_term(own.c.id, place) for place in range(term_count)]
        parts.append(_first_of(own.c.id, of_range, conditions, direction, size, nulls=nulls))
    return _payments_of(parts, direction, size)


@cache
def _led_by_term(term_count: int, asked: tuple[int, bool, bool], direction: str, size: int) -> sa.Select[Any]:
    """Return the statement that reads the payments of the first term, and looks up what else is `asked`: the other terms, one of so many
    statuses, a method, a currency."""
    status_count, has_method, has_currency = asked
    found, own = _TERMS.alias(), _LISTED.alias()
    conditions = [own.c.merchant_id == _MERCHANT, own.c.id == found.c.payment_id, own.c.customer_id == _CUSTOMER]
    if status_count:
        conditions.append(own.c.status.in_([_named(f"status_{place}") for place in range(status_count)]))
    if has_method:
        conditions.append(own.c.method_type == _named("method_type_0"))
    if has_currency:
        conditions.append(own.c.currency == _named("currency_0"))
    is_asked = _is_there(sa.select(_ONE).where(*conditions, own.c.listed == sa.true()))
    others = [_has_term(found.c.payment_id, place) for place in range(1, term_count)]
    of_term = [(found.c.term, _named("term_0"))]
    part = _first_of(found.c.payment_id, of_term, [*_owned(found.c), *others, is_asked], direction, size)
    return _payments_of([part], direction, size)


def _first_of(
    payment_id: Any,
    of_range: Sequence[tuple[Any, sa.BindParameter[str]]],
    conditions: Sequence[sa.ColumnElement[bool]],
    direction: str,
    size: int,
    *,
    nulls: Sequence[Any] = (),
) -> sa.Select[Any]:
    """Select the first ids of a range of an index, which goes on from merchant and customer with the columns of `of_range` and the id;
    before these with `nulls`, of which the conditions say that they are null.

    Equal columns are written as a range of rows, both ends included, and in the order too. Of equal columns, PostgreSQL multiplies
    how rare each is, and reads and sorts all of a range in which it expects a few.
    """
    columns, values = [column for column, _ in of_range], [value for _, value in of_range]
    begin, end = sa.tuple_(*values, _named("low")), sa.tuple_(*values, _named("high"))
    row = sa.tuple_(*columns, payment_id)
    order = [each.desc() if direction == "down" else each.asc() for each in (*nulls, *columns, payment_id)]
    return (
        sa.select(payment_id.label("id"))
        .where(*conditions, row >= begin, row <= end)
        .order_by(*order)
        .limit(sa.literal_column(str(size)))
    )


def _payments_of(parts: Sequence[sa.Select[Any]], direction: str, size: int) -> sa.Select[Any]:
    """Select the payments whose ids come first in `parts`, each of which is limited; in no order."""
    if len(parts) == 1:
        ids: sa.Select[Any] = parts[0]
    else:
        every = sa.union_all(*(sa.select(part.subquery().c.id) for part in parts)).subquery()
        order = every.c.id.desc() if direction == "down" else every.c.id.asc()
        ids = sa.select(every.c.id).order_by(order).limit(sa.literal_column(str(size)))
    p = Payment.__table__.c
    return sa.select(*payment_columns()).where(*_owned(p), p.id.in_(ids))


@cache
def _many(term_count: int, few: int) -> sa.Select[Any]:
    """Return the statement that says of each term whether it has more than `few` payments."""
    found = [_TERMS.alias() for _ in range(term_count)]
    columns: list[Any] = [
        _first_of(each.c.payment_id, [(each.c.term, _named(f"term_{number}"))], _owned(each.c), "up", 1)
        .offset(sa.literal_column(str(few)))
        .scalar_subquery()
        .is_not(None)
        for number, each in enumerate(found)
    ]
    return sa.select(*columns)


def _has_term(payment_id: Any, number: int) -> sa.ColumnElement[bool]:
    other = _TERMS.alias()
    return _is_there(
        sa.select(_ONE).where(
            *_owned(other.c), other.c.term == _named(f"term_{number}"), other.c.payment_id == payment_id
        )
    )


def _is_there(one: sa.Select[Any]) -> sa.ColumnElement[bool]:
    """Return the condition that a row is there, looked up for each payment: PostgreSQL would turn EXISTS into a join, in an order of its own,
    and expects to find next to nothing that equals a value."""
    return one.scalar_subquery().is_not(None)


def _just_before(payment_id: str) -> str:
    """Return a text that is less than an id, and greater than every id before it."""
    return f"{payment_id[:-1]}{chr(ord(payment_id[-1]) - 1)}~"


def _just_after(payment_id: str) -> str:
    """Return a text that is greater than an id, and less than every id after it."""
    return f"{payment_id}!"


def _owned(columns: Any) -> tuple[sa.ColumnElement[bool], ...]:
    return columns.merchant_id == _MERCHANT, columns.customer_id == _CUSTOMER


def _named(name: str) -> sa.BindParameter[str]:
    return sa.bindparam(name, type_=Id)


def _read_numbers(reader: Reader, scope: Scope, payment_ids: Sequence[str]) -> Mapping[str, list[str]]:
    """Return the numbers of the invoices of these payments, by payment: those that it settled, or all where it settled none."""
    found: dict[str, list[tuple[str, str]]] = {}
    parameters = {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id, "ids": payment_ids}
    for payment_id, state, number in reader.execute(_NUMBERS, parameters) if payment_ids else ():
        found.setdefault(payment_id, []).append((state, number))
    return {
        payment_id: [number for state, number in shares if state == "settled"] or [number for _, number in shares]
        for payment_id, shares in found.items()
    }


_LISTED, _TERMS = sa.inspect(Payment).local_table, sa.inspect(PaymentSearchTerm).local_table
_MERCHANT, _CUSTOMER = _named("merchant_id"), _named("customer_id")
_ONE = sa.literal_column("1", sa.Integer())
_NUMBERS = (
    sa.select(PaymentAllocation.payment_id, PaymentAllocation.state, Invoice.number)
    .join(
        Invoice,
        sa.and_(Invoice.merchant_id == PaymentAllocation.merchant_id, Invoice.id == PaymentAllocation.invoice_id),
    )
    .where(
        PaymentAllocation.merchant_id == sa.bindparam("merchant_id"),
        PaymentAllocation.payment_id.in_(sa.bindparam("ids", expanding=True)),
        Invoice.merchant_id == sa.bindparam("merchant_id"),
        Invoice.customer_id == sa.bindparam("customer_id"),
    )
    .order_by(PaymentAllocation.payment_id, Invoice.number)
)
