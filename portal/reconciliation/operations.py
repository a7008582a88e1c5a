"""Comparing one merchant's ledger with its gateway's own list: each break is asked for, and what stays of it is written down."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.database import Reader
from portal.gateways.contract import Gateway, ListedCharge, Question, State
from portal.ledger.queries import sum_through_gateway
from portal.money import Money
from portal.payments.operations.paying import look_for_late_money, resolve_payment
from portal.payments.queries.at_gateways import list_captured, list_gateway_references
from portal.payments.queries.payments import find_payment
from portal.payments.rules.statuses import ENDED_WITHOUT_MONEY, UNSETTLED
from portal.public_ids import is_id
from portal.reconciliation.models import GatewayComparison, GatewayDifference
from portal.reconciliation.rules import BACK, EVERY, MARGIN, Booked, Break, Comparison, Kind, compare
from portal.refunds.queries import sum_succeeded
from portal.services import Services
from portal.tenancy import MerchantScope

log = logging.getLogger(__name__)
_AT_ONCE = 500


def compare_with_gateway(services: Services, merchant_id: str, gateway: Gateway) -> Comparison | None:
    """Compare the last three days, book what turns up, and keep each break that stays; None when the gateway gave no list.

    A charge of ours that is not booked is asked for first, also when its payment has ended: late money books itself, and its
    break is none. Breaks of earlier days are looked at one by one, until they are resolved. Nothing is corrected by itself.
    """
    until = services.clock.now()
    since = until - BACK
    # Read before the list: whatever is booked by now was charged before it.
    with services.database.read() as reader:
        expected = list_captured(reader, MerchantScope(merchant_id), gateway.name, since=since, until=until - MARGIN)
    listed = gateway.list_charges(since - MARGIN, until)
    if listed is None:
        return None
    comparison = _compare(services, merchant_id, gateway, listed, expected)
    missing = [found.reference for found in comparison.breaks if found.kind is Kind.MISSING_HERE]
    if missing:
        for reference in missing:
            _ask(services, merchant_id, reference)
        comparison = _compare(services, merchant_id, gateway, listed, expected)
    resolved = _resolved_since(services, merchant_id, gateway, comparison.compared)
    with services.database.unit_of_work() as session:
        _keep(session, merchant_id, gateway.name, comparison, resolved, at=until)
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
    """What the ledger's clearing account (`gateway`) says came with each payment; what went back is not the charge's matter."""
    scope, wanted = MerchantScope(merchant_id), sorted(payment_ids)
    for start in range(0, len(wanted), _AT_ONCE):
        ids = wanted[start : start + _AT_ONCE]
        taken = sum_through_gateway(reader, scope, ids)
        given_back = sum_succeeded(reader, scope, ids)
        for payment_id, gateway_reference in list_gateway_references(reader, scope, gateway, ids):
            money = taken.get(payment_id)
            if money is not None:
                money = Money(money.amount + given_back.get(payment_id, 0), money.currency)
            yield Booked(payment_id, money if money and money.amount else None, gateway_reference)


def _ask(services: Services, merchant_id: str, payment_id: str) -> None:
    with services.database.read() as reader:
        found = find_payment(reader, MerchantScope(merchant_id), payment_id)
    status = found.status if found is not None else None
    try:
        if status in UNSETTLED:
            resolve_payment(services, merchant_id, payment_id)
        elif status in ENDED_WITHOUT_MONEY:
            look_for_late_money(services, merchant_id, payment_id)
    except Exception:  # One payment that cannot be resolved stays a break; the others are compared.
        log.exception("comparison.question_failed", extra={"payment": payment_id})


def _resolved_since(services: Services, merchant_id: str, gateway: Gateway, compared: frozenset[str]) -> list[str]:
    """The open breaks of earlier days that are none any more."""
    with services.database.read() as reader:
        rows = reader.execute(
            sa.select(GatewayDifference.__table__).where(
                GatewayDifference.merchant_id == merchant_id,
                GatewayDifference.gateway == gateway.name,
                GatewayDifference.resolved_at.is_(None),
            )
        ).all()
    resolved = []
    for row in rows:
        if row.reference in compared:
            continue
        if row.kind == Kind.MISSING_HERE:
            _ask(services, merchant_id, row.reference)
        with services.database.read() as reader:
            ours = next(_booked(reader, merchant_id, gateway.name, [row.reference]), Booked(row.reference, None))
        if row.listed_amount is not None:
            is_resolved = ours.money == Money(row.listed_amount, row.listed_currency)
        else:
            told = gateway.look_up(Question(row.reference, row.found_at - BACK, ours.gateway_reference))
            is_resolved = told.state is State.SUCCEEDED and told.money == ours.money
        if is_resolved:
            resolved.append(row.reference)
    return resolved


def _keep(
    session: Session,
    merchant_id: str,
    gateway: str,
    comparison: Comparison,
    resolved: list[str],
    *,
    at: datetime,
) -> None:
    broken = {found.reference: found for found in comparison.breaks}
    known = sa.select(GatewayDifference).where(
        GatewayDifference.merchant_id == merchant_id,
        GatewayDifference.gateway == gateway,
        sa.or_(GatewayDifference.resolved_at.is_(None), GatewayDifference.reference.in_(broken)),
    )
    rows = {row.reference: row for row in session.execute(known).scalars()}
    for reference, row in rows.items():
        is_gone = reference in resolved or (reference in comparison.compared and reference not in broken)
        if row.resolved_at is None and is_gone:
            row.resolved_at = at
            log.info("difference.resolved", extra={"merchant": merchant_id, "payment": reference, "kind": row.kind})
    for reference, found in broken.items():
        _write_break(session, merchant_id, gateway, rows.get(reference), found, at)
    kept = session.get(GatewayComparison, (merchant_id, gateway))
    assert kept is not None, "whoever compares has claimed its row"
    kept.compared_until, kept.due_at = at, at + EVERY
    kept.charge_count, kept.stranger_count = comparison.charge_count, comparison.stranger_count
    kept.totals = {currency: {"listed": there, "booked": here} for currency, (there, here) in comparison.totals.items()}


def _write_break(
    session: Session, merchant_id: str, gateway: str, row: GatewayDifference | None, found: Break, at: datetime
) -> None:
    if row is None or row.resolved_at is not None:
        log.error("difference.found", extra={"merchant": merchant_id, "payment": found.reference, "kind": found.kind})
    if row is None:
        row = GatewayDifference(merchant_id=merchant_id, gateway=gateway, reference=found.reference, found_at=at)
        session.add(row)
    elif row.resolved_at is not None:
        row.found_at, row.resolved_at = at, None
    row.kind, row.gateway_reference = found.kind.value, found.gateway_reference
    row.listed_amount, row.listed_currency = _told(found.listed)
    row.booked_amount, row.booked_currency = _told(found.booked)


def _told(money: Money | None) -> tuple[int | None, str | None]:
    return (money.amount, money.currency) if money is not None else (None, None)
