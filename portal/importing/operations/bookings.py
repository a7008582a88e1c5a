"""Books money that came, and went back, elsewhere: a payment with its shares of invoices, its refund and their postings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from portal.events.rules import IMPORT
from portal.importing.rules.results import Context
from portal.invoices.operations.balance import settle_unreserved
from portal.ledger.operations.posting import post
from portal.ledger.rules import Settled, payment_recorded, refund_begun, refund_succeeded
from portal.money import Money
from portal.payments.models import Payment, PaymentAllocation
from portal.payments.operations.status import record_status
from portal.payments.rules.statuses import CAPTURED
from portal.public_ids import new_id
from portal.refunds.models import Refund

IMPORT_GATEWAY = "import"
"""The gateway of a payment of which the file names none."""


@dataclass(frozen=True, slots=True)
class Share:
    """What a payment pays of an invoice, in minor units; `version` is the invoice's when it was read."""

    invoice_id: str
    number: str
    title: str
    amount: int
    version: int


def book_payment_of_invoice(
    session: Session, context: Context, customer_id: str, share: Share, currency: str, *, refunded: int, at: datetime
) -> str:
    """Book money that an invoice's own row says was paid, and return the payment's id."""
    payment = Payment(
        merchant_id=context.merchant.id, id=new_id("pay", at), customer_id=customer_id,
        status=status_of(share.amount, refunded), currency=currency, amount=share.amount, amount_refunded=refunded,
        description=share.title or share.number, note=share.number if share.title else "", more_count=0,
        gateway=IMPORT_GATEWAY, created_at=at, updated_at=context.now, expires_at=at, completed_at=at,
    )  # fmt: skip
    session.add(payment)
    session.flush()
    book(session, context, payment, [share])
    record_status(session, payment, actor=IMPORT, at=context.now, previous={})
    return payment.id


def book(session: Session, context: Context, payment: Payment, shares: Sequence[Share]) -> None:
    """Settle the shares of a payment that captured money, post it, and refund what it says was refunded."""
    settle(session, context, payment, shares)
    post_payment(session, context, payment, shares)
    refund(session, context, payment, payment.amount_refunded)


def settle(session: Session, context: Context, payment: Payment, shares: Sequence[Share]) -> None:
    """Book the shares on their invoices, which are locked."""
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


def post_payment(session: Session, context: Context, payment: Payment, shares: Sequence[Share]) -> None:
    """Post what was captured; nothing of a payment that captured nothing."""
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


def refund(session: Session, context: Context, payment: Payment, amount: int) -> None:
    """Record that a part of a payment went back, in minor units; nothing for zero."""
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


def status_of(amount: int, refunded: int) -> str:
    """Return the status of a payment that captured an amount, of which a part was refunded."""
    return "complete" if refunded == 0 else "refunded" if refunded == amount else "partially_refunded"
