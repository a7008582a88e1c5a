"""What of a payment stands to the customer's credit, what of a refund was taken from there, and when a refund was ordered last:
nothing is given back twice."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Instant, Minor

revision = "2026_11_25_refunded_credit"
down_revision = "2026_11_24_provider_inbox"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A check stands in its column, since SQLite adds no other.
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
    # What was given back before left the credit where it was: only as much counts as was not given back.
    granted = (
        "coalesce((select -sum(e.amount) from ledger_entries e join ledger_transactions t"
        " on t.merchant_id = e.merchant_id and t.id = e.transaction_id"
        " where e.merchant_id = payments.merchant_id and e.payment_id = payments.id"
        " and t.kind = 'payment_captured' and e.account = 'credit' and e.amount < 0), 0)"
    )
    left = "amount - credit_amount - amount_refunded"
    op.execute(
        f"update payments set credit_granted = case when {granted} < {left} then {granted} else {left} end"  # noqa: S608
        f" where status in ('complete', 'partially_refunded', 'refunded') and {granted} > 0"
    )


def downgrade() -> None:
    op.drop_column("refunds", "sent_at")
    op.drop_column("refunds", "credit_taken")
    op.drop_column("payments", "credit_granted")
