"""Writes imported payments and their shares of invoices. Sends nothing, calls no gateway, and never moves a payment back to an earlier status."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from portal.events.rules import IMPORT
from portal.importing.operations.bookings import Share, book, post_payment, refund, settle
from portal.importing.operations.people import Payers
from portal.importing.rules.payment_rows import CAPTURED, ImportedPayment
from portal.importing.rules.results import Change, Context, Refused, WriteResult, Written
from portal.invoices.queries.payable import lock_named
from portal.invoices.rules import OUTSTANDING
from portal.payments.models import Payment
from portal.payments.operations.status import correct, record_status
from portal.payments.queries.at_gateways import lock_by_reference
from portal.public_ids import new_id
from portal.tenancy import MerchantScope, Scope

_CHANGEABLE = ("status", "amount_refunded", "failure_code", "failure_message")


def write_payments(session: Session, context: Context, payments: Sequence[ImportedPayment]) -> Written:
    """Write the payments of a batch."""
    payers = Payers(session, context, [payment.payer for payment in payments])
    existing = _existing(session, context, payments)
    made: list[str] = []
    results = [_write(session, context, payment, payers, existing, made) for payment in payments]
    return Written(results, made)


def _existing(
    session: Session, context: Context, payments: Sequence[ImportedPayment]
) -> dict[tuple[str | None, str], Payment]:
    rows = lock_by_reference(
        session,
        MerchantScope(context.merchant.id),
        gateways={payment.gateway for payment in payments},
        references={payment.gateway_reference for payment in payments},
    )
    return {(row.gateway, row.gateway_reference or ""): row for row in rows}


def _write(
    session: Session,
    context: Context,
    payment: ImportedPayment,
    payers: Payers,
    existing: dict[tuple[str | None, str], Payment],
    made: list[str],
) -> WriteResult:
    customer = payers.customer_of(payment.payer)
    old = existing.get((payment.gateway, payment.gateway_reference))
    if old is not None and not _changes(payment, old) and isinstance(customer, Refused):
        return Change.UNCHANGED  # Whoever made it has another address or reference by now.
    if isinstance(customer, Refused):
        return customer
    if old is not None:
        return _update(session, context, payment, customer, old)
    conflict = payers.conflict_of(payment.payer, customer)
    if conflict is not None:
        return Refused(conflict)
    result = _create(session, context, payment, customer)
    if isinstance(result, Refused):
        return result
    made.append(result)
    return Change.CREATED


def _create(session: Session, context: Context, payment: ImportedPayment, customer_id: str) -> str | Refused:
    """Return the id of the payment that was made."""
    shares = _shares(session, context, payment, customer_id)
    if isinstance(shares, Refused):
        return shares
    title = payment.description or (
        shares[0].title or shares[0].number if shares else payment.reference or payment.gateway_reference
    )
    payment_id = new_id("pay", payment.created_at)
    made = Payment(
        merchant_id=context.merchant.id, id=payment_id, customer_id=customer_id, status=payment.status, currency=payment.currency,
        amount=payment.amount, amount_refunded=payment.amount_refunded, description=title,
        note=shares[0].number if shares and shares[0].number != title else "", more_count=max(0, len(shares) - 1),
        reference=payment.reference, gateway=payment.gateway, gateway_reference=payment.gateway_reference,
        method_type=payment.method_type, method_brand=payment.method_brand, method_last4=payment.method_last4,
        failure_code=payment.failure_code, failure_message=payment.failure_message, created_at=payment.created_at,
        updated_at=context.now, expires_at=payment.created_at, completed_at=payment.completed_at,
    )  # fmt: skip
    session.add(made)
    session.flush()
    book(session, context, made, shares)
    record_status(session, made, actor=IMPORT, at=context.now, previous={})
    return payment_id


def _changes(payment: ImportedPayment, old: Payment) -> bool:
    names = (*_CHANGEABLE, "amount", "currency")
    return any(getattr(payment, name) != getattr(old, name) for name in names)


def _update(
    session: Session, context: Context, payment: ImportedPayment, customer_id: str, old: Payment
) -> WriteResult:
    if (old.customer_id, old.amount, old.currency) != (customer_id, payment.amount, payment.currency):
        return Refused("a payment with this reference is here with another customer or amount; it is left as it is")
    changes = {name: getattr(payment, name) for name in _CHANGEABLE if getattr(payment, name) != getattr(old, name)}
    if not changes:
        return Change.UNCHANGED
    if old.confirmed_at is not None:
        return Refused("the payment was made here and is asked for at its gateway; it is left as it is")
    if old.status in CAPTURED and (payment.status not in CAPTURED or payment.amount_refunded < old.amount_refunded):
        return Refused(f"the payment is {old.status} here and would move back; it is left as it is")
    shares = [] if old.status in CAPTURED else _shares(session, context, payment, customer_id)
    if isinstance(shares, Refused):
        return shares
    was_captured = old.status in CAPTURED
    more_refunded = payment.amount_refunded - old.amount_refunded
    status = changes.pop("status", old.status)
    for name, value in changes.items():
        setattr(old, name, value)
    old.completed_at, old.updated_at = old.completed_at or payment.completed_at, context.now
    settle(session, context, old, shares)
    if status != old.status:
        correct(session, old, status, actor=IMPORT, at=context.now)
    else:
        old.version += 1
    if not was_captured:
        post_payment(session, context, old, shares)
    refund(session, context, old, more_refunded)
    return Change.UPDATED


def _shares(session: Session, context: Context, payment: ImportedPayment, customer_id: str) -> list[Share] | Refused:
    """Return the invoices that the payment pays, each with its share; locked until the end of the transaction."""
    if payment.status not in CAPTURED or not payment.shares:
        return []
    names = [name for name, _ in payment.shares]
    rows = lock_named(session, Scope(context.merchant.id, customer_id), names)
    by_name = {row.number: row for row in rows} | {row.id: row for row in rows}
    left, shares = payment.amount, []
    for name, wanted in payment.shares:
        row = by_name.get(name)
        if row is None or row.currency != payment.currency:
            return Refused("the customer has no such invoice in this currency")
        free = row.amount_due - row.amount_reserved if row.status in OUTSTANDING else 0
        amount = min(free, left) if wanted is None else wanted
        if amount <= 0 or amount > free or amount > left:
            return Refused(
                "the payment is more than what is left to pay of its invoices, or a payment of them is under way"
            )
        shares.append(Share(row.id, row.number, row.description, amount, row.version))
        left -= amount
    if left and all(wanted is None for _, wanted in payment.shares):
        return Refused(
            "the payment is more than what is left to pay of its invoices, or a payment of them is under way"
        )
    return shares
