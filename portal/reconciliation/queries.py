"""Comparisons and open differences over all merchants, for the operator; and what a gateway still has in progress."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.database import Reader
from portal.payments.queries.at_gateways import count_unknown, list_known_at_gateway
from portal.payments.queries.payments import StoredPayment
from portal.reconciliation.models import GatewayComparison, GatewayDifference
from portal.refunds.queries import count_pending
from portal.tenancy import MerchantScope

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
    unknown_charge_count: int
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


def count_under_way(
    reader: Reader, merchant_id: str, *, gateways: Collection[str] = (), other_than: Collection[str] = ()
) -> tuple[int, int]:
    """Return how many payments and refunds of the merchant have no outcome, `at` these gateways or at all `but` these."""
    scope = MerchantScope(merchant_id)
    return count_unknown(reader, scope, gateways=gateways, other_than=other_than), count_pending(
        reader, scope, gateways=gateways, other_than=other_than
    )


def list_known_payments(reader: Reader, merchant_id: str, gateway: str) -> Sequence[StoredPayment]:
    """Return the newest payments that the gateway gave a reference of its own, while something is under way there; none, while
    nothing is."""
    if not any(count_under_way(reader, merchant_id, gateways=[gateway])):
        return []
    return list_known_at_gateway(reader, MerchantScope(merchant_id), gateway, most=_KNOWN_PAYMENTS)
