"""Guarded changes of a customer's credit: grant, take, reserve, use, release. Each is one conditional statement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from portal.credit.models import CustomerBalance
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
        taken = _one(scope, money).values(amount=CustomerBalance.amount + money.amount, updated_at=at)
        assert _changed(session, taken), "what is taken back was granted"
        return
    if money.amount == 0:
        return
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    session.execute(
        insert(CustomerBalance)
        .values(
            merchant_id=scope.merchant_id,
            customer_id=scope.customer_id,
            currency=money.currency,
            amount=money.amount,
            amount_reserved=0,
            updated_at=at,
        )
        .on_conflict_do_update(
            index_elements=["merchant_id", "customer_id", "currency"],
            set_={"amount": CustomerBalance.amount + money.amount, "updated_at": at},
        )
    )


def lock_free(session: Session, scope: Scope, currency: str) -> int:
    """Return what the customer may spend in a currency, in minor units, under the lock of that balance until the transaction ends."""
    statement = (
        sa.select(CustomerBalance.amount - CustomerBalance.amount_reserved)
        .where(
            CustomerBalance.merchant_id == scope.merchant_id,
            CustomerBalance.customer_id == scope.customer_id,
            CustomerBalance.currency == currency,
        )
        .with_for_update()
    )
    return session.execute(statement).scalar() or 0


def take(
    session: Session, scope: Scope, money: Money, *, actor: Actor, at: datetime, payment_id: str | None = None
) -> None:
    """Take free credit that is refunded in money. The caller has checked by `lock_free` that there is as much."""
    if money.amount == 0:
        return
    changed = _changed(
        session,
        _one(scope, money)
        .where(CustomerBalance.amount - CustomerBalance.amount_reserved >= money.amount)
        .values(amount=CustomerBalance.amount - money.amount, updated_at=at),
    )
    assert changed, "credit that is taken was free"
    details = {"source": "refund", "payment": payment_id, "amount": money.amount, "currency": money.currency}
    _record(session, scope, EventType.CREDIT_USED, money, details, actor, at)


def reserve(session: Session, scope: Scope, money: Money, *, at: datetime) -> bool:
    """Reserve credit for a payment; return False when that much is not free."""
    return _changed(
        session,
        _one(scope, money)
        .where(CustomerBalance.amount - CustomerBalance.amount_reserved >= money.amount)
        .values(amount_reserved=CustomerBalance.amount_reserved + money.amount, updated_at=at),
    )


def use_reserved(session: Session, scope: Scope, money: Money, *, actor: Actor, at: datetime, payment_id: str) -> None:
    """Spend credit that was reserved."""
    changed = _changed(
        session,
        _one(scope, money)
        .where(CustomerBalance.amount_reserved >= money.amount)
        .values(
            amount=CustomerBalance.amount - money.amount,
            amount_reserved=CustomerBalance.amount_reserved - money.amount,
            updated_at=at,
        ),
    )
    assert changed, "credit that is used was reserved"
    details = {"source": "payment", "payment": payment_id, "amount": money.amount, "currency": money.currency}
    _record(session, scope, EventType.CREDIT_USED, money, details, actor, at)


def release(session: Session, scope: Scope, money: Money, *, at: datetime) -> None:
    """Release credit that was reserved and is not needed."""
    changed = _changed(
        session,
        _one(scope, money)
        .where(CustomerBalance.amount_reserved >= money.amount)
        .values(amount_reserved=CustomerBalance.amount_reserved - money.amount, updated_at=at),
    )
    assert changed, "credit that is released was reserved"


def _record(
    session: Session,
    scope: Scope,
    event_type: EventType,
    money: Money,
    details: Mapping[str, Any],
    actor: Actor,
    at: datetime,
) -> None:
    balance = session.execute(
        sa.select(CustomerBalance.amount).where(
            CustomerBalance.merchant_id == scope.merchant_id,
            CustomerBalance.customer_id == scope.customer_id,
            CustomerBalance.currency == money.currency,
        )
    ).scalar_one()
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


def _one(scope: Scope, money: Money) -> sa.Update:
    return sa.update(CustomerBalance).where(
        CustomerBalance.merchant_id == scope.merchant_id,
        CustomerBalance.customer_id == scope.customer_id,
        CustomerBalance.currency == money.currency,
    )


def _changed(session: Session, statement: sa.Update) -> bool:
    result = session.execute(statement.execution_options(synchronize_session=False))
    return bool(result.rowcount == 1)  # type: ignore[attr-defined]  # an UPDATE answers with a CursorResult
