"""Writes imported payments and their shares of invoices. Sends nothing, calls no gateway, and never moves a payment back to an earlier status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from portal.customers.queries.imported import find_ids
from portal.events.rules import IMPORT
from portal.importing.rules.payment_rows import CAPTURED, ImportedPayment
from portal.importing.rules.results import Change, Context, Refused, WriteResult
from portal.invoices.operations.balance import settle_unreserved
from portal.invoices.queries.payable import lock_named
from portal.invoices.rules import OUTSTANDING
from portal.ledger.operations.posting import post
from portal.ledger.rules import Settled, payment_recorded, refund_begun, refund_succeeded
from portal.money import Money
from portal.payments.models import Payment, PaymentAllocation
from portal.payments.operations.status import correct, record_status
from portal.payments.queries.at_gateways import lock_by_reference
from portal.public_ids import new_id
from portal.refunds.models import Refund
from portal.tenancy import MerchantScope, Scope

_CHANGEABLE = ("status", "amount_refunded", "failure_code", "failure_message")


@dataclass(frozen=True, slots=True)
class _Share:
    invoice_id: str
    number: str
    title: str
    amount: int
    version: int


def write_payments(session: Session, context: Context, payments: Sequence[ImportedPayment]) -> list[WriteResult]:
    """Write the payments of a batch, and return the result of each."""
    customers = _customers_of(session, context, payments)
    existing = _existing(session, context, payments)
    return [_write(session, context, payment, customers, existing) for payment in payments]


def _customers_of(session: Session, context: Context, payments: Sequence[ImportedPayment]) -> Mapping[str, str]:
    names = sorted({payment.customer for payment in payments})
    return find_ids(session, MerchantScope(context.merchant.id), names)


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
    customers: Mapping[str, str],
    existing: dict[tuple[str | None, str], Payment],
) -> WriteResult:
    customer_id = customers.get(payment.customer)
    if customer_id is None:
        return Refused("there is no such customer; import the customers first")
    old = existing.get((payment.gateway, payment.gateway_reference))
    if old is None:
        return _create(session, context, payment, customer_id)
    return _update(session, context, payment, customer_id, old)


def _create(session: Session, context: Context, payment: ImportedPayment, customer_id: str) -> WriteResult:
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
    _settle(session, context, made, shares)
    _post(session, context, made, shares)
    _refund(session, context, made, payment.amount_refunded)
    record_status(session, made, actor=IMPORT, at=context.now, previous={})
    return Change.CREATED


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
    _settle(session, context, old, shares)
    if status != old.status:
        correct(session, old, status, actor=IMPORT, at=context.now)
    else:
        old.version += 1
    if not was_captured:
        _post(session, context, old, shares)
    _refund(session, context, old, more_refunded)
    return Change.UPDATED


def _shares(session: Session, context: Context, payment: ImportedPayment, customer_id: str) -> list[_Share] | Refused:
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
        shares.append(_Share(row.id, row.number, row.description, amount, row.version))
        left -= amount
    if left and all(wanted is None for _, wanted in payment.shares):
        return Refused(
            "the payment is more than what is left to pay of its invoices, or a payment of them is under way"
        )
    return shares


def _settle(session: Session, context: Context, payment: Payment, shares: Sequence[_Share]) -> None:
    for share in shares:
        taken = settle_unreserved(
            session,
            context.merchant.id,
            share.invoice_id,
            share.amount,
            actor=IMPORT,
            at=payment.completed_at or context.now,
        )
        assert taken == share.amount, "the invoice is locked since its balance was read"
        session.add(
            PaymentAllocation(
                merchant_id=context.merchant.id, payment_id=payment.id, invoice_id=share.invoice_id, slot=1, state="settled",
                amount=share.amount, invoice_version=share.version,
            )
        )  # fmt: skip
    session.flush()


def _post(session: Session, context: Context, payment: Payment, shares: Sequence[_Share]) -> None:
    if payment.status not in CAPTURED:
        return
    assert payment.gateway is not None, "an imported payment names its gateway"
    settled = []
    for share in shares:
        taken = Money(share.amount, payment.currency)
        settled.append(Settled(share.invoice_id, taken, taken))
    money, at = Money(payment.amount, payment.currency), payment.completed_at or context.now
    posting = payment_recorded(
        payment.customer_id, payment.id, gateway=payment.gateway, money=money, settled=settled, at=at
    )
    post(session, context.merchant.id, posting)


def _refund(session: Session, context: Context, payment: Payment, amount: int) -> None:
    if amount <= 0:
        return
    assert payment.gateway is not None, "an imported payment names its gateway"
    at = payment.completed_at or context.now
    refund_id, money = new_id("re", at), Money(amount, payment.currency)
    session.add(
        Refund(
            merchant_id=context.merchant.id, id=refund_id, payment_id=payment.id, status="complete",
            currency=payment.currency, amount=amount, created_at=at, completed_at=at,
        )
    )  # fmt: skip
    ids = {"customer_id": payment.customer_id, "payment_id": payment.id, "refund_id": refund_id}
    post(
        session,
        context.merchant.id,
        refund_begun(**ids, money=money, credit_taken=Money(0, payment.currency), at=at),
        refund_succeeded(**ids, gateway=payment.gateway, money=money, at=at),
    )
