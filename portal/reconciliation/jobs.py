"""The worker's daily job for each merchant: compare its ledger with the gateway's list."""

from __future__ import annotations

import logging
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from portal.merchants.models import Merchant
from portal.reconciliation.models import GatewayComparison
from portal.reconciliation.operations import compare_with_gateway
from portal.reconciliation.rules import COMPARE_EVERY, RETRY_AFTER
from portal.services import Services

log = logging.getLogger(__name__)
_BATCH = 20
_DUE = (
    sa.select(Merchant.id, Merchant.gateway)
    .outerjoin(
        GatewayComparison,
        sa.and_(GatewayComparison.merchant_id == Merchant.id, GatewayComparison.gateway == Merchant.gateway),
    )
    .where(
        Merchant.gateway.is_not(None),
        Merchant.status == "active",
        sa.or_(GatewayComparison.due_at.is_(None), GatewayComparison.due_at <= sa.bindparam("now")),
    )
    .limit(_BATCH)
    .execution_options(tenant_wide=True)
)


def compare_charges(services: Services) -> int:
    """Compare the merchants that are due; return how many were compared.

    Each is claimed by moving its `due_at` forward, so that of two workers one compares; after a crash it is due again in an hour.
    """
    count = 0
    for merchant_id, gateway_name in _list_due(services):
        if not _claim(services, merchant_id, gateway_name):
            continue
        services.crash_point("comparison.claimed")
        try:
            gateway = services.gateways.find(merchant_id)
            if gateway is None or gateway.name != gateway_name or not gateway.capabilities.lists_charges:
                _postpone(services, merchant_id, gateway_name)
            elif compare_with_gateway(services, merchant_id, gateway) is not None:
                count += 1
        except Exception:  # An account that cannot be compared must not block the others; it is reported.
            log.exception("comparison.failed", extra={"merchant": merchant_id})
    return count


def _list_due(services: Services) -> list[tuple[str, str]]:
    with services.database.read() as reader:
        return [(row.id, row.gateway) for row in reader.execute(_DUE, {"now": services.clock.now()})]


def _claim(services: Services, merchant_id: str, gateway: str) -> bool:
    """Whether this worker is the one that compares."""
    now = services.clock.now()
    taken_until = now + RETRY_AFTER
    try:
        with services.database.unit_of_work() as session:
            moved = session.execute(
                _row(merchant_id, gateway)
                .where(GatewayComparison.due_at <= now)
                .values(due_at=taken_until)
                .returning(GatewayComparison.due_at)
            ).all()
            if not moved and session.get(GatewayComparison, (merchant_id, gateway)) is not None:
                return False
            if not moved:
                session.add(GatewayComparison(merchant_id=merchant_id, gateway=gateway, due_at=taken_until))
    except IntegrityError:  # Another worker claimed the merchant's first comparison at this moment.
        return False
    return True


def _postpone(services: Services, merchant_id: str, gateway: str) -> None:
    """A gateway without a list of charges is tried again tomorrow: a new version may have one."""
    tomorrow: datetime = services.clock.now() + COMPARE_EVERY
    with services.database.unit_of_work() as session:
        session.execute(_row(merchant_id, gateway).values(due_at=tomorrow))


def _row(merchant_id: str, gateway: str) -> sa.Update:
    return (
        sa.update(GatewayComparison)
        .where(GatewayComparison.merchant_id == merchant_id, GatewayComparison.gateway == gateway)
        .execution_options(synchronize_session=False)
    )
