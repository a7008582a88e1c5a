"""Reads of payments as they stand at gateways, for provider events, reconciliation, the import, and the operator's counts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Reader, table_of
from portal.payments.models import Payment
from portal.payments.queries.payments import StoredPayment
from portal.payments.rules.statuses import CAPTURED
from portal.public_ids import first_id
from portal.tenancy import MerchantScope, parameters_of


class UnknownPayments(NamedTuple):
    """Payments whose outcome the gateway has yet to report, and when the oldest of them was sent."""

    unknown_count: int
    oldest_at: datetime | None


def read_unknown_payments(reader: Reader, *, before: datetime | None = None) -> UnknownPayments:
    """Return those of all merchants, or only those that were sent before an instant."""
    statement = sa.select(sa.func.count(), sa.func.min(Payment.sent_at)).where(Payment.next_check_at.is_not(None))
    if before is not None:
        statement = statement.where(Payment.sent_at < before)
    return UnknownPayments._make(reader.execute(statement.execution_options(tenant_wide=True)).one())


def read_unsent_payments(reader: Reader, *, before: datetime | None = None) -> UnknownPayments:
    """Return the confirmed payments of all merchants that nobody has sent, and when the oldest of them was confirmed; or only those
    that were confirmed before an instant."""
    statement = sa.select(sa.func.count(), sa.func.min(Payment.confirmed_at)).where(
        Payment.next_check_at.is_not(None), Payment.sent_at.is_(None)
    )
    if before is not None:
        statement = statement.where(Payment.confirmed_at < before)
    return UnknownPayments._make(reader.execute(statement.execution_options(tenant_wide=True)).one())


def count_unknown(
    reader: Reader, scope: MerchantScope, *, gateways: Collection[str] = (), other_than: Collection[str] = ()
) -> int:
    """Return how many payments have no outcome yet at these `gateways` (empty: at any), `other_than` some of them."""
    statement = sa.select(sa.func.count()).where(
        Payment.merchant_id == scope.merchant_id,
        Payment.next_check_at.is_not(None),
        *_of_gateways(gateways, other_than),
    )
    return reader.execute(statement).scalar_one()


def is_at_gateway(
    scope: MerchantScope, payment_id: Any, *, gateways: Collection[str] = (), other_than: Collection[str] = ()
) -> sa.ColumnElement[bool]:
    """Return the condition that the payment of another table's row is at one of these gateways; `payment_id` is that table's
    column."""
    return sa.exists().where(
        Payment.merchant_id == scope.merchant_id, Payment.id == payment_id, *_of_gateways(gateways, other_than)
    )


def find_payment_of_charge(reader: Reader, scope: MerchantScope, *, gateway: str, gateway_reference: str) -> str | None:
    """Return the payment that a gateway knows by its own reference."""
    return reader.execute(
        sa.select(Payment.id).where(
            Payment.merchant_id == scope.merchant_id,
            Payment.gateway == gateway,
            Payment.gateway_reference == gateway_reference,
        )
    ).scalar()


def list_captured(reader: Reader, scope: MerchantScope, gateway: str, *, since: datetime, until: datetime) -> list[str]:
    """Return the payments created from `since` on that were captured through the gateway by `until`: all of them,
    for the reconciliation with the gateway's own list."""
    parameters = {**parameters_of(scope), "first_id": first_id("pay", since), "gateway": gateway, "until": until}
    return list(reader.execute(_CAPTURED, parameters).scalars())


def list_gateway_references(
    reader: Reader, scope: MerchantScope, gateway: str, payment_ids: Sequence[str]
) -> list[tuple[str, str | None]]:
    """Return those of these payments that were made through the gateway, each with the gateway's own reference."""
    rows = reader.execute(_REFERENCES, {**parameters_of(scope), "payment_ids": payment_ids, "gateway": gateway})
    return [(row.id, row.gateway_reference) for row in rows]


_P = table_of(Payment).c
_AT_GATEWAY = (_P.merchant_id == sa.bindparam("merchant_id"), _P.gateway == sa.bindparam("gateway"))
_CAPTURED = sa.select(_P.id).where(
    *_AT_GATEWAY,
    _P.id >= sa.bindparam("first_id"),
    _P.status.in_(CAPTURED),
    _P.sent_at.is_not(None),
    _P.completed_at <= sa.bindparam("until"),
)
_REFERENCES = sa.select(_P.id, _P.gateway_reference).where(
    *_AT_GATEWAY, _P.id.in_(sa.bindparam("payment_ids", expanding=True))
)


def list_known_at_gateway(reader: Reader, scope: MerchantScope, gateway: str, *, most: int) -> list[StoredPayment]:
    """Return the newest `most` payments that were sent to the gateway and have its own reference."""
    rows = reader.execute(
        sa.select(*(getattr(Payment, name) for name in StoredPayment._fields))
        .where(
            Payment.merchant_id == scope.merchant_id,
            Payment.gateway == gateway,
            Payment.sent_at.is_not(None),
            sa.or_(Payment.gateway_reference.is_not(None), Payment.gateway_page_reference.is_not(None)),
        )
        .order_by(Payment.id.desc())
        .limit(most)
    )
    return [StoredPayment._make(row) for row in rows]


def lock_by_reference(
    session: Session, scope: MerchantScope, *, gateways: Collection[str], references: Collection[str]
) -> list[Payment]:
    """Return the payments that these gateways know by these references, by id, under their locks."""
    return list(
        session.scalars(
            sa.select(Payment)
            .where(
                Payment.merchant_id == scope.merchant_id,
                Payment.gateway.in_(sorted(gateways)),
                Payment.gateway_reference.in_(sorted(references)),
            )
            .order_by(Payment.id)
            .with_for_update()
        )
    )


def _of_gateways(gateways: Collection[str], other_than: Collection[str]) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if gateways:
        conditions.append(Payment.gateway.in_(sorted(gateways)))
    if other_than:
        conditions.append(Payment.gateway.not_in(sorted(other_than)))
    return conditions
