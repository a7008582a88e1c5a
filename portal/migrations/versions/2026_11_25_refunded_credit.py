"""The part of a payment in the customer's credit, the part of a refund taken from it, and when a refund was requested last:
nothing is refunded twice."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.orm import Session

from portal.database import Instant, Minor
from portal.ledger.operations.posting import post
from portal.ledger.rules import Entry, Posting
from portal.money import Money

revision = "2026_11_25_refunded_credit"
down_revision = "2026_11_24_provider_inbox"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A check is part of its column, since SQLite cannot add another.
    given_once = sa.CheckConstraint(
        "credit_granted >= 0 and amount_refunded + credit_granted <= amount - credit_amount",
        name=op.f("ck_payments_given_once"),
    )
    within_refund = sa.CheckConstraint(
        "credit_taken >= 0 and credit_taken <= amount", name=op.f("ck_refunds_credit_within_amount")
    )
    op.add_column("payments", sa.Column("credit_granted", Minor, given_once, nullable=False, server_default="0"))
    op.add_column("refunds", sa.Column("credit_taken", Minor, within_refund, nullable=False, server_default="0"))
    op.add_column("refunds", sa.Column("sent_at", Instant(), nullable=True))
    _carry_forward()


def downgrade() -> None:
    op.drop_column("refunds", "sent_at")
    op.drop_column("refunds", "credit_taken")
    op.drop_column("payments", "credit_granted")


def _carry_forward() -> None:
    """Attribute credit to the payment that granted it, except for what was refunded all the same: that stays the customer's credit,
    of no payment any more."""
    connection = op.get_bind()
    granted = (
        "select p.merchant_id, p.id, p.customer_id, p.currency, -sum(e.amount) as granted,"
        " p.amount - p.credit_amount - p.amount_refunded as kept"
        " from payments p"
        " join ledger_entries e on e.merchant_id = p.merchant_id and e.payment_id = p.id"
        " join ledger_transactions t on t.merchant_id = e.merchant_id and t.id = e.transaction_id"
        " where p.status in ('complete', 'partially_refunded', 'refunded')"
        " and t.kind = 'payment_captured' and e.account = 'credit' and e.amount < 0"
        " group by p.merchant_id, p.id, p.customer_id, p.currency, p.amount, p.credit_amount, p.amount_refunded"
    )
    at = datetime.now(UTC)
    for merchant_id, payment_id, customer_id, currency, amount, kept in connection.execute(sa.text(granted)).all():
        connection.execute(
            sa.text("update payments set credit_granted = :amount where merchant_id = :merchant and id = :payment"),
            {"amount": min(int(amount), kept), "merchant": merchant_id, "payment": payment_id},
        )
        if amount <= kept:
            continue
        given_twice = Money(int(amount) - kept, currency)
        entries = (
            Entry("credit", given_twice, customer_id, None, payment_id),
            Entry("credit", Money(-given_twice.amount, currency), customer_id),
        )
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            post(session, merchant_id, Posting("opening", f"{payment_id}:credit", at, entries))
            session.commit()
