"""What the worker does once a day for each merchant: compare its ledger with the gateway's list."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from portal.claims import NOW, Queue, claim_next
from portal.database import table_of
from portal.merchants.models import Merchant
from portal.reconciliation.models import GatewayComparison
from portal.reconciliation.operations import compare_with_gateway
from portal.reconciliation.rules import COMPARE_EVERY, RETRY_AFTER
from portal.services import Services

log = logging.getLogger(__name__)
_BATCH = 20


def compare_charges(services: Services) -> int:
    """Compare the accounts whose day is over; return how many were compared.

    Each is claimed by moving its time on, so that of two workers one compares, and a killed worker's turn comes again in an hour.
    """
    _add_new_accounts(services)
    compared_count = 0
    for _ in range(_BATCH):
        account = claim_next(services, _DUE)
        if account is None:
            break
        services.crash_point("comparison.claimed")
        try:
            compared_count += _compare(services, account.merchant_id, account.gateway)
        except Exception:  # One merchant whose account cannot be compared keeps no other from its turn; it is shown.
            log.exception("comparison.failed", extra={"merchant": account.merchant_id})
    return compared_count


def _add_new_accounts(services: Services) -> None:
    """Give each account that was never compared its row, which is due at once."""
    with services.database.read() as reader:
        accounts = reader.execute(_NEW_ACCOUNTS).all()
    for merchant_id, gateway in accounts:
        with suppress(IntegrityError), services.database.unit_of_work() as session:  # Another worker may have added it.
            session.add(GatewayComparison(merchant_id=merchant_id, gateway=gateway, due_at=services.clock.now()))


def _compare(services: Services, merchant_id: str, gateway_name: str) -> bool:
    """Whether the gateway gave a list to compare with."""
    gateway = services.gateways.find(merchant_id)
    if gateway is None or gateway.name != gateway_name or not gateway.capabilities.lists_charges:
        _put_off(services, merchant_id, gateway_name)
        return False
    return compare_with_gateway(services, merchant_id, gateway) is not None


_COMPARISONS, _MERCHANTS = table_of(GatewayComparison).c, table_of(Merchant).c
_NEW_ACCOUNTS = (
    sa.select(_MERCHANTS.id, _MERCHANTS.gateway)
    .outerjoin(
        table_of(GatewayComparison),
        sa.and_(_COMPARISONS.merchant_id == _MERCHANTS.id, _COMPARISONS.gateway == _MERCHANTS.gateway),
    )
    .where(_MERCHANTS.gateway.is_not(None), _MERCHANTS.status == "active", _COMPARISONS.merchant_id.is_(None))
    .limit(_BATCH)
    .execution_options(tenant_wide=True)
)
_IS_IN_USE = sa.exists().where(
    _MERCHANTS.id == _COMPARISONS.merchant_id,
    _MERCHANTS.gateway == _COMPARISONS.gateway,
    _MERCHANTS.status == "active",
)
_DUE = Queue(
    GatewayComparison,
    columns=(GatewayComparison.due_at,),
    is_due=sa.and_(_COMPARISONS.due_at <= NOW, _IS_IN_USE),
    order_by=(GatewayComparison.due_at,),
    claim=lambda _account, now: {"due_at": now + RETRY_AFTER},
)


def _put_off(services: Services, merchant_id: str, gateway: str) -> None:
    """A gateway that lists nothing is looked at again tomorrow: it may have learned it by then."""
    tomorrow: datetime = services.clock.now() + COMPARE_EVERY
    with services.database.unit_of_work() as session:
        session.execute(_row(merchant_id, gateway).values(due_at=tomorrow))


def _row(merchant_id: str, gateway: str) -> sa.Update:
    return (
        sa.update(GatewayComparison)
        .where(GatewayComparison.merchant_id == merchant_id, GatewayComparison.gateway == gateway)
        .execution_options(synchronize_session=False)
    )
