"""Guarded changes of a customer's credit: grant, take, reserve, use, release. Each is one conditional statement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from portal.credit.models import CustomerBalance
from portal.database import Instant, Minor, table_of
from portal.events.operations import record
from portal.events.rules import Actor, Event, EventType
from portal.money import Money
from portal.tenancy import Scope


def add(
    session: Session,
    scope: Scope,
    money: Money,
    *,
    actor: Actor,
    source: str,
    at: datetime,
    payment_id: str | None = None,
) -> None:
    """Add to the customer's credit, and record it; nothing where the amount is zero.

    `source` is surplus, top_up, refund_failed or credit_note; `payment_id` the payment that it came with.
    """
    if money.amount == 0:
        return
    grant(session, scope, money, at=at)
    details = {"source": source, "payment": payment_id, "amount": money.amount, "currency": money.currency}
    _record(session, scope, EventType.CREDIT_ADDED, money, details, actor, at)


def grant(session: Session, scope: Scope, money: Money, *, at: datetime) -> None:
    """Add to the customer's credit; a negative amount withdraws what was granted, and the table's check refuses what is used."""
    if money.amount < 0:
        assert _changed(session, _ADD, scope, money, at), "what is taken back was granted"
        return
    if money.amount == 0:
        return
    statement = _GRANT_SQLITE if session.get_bind().dialect.name == "sqlite" else _GRANT_POSTGRESQL
    session.execute(statement, _parameters(scope, money, at))


def lock_free(session: Session, scope: Scope, currency: str) -> int:
    """Return what the customer may spend in a currency, in minor units, under the lock of that balance until the transaction ends."""
    parameters = {"of_merchant": scope.merchant_id, "of_customer": scope.customer_id, "of_currency": currency}
    return session.execute(_LOCK_FREE, parameters).scalar() or 0


def take(
    session: Session, scope: Scope, money: Money, *, actor: Actor, at: datetime, payment_id: str | None = None
) -> None:
    """Take free credit that is refunded in money. The caller has checked by `lock_free` that there is as much."""
    if money.amount == 0:
        return
    assert _changed(session, _TAKE, scope, money, at), "credit that is taken was free"
    details = {"source": "refund", "payment": payment_id, "amount": money.amount, "currency": money.currency}
    _record(session, scope, EventType.CREDIT_USED, money, details, actor, at)


def reserve(session: Session, scope: Scope, money: Money, *, at: datetime) -> bool:
    """Reserve credit for a payment; return False when that much is not free."""
    return _changed(session, _RESERVE, scope, money, at)


def use_reserved(session: Session, scope: Scope, money: Money, *, actor: Actor, at: datetime, payment_id: str) -> None:
    """Spend credit that was reserved."""
    assert _changed(session, _USE, scope, money, at), "credit that is used was reserved"
    details = {"source": "payment", "payment": payment_id, "amount": money.amount, "currency": money.currency}
    _record(session, scope, EventType.CREDIT_USED, money, details, actor, at)


def release(session: Session, scope: Scope, money: Money, *, at: datetime) -> None:
    """Release credit that was reserved and is not needed."""
    assert _changed(session, _RELEASE, scope, money, at), "credit that is released was reserved"


def _record(
    session: Session,
    scope: Scope,
    event_type: EventType,
    money: Money,
    details: Mapping[str, Any],
    actor: Actor,
    at: datetime,
) -> None:
    balance = session.execute(_AMOUNT, _parameters(scope, money, at)).scalar_one()
    event = Event(
        type=event_type,
        merchant_id=scope.merchant_id,
        object_id=scope.customer_id,
        customer_id=scope.customer_id,
        object={"object": "credit", "customer": scope.customer_id, "currency": money.currency, "balance": balance},
        details=details,
        at=at,
    )
    record(session, actor, event)


def _changed(session: Session, statement: sa.Update, scope: Scope, money: Money, at: datetime) -> bool:
    result = session.execute(statement, _parameters(scope, money, at))
    return bool(result.rowcount == 1)  # type: ignore[attr-defined]  # an UPDATE answers with a CursorResult


def _parameters(scope: Scope, money: Money, at: datetime) -> dict[str, Any]:
    return {
        "of_merchant": scope.merchant_id,
        "of_customer": scope.customer_id,
        "of_currency": money.currency,
        "by": money.amount,
        "at": at,
    }


def _granting(insert: Callable[[sa.Table], Any]) -> Any:
    """Return the statement of `grant` by the `insert` of a database."""
    changes = {"amount": _BALANCE.amount + _BY, "updated_at": _AT}
    return (
        insert(_TABLE)
        .values(
            merchant_id=sa.bindparam("of_merchant"),
            customer_id=sa.bindparam("of_customer"),
            currency=sa.bindparam("of_currency"),
            amount=_BY,
            amount_reserved=0,
            updated_at=_AT,
        )
        .on_conflict_do_update(index_elements=["merchant_id", "customer_id", "currency"], set_=changes)
    )


# Built once: building a statement costs as much as running it.
_TABLE = table_of(CustomerBalance)
_BALANCE = _TABLE.c
_BY, _AT = sa.bindparam("by", type_=Minor), sa.bindparam("at", type_=Instant())
_ONE = (
    _BALANCE.merchant_id == sa.bindparam("of_merchant"),
    _BALANCE.customer_id == sa.bindparam("of_customer"),
    _BALANCE.currency == sa.bindparam("of_currency"),
)
_FREE = _BALANCE.amount - _BALANCE.amount_reserved
_LESS = {"amount": _BALANCE.amount - _BY, "updated_at": _AT}
_RESERVED_LESS = {"amount_reserved": _BALANCE.amount_reserved - _BY, "updated_at": _AT}
_AMOUNT = sa.select(_BALANCE.amount).where(*_ONE)
_LOCK_FREE = sa.select(_FREE).where(*_ONE).with_for_update()
_ADD = sa.update(_TABLE).where(*_ONE).values(amount=_BALANCE.amount + _BY, updated_at=_AT)
_TAKE = sa.update(_TABLE).where(*_ONE, _FREE >= _BY).values(_LESS)
_RESERVE = (
    sa.update(_TABLE).where(*_ONE, _FREE >= _BY).values(amount_reserved=_BALANCE.amount_reserved + _BY, updated_at=_AT)
)
_HELD = sa.update(_TABLE).where(*_ONE, _BALANCE.amount_reserved >= _BY)
_USE = _HELD.values({**_LESS, **_RESERVED_LESS})
_RELEASE = _HELD.values(_RESERVED_LESS)
_GRANT_SQLITE, _GRANT_POSTGRESQL = _granting(sqlite_insert), _granting(postgresql_insert)
