"""Reads of erasures and exports, and of what an erasure has to respect: money that is under way, and money that is owed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.credit.models import CustomerBalance
from portal.database import Reader
from portal.invoices.models import Invoice, is_outstanding
from portal.migrations import all_tables
from portal.payments.models import Payment
from portal.payments.rules.statuses import UNSETTLED
from portal.privacy.models import Erasure, Export, ExportPart
from portal.privacy.rules.erasures import CurrencySum, MoneyUnderWay
from portal.privacy.rules.registry import Owner
from portal.public_ids import is_id
from portal.refunds.models import Refund
from portal.tenancy import Scope

_DAY = timedelta(days=1)


class StoredErasure(NamedTuple):
    """An erasure; `Erasure` says what each is."""

    merchant_id: str
    customer_id: str
    requested_by: str
    requested_at: datetime
    due_at: datetime
    next_try_at: datetime | None
    begun_at: datetime | None
    erased_at: datetime | None


class StoredExport(NamedTuple):
    """An export; `Export` says what each is."""

    id: str
    person_id: str | None
    status: str
    locale: str
    requested_at: datetime
    made_at: datetime | None
    byte_count: int
    expires_at: datetime


_ERASURE = [getattr(Erasure, name) for name in StoredErasure._fields]
_EXPORT = [getattr(Export, name) for name in StoredExport._fields]


def owned_by(table: sa.Table, owner: Owner, scope: Scope) -> sa.ColumnElement[bool]:
    """Return the condition that a row of the table is the customer's."""
    of_merchant = table.c.merchant_id == scope.merchant_id
    if table.name == "customers":
        return sa.and_(of_merchant, table.c.id == scope.customer_id)
    if owner.parent is None:
        return sa.and_(of_merchant, table.c[owner.column] == scope.customer_id)
    parent = all_tables().tables[owner.parent]
    ids = sa.select(parent.c.id).where(
        parent.c.merchant_id == scope.merchant_id, parent.c.customer_id == scope.customer_id
    )
    if owner.only is not None:
        ids = ids.where(parent.c[owner.only[0]].in_(owner.only[1]))
    return sa.and_(of_merchant, table.c[owner.column].in_(ids))


def is_seen_by(table: sa.Table, personal: str, person_id: str | None) -> sa.ColumnElement[bool]:
    """Return the condition that a row of a customer's is about the customer, or about the person of the account who asks (None: its own
    address). `personal` is the treatment's."""
    if personal == "own_address":
        return sa.true() if person_id is None else sa.false()
    if personal == "person":
        return table.c.person_id.is_not_distinct_from(person_id)
    if personal == "challenge":
        parent = all_tables().tables["sign_in_challenges"].c
        return table.c.challenge_id.in_(
            sa.select(parent.id).where(
                parent.merchant_id == table.c.merchant_id, parent.person_id.is_not_distinct_from(person_id)
            )
        )
    if personal == "actor":
        kind = table.c["action" if "action" in table.c else "type"]
        is_others = sa.and_(
            table.c.actor_type == "customer",
            table.c.actor_person.is_distinct_from(person_id),
            sa.or_(kind.like("portal.%"), kind.like("passkey.%")),
        )
        return sa.not_(is_others)
    return sa.true()


def find_erasure(reader: Reader, scope: Scope) -> StoredErasure | None:
    """Return the erasure of a customer, requested or done."""
    row = reader.execute(
        sa.select(*_ERASURE).where(Erasure.merchant_id == scope.merchant_id, Erasure.customer_id == scope.customer_id)
    ).first()
    return StoredErasure._make(row) if row else None


def list_erased(reader: Reader, merchant_ids: list[str]) -> Iterator[StoredErasure]:
    """Yield the erasures of these merchants that are done, oldest first: the tombstones."""
    for merchant_id in merchant_ids:
        rows = reader.execute(
            sa.select(*_ERASURE)
            .where(Erasure.merchant_id == merchant_id, Erasure.erased_at.is_not(None))
            .order_by(Erasure.erased_at)
        )
        yield from map(StoredErasure._make, rows)


def read_money_under_way(reader: Reader, scope: Scope) -> MoneyUnderWay:
    """Return the payments and refunds of a customer whose outcome is not known, summed by currency."""
    of_customer = (Payment.merchant_id == scope.merchant_id, Payment.customer_id == scope.customer_id)
    payments = reader.execute(
        sa.select(Payment.currency, sa.func.sum(Payment.amount))
        .where(*of_customer, Payment.status.in_(sorted(UNSETTLED)))
        .group_by(Payment.currency)
        .order_by(Payment.currency)
    )
    refunds = reader.execute(
        sa.select(Refund.currency, sa.func.sum(Refund.amount))
        .join(Payment, sa.and_(Payment.merchant_id == Refund.merchant_id, Payment.id == Refund.payment_id))
        .where(*of_customer, Refund.status == "pending")
        .group_by(Refund.currency)
        .order_by(Refund.currency)
    )
    return MoneyUnderWay(_sums(payments), _sums(refunds))


def read_owed_and_credit(reader: Reader, scope: Scope) -> tuple[tuple[CurrencySum, ...], tuple[CurrencySum, ...]]:
    """Return what a customer owes on open invoices, and what stands to its credit, by currency."""
    left = Invoice.total - Invoice.amount_paid - Invoice.amount_credited
    owed = reader.execute(
        sa.select(Invoice.currency, sa.func.sum(left))
        .where(
            Invoice.merchant_id == scope.merchant_id, Invoice.customer_id == scope.customer_id,
            is_outstanding(Invoice.status),
        )
        .group_by(Invoice.currency)
        .order_by(Invoice.currency)
    )  # fmt: skip
    credit = reader.execute(
        sa.select(CustomerBalance.currency, CustomerBalance.amount)
        .where(
            CustomerBalance.merchant_id == scope.merchant_id, CustomerBalance.customer_id == scope.customer_id,
            CustomerBalance.amount > 0,
        )
        .order_by(CustomerBalance.currency)
    )  # fmt: skip
    return _sums(owed), _sums(credit)


def find_latest_export(reader: Reader, scope: Scope, person_id: str | None, *, at: datetime) -> StoredExport | None:
    """Return the newest export of a person of the account (None: of its own address) that is requested or ready, None where there is none or its days are over."""
    row = reader.execute(
        sa.select(*_EXPORT)
        .where(
            Export.merchant_id == scope.merchant_id, Export.customer_id == scope.customer_id,
            Export.person_id.is_not_distinct_from(person_id), Export.status != "replaced", Export.expires_at > at,
        )
        .order_by(Export.id.desc())
        .limit(1)
    ).first()  # fmt: skip
    return StoredExport._make(row) if row else None


def find_ready_export(reader: Reader, scope: Scope, person_id: str | None, *, at: datetime) -> StoredExport | None:
    """Return the export that a person of the account (None: its own address) may download: the one that is ready, also while a newer one is being made."""
    row = reader.execute(
        sa.select(*_EXPORT)
        .where(
            Export.merchant_id == scope.merchant_id, Export.customer_id == scope.customer_id,
            Export.person_id.is_not_distinct_from(person_id), Export.status == "ready", Export.expires_at > at,
        )
        .order_by(Export.id.desc())
        .limit(1)
    ).first()  # fmt: skip
    return StoredExport._make(row) if row else None


def find_export(reader: Reader, merchant_id: str, export_id: str) -> tuple[str, StoredExport] | None:
    """Return the customer's id and the export, of a merchant; None where it is gone."""
    if not is_id("exp", export_id):
        return None
    row = reader.execute(
        sa.select(Export.customer_id, *_EXPORT).where(Export.merchant_id == merchant_id, Export.id == export_id)
    ).first()
    return (row[0], StoredExport._make(row[1:])) if row else None


def count_exports_since(reader: Reader, scope: Scope, *, at: datetime) -> int:
    """Return how many exports were requested within the last day."""
    return reader.execute(
        sa.select(sa.func.count()).where(
            Export.merchant_id == scope.merchant_id, Export.customer_id == scope.customer_id,
            Export.requested_at > at - _DAY,
        )
    ).scalar_one()  # fmt: skip


def find_part(reader: Reader, scope: Scope, export_id: str, position: int) -> bytes | None:
    """Return a piece of an export's ZIP, None after the last."""
    return reader.execute(
        sa.select(ExportPart.content)
        .join(Export, sa.and_(Export.merchant_id == ExportPart.merchant_id, Export.id == ExportPart.export_id))
        .where(
            ExportPart.merchant_id == scope.merchant_id, Export.customer_id == scope.customer_id,
            ExportPart.export_id == export_id, ExportPart.position == position,
        )
    ).scalar()  # fmt: skip


def _sums(rows: Any) -> tuple[CurrencySum, ...]:
    return tuple(CurrencySum(int(amount), currency) for currency, amount in rows)
