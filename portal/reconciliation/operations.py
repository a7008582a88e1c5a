"""Comparing one merchant's ledger with its gateway's list: each difference is looked up, and stored if it remains."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Reader, table_of
from portal.gateways.contract import Gateway, ListedCharge, Lookup, State
from portal.ledger.queries import sum_through_gateway
from portal.money import Money
from portal.payments.operations.paying import check_ended_payment, resolve_payment
from portal.payments.queries.at_gateways import list_captured, list_gateway_references
from portal.payments.queries.payments import find_payment
from portal.payments.rules.statuses import ENDED_WITHOUT_MONEY, UNSETTLED
from portal.public_ids import is_id
from portal.reconciliation.models import GatewayComparison, GatewayDifference
from portal.reconciliation.rules import (
    CLOCK_MARGIN,
    COMPARE_EVERY,
    LOOK_BACK,
    Booked,
    Comparison,
    Difference,
    DifferenceKind,
    compare,
)
from portal.refunds.queries import sum_completed
from portal.services import Services
from portal.tenancy import MerchantScope

log = logging.getLogger(__name__)
_BATCH = 500


def compare_with_gateway(services: Services, merchant_id: str, gateway: Gateway) -> Comparison | None:
    """Compare the last three days and store each difference that remains; None when the gateway returned no list.

    A charge that is not booked is looked up first, also when its payment has failed: late money is then booked, and there is
    no difference. Open differences of earlier days are checked one by one, until they are resolved. Nothing else is corrected.
    """
    until = services.clock.now()
    since = until - LOOK_BACK
    # Read before the list: a charge that is booked by now must be on it.
    with services.database.read() as reader:
        expected = list_captured(
            reader, MerchantScope(merchant_id), gateway.name, since=since, until=until - CLOCK_MARGIN
        )
    listed = gateway.list_charges(since - CLOCK_MARGIN, until)
    if listed is None:
        return None
    comparison = _compare(services, merchant_id, gateway, listed, expected)
    missing = [found.reference for found in comparison.differences if found.kind is DifferenceKind.MISSING_HERE]
    if missing:
        for reference in missing:
            _resolve(services, merchant_id, reference)
        comparison = _compare(services, merchant_id, gateway, listed, expected)
    resolved = _list_resolved(services, merchant_id, gateway, comparison.compared)
    with services.database.unit_of_work() as session:
        _record(session, merchant_id, gateway.name, comparison, resolved, at=until)
    return comparison


def _compare(
    services: Services,
    merchant_id: str,
    gateway: Gateway,
    listed: tuple[ListedCharge, ...],
    expected: Iterable[str],
) -> Comparison:
    references = {charge.reference for charge in listed if charge.reference and is_id("pay", charge.reference)}
    with services.database.read() as reader:
        booked = list(_booked(reader, merchant_id, gateway.name, {*references, *expected}))
    return compare(listed, booked, expected)


def _booked(reader: Reader, merchant_id: str, gateway: str, payment_ids: Iterable[str]) -> Iterator[Booked]:
    """What the ledger's clearing account (`gateway`) received with each payment, before refunds."""
    scope, sorted_ids = MerchantScope(merchant_id), sorted(payment_ids)
    for start in range(0, len(sorted_ids), _BATCH):
        ids = sorted_ids[start : start + _BATCH]
        charged = sum_through_gateway(reader, scope, ids)
        refunded = sum_completed(reader, scope, ids)
        for payment_id, gateway_reference in list_gateway_references(reader, scope, gateway, ids):
            money = charged.get(payment_id)
            if money is not None:
                money = Money(money.amount + refunded.get(payment_id, 0), money.currency)
            yield Booked(payment_id, money if money and money.amount else None, gateway_reference)


def _resolve(services: Services, merchant_id: str, payment_id: str) -> None:
    with services.database.read() as reader:
        found = find_payment(reader, MerchantScope(merchant_id), payment_id)
    status = found.status if found is not None else None
    try:
        if status in UNSETTLED:
            resolve_payment(services, merchant_id, payment_id)
        elif status in ENDED_WITHOUT_MONEY:
            check_ended_payment(services, merchant_id, payment_id)
    except Exception:  # A payment that cannot be resolved stays a difference; the others are compared.
        log.exception("comparison.lookup_failed", extra={"payment": payment_id})


def _list_resolved(services: Services, merchant_id: str, gateway: Gateway, compared: frozenset[str]) -> list[str]:
    """Return the open differences of earlier days on which both sides now agree."""
    with services.database.read() as reader:
        rows = reader.execute(_OPEN, {"merchant_id": merchant_id, "gateway": gateway.name}).all()
    resolved = []
    for row in rows:
        if row.reference in compared:
            continue
        if row.kind == DifferenceKind.MISSING_HERE:
            _resolve(services, merchant_id, row.reference)
        with services.database.read() as reader:
            booked = next(_booked(reader, merchant_id, gateway.name, [row.reference]), Booked(row.reference, None))
        if row.listed_amount is not None:
            is_resolved = booked.money == Money(row.listed_amount, row.listed_currency)
        else:
            found = gateway.look_up(Lookup(row.reference, row.found_at - LOOK_BACK, booked.gateway_reference))
            is_resolved = found.state is State.SUCCEEDED and found.money == booked.money
        if is_resolved:
            resolved.append(row.reference)
    return resolved


# Built once, for an installation of many merchants.
_DIFFERENCES = table_of(GatewayDifference)
_OPEN = sa.select(_DIFFERENCES).where(
    _DIFFERENCES.c.merchant_id == sa.bindparam("merchant_id"),
    _DIFFERENCES.c.gateway == sa.bindparam("gateway"),
    _DIFFERENCES.c.resolved_at.is_(None),
)
_KNOWN = sa.select(GatewayDifference).where(
    GatewayDifference.merchant_id == sa.bindparam("merchant_id"),
    GatewayDifference.gateway == sa.bindparam("gateway"),
    sa.or_(
        GatewayDifference.resolved_at.is_(None),
        GatewayDifference.reference.in_(sa.bindparam("references", expanding=True)),
    ),
)
_COMPARISONS = table_of(GatewayComparison)
_STORE_COMPARISON = sa.update(_COMPARISONS).where(
    _COMPARISONS.c.merchant_id == sa.bindparam("of_merchant"), _COMPARISONS.c.gateway == sa.bindparam("of_gateway")
)


def _record(
    session: Session,
    merchant_id: str,
    gateway: str,
    comparison: Comparison,
    resolved: list[str],
    *,
    at: datetime,
) -> None:
    differing = {found.reference: found for found in comparison.differences}
    parameters = {"merchant_id": merchant_id, "gateway": gateway, "references": list(differing)}
    rows = {row.reference: row for row in session.execute(_KNOWN, parameters).scalars()}
    for reference, row in rows.items():
        is_gone = reference in resolved or (reference in comparison.compared and reference not in differing)
        if row.resolved_at is None and is_gone:
            row.resolved_at = at
            log.info("difference.resolved", extra={"merchant": merchant_id, "payment": reference, "kind": row.kind})
    for reference, found in differing.items():
        _write_difference(session, merchant_id, gateway, rows.get(reference), found, at)
    totals = {
        currency: {"listed": listed, "booked": booked} for currency, (listed, booked) in comparison.totals.items()
    }
    changes = {
        "compared_until": at,
        "due_at": at + COMPARE_EVERY,
        "charge_count": comparison.charge_count,
        "unknown_charge_count": comparison.unknown_charge_count,
        "totals": totals,
    }
    stored: Any = session.execute(_STORE_COMPARISON, {"of_merchant": merchant_id, "of_gateway": gateway, **changes})
    assert stored.rowcount == 1, "the job has claimed the row before"


def _write_difference(
    session: Session, merchant_id: str, gateway: str, row: GatewayDifference | None, found: Difference, at: datetime
) -> None:
    if row is None or row.resolved_at is not None:
        log.error("difference.found", extra={"merchant": merchant_id, "payment": found.reference, "kind": found.kind})
    if row is None:
        row = GatewayDifference(merchant_id=merchant_id, gateway=gateway, reference=found.reference, found_at=at)
        session.add(row)
    elif row.resolved_at is not None:
        row.found_at, row.resolved_at = at, None
    row.kind, row.gateway_reference = found.kind.value, found.gateway_reference
    row.listed_amount, row.listed_currency = _amount_and_currency(found.listed)
    row.booked_amount, row.booked_currency = _amount_and_currency(found.booked)


def _amount_and_currency(money: Money | None) -> tuple[int | None, str | None]:
    return (money.amount, money.currency) if money is not None else (None, None)
