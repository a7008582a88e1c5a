"""Comparisons and open differences over all merchants, for the operator; and what a gateway still has in progress."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.database import Reader
from portal.payments.models import Payment
from portal.reconciliation.models import GatewayComparison, GatewayDifference
from portal.refunds.models import Refund

_LOOKUP_COLUMNS = ("id", "created_at", "sent_at", "gateway_reference", "gateway_page_reference")
_KNOWN_PAYMENTS = 3


class OpenDifference(NamedTuple):
    """An unresolved difference. Amounts are in minor units, None where that side has none."""

    merchant_id: str
    gateway: str
    reference: str
    kind: str
    listed_amount: int | None
    listed_currency: str | None
    booked_amount: int | None
    booked_currency: str | None
    found_at: datetime


class Compared(NamedTuple):
    """How far an account was compared, and both sides' sums: totals are {currency: {"listed": …, "booked": …}}."""

    merchant_id: str
    gateway: str
    compared_until: datetime
    charge_count: int
    stranger_count: int
    totals: dict[str, Any]


def list_open_differences(reader: Reader, most: int) -> list[OpenDifference]:
    """Return the oldest `most` differences."""
    difference = GatewayDifference.__table__.c
    rows = reader.execute(
        sa.select(*(difference[name] for name in OpenDifference._fields))
        .where(difference.resolved_at.is_(None))
        .order_by(difference.found_at)
        .limit(most)
        .execution_options(tenant_wide=True)
    )
    return [OpenDifference._make(row) for row in rows]


def count_open_differences(reader: Reader) -> tuple[dict[str, int], datetime | None]:
    """Return how many differences are open by kind, and when the oldest was found."""
    rows = reader.execute(
        sa.select(GatewayDifference.kind, sa.func.count(), sa.func.min(GatewayDifference.found_at))
        .where(GatewayDifference.resolved_at.is_(None))
        .group_by(GatewayDifference.kind)
        .execution_options(tenant_wide=True)
    ).all()
    return {kind: count for kind, count, _ in rows}, min((oldest for _, _, oldest in rows), default=None)


def list_comparisons(reader: Reader) -> list[Compared]:
    """Return every account that was ever compared, the one compared longest ago first."""
    comparison = GatewayComparison.__table__.c
    rows = reader.execute(
        sa.select(*(comparison[name] for name in Compared._fields))
        .where(comparison.compared_until.is_not(None))
        .order_by(comparison.compared_until)
        .execution_options(tenant_wide=True)
    )
    return [Compared._make(row) for row in rows]


def count_under_way(reader: Reader, merchant_id: str, of_gateway: sa.ColumnElement[bool]) -> tuple[int, int]:
    """Count the merchant's payments and refunds without an outcome, where `of_gateway` (a condition on `Payment.gateway`) holds."""
    payments = reader.execute(
        sa.select(sa.func.count()).where(
            Payment.merchant_id == merchant_id, of_gateway, Payment.next_check_at.is_not(None)
        )
    ).scalar_one()
    refunds = reader.execute(
        sa.select(sa.func.count())
        .select_from(Refund)
        .join(Payment, sa.and_(Payment.merchant_id == Refund.merchant_id, Payment.id == Refund.payment_id))
        .where(Refund.merchant_id == merchant_id, of_gateway, Refund.status == "pending")
    ).scalar_one()
    return payments, refunds


def list_known_payments(reader: Reader, merchant_id: str, gateway: str) -> Sequence[sa.Row[Any]]:
    """Return the newest payments that the gateway has confirmed to know, with the columns of a lookup, while a payment or
    refund there is without an outcome; an empty list otherwise."""
    if not any(count_under_way(reader, merchant_id, Payment.gateway == gateway)):
        return []
    return reader.execute(
        sa.select(*(Payment.__table__.c[column] for column in _LOOKUP_COLUMNS))
        .where(
            Payment.merchant_id == merchant_id,
            Payment.gateway == gateway,
            Payment.sent_at.is_not(None),
            sa.or_(Payment.gateway_reference.is_not(None), Payment.gateway_page_reference.is_not(None)),
        )
        .order_by(Payment.id.desc())
        .limit(_KNOWN_PAYMENTS)
    ).all()
