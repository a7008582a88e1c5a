"""What a customer's history is filtered, counted and searched by: two indexes, the counts of payments, and the terms that find them.

Counts and terms of the payments that are there are written here: about twenty rows a payment, in batches. A million payments take some
minutes and a few gigabytes (docs/performance.md).
"""

from __future__ import annotations

from itertools import groupby

import sqlalchemy as sa
from alembic import op

from portal.database import Count, Id

revision = "2026_12_01_history"
down_revision = "2026_12_01_questions"
branch_labels = None
depends_on = None

_BATCH = 1000
_INDEXES = (
    ("ix_payments_history_by_method", ["merchant_id", "customer_id", "method_type", "currency", "id"]),
    (
        "ix_payments_history_by_status_and_method",
        ["merchant_id", "customer_id", "status", "method_type", "currency", "id"],
    ),
)
_COUNT = """
    insert into payment_counts (merchant_id, customer_id, status, method_type, currency, payment_count)
    select merchant_id, customer_id, status, coalesce(method_type, ''), currency, count(*)
    from payments where listed group by merchant_id, customer_id, status, coalesce(method_type, ''), currency"""
_IDS = """
    select merchant_id, id from payments
    where merchant_id > :merchant_id or (merchant_id = :merchant_id and id > :id)
    order by merchant_id, id limit :batch"""
_SOURCES = """
    select p.customer_id, p.id, p.currency, p.amount, p.credit_amount, p.description, p.note, p.reference, i.number, i.description
    from payments p
    left join payment_allocations a on a.merchant_id = p.merchant_id and a.payment_id = p.id
    left join invoices i on i.merchant_id = a.merchant_id and i.id = a.invoice_id
    where p.merchant_id = :merchant_id and p.id >= :first and p.id <= :last
    order by p.id, a.invoice_id"""


def upgrade() -> None:
    for name, columns in _INDEXES:
        op.create_index(
            name,
            "payments",
            columns,
            sqlite_where=sa.text("listed = 1"),
            postgresql_where=sa.text("listed"),
        )
    op.create_table(
        "payment_counts",
        *(
            sa.Column(name, Id, nullable=False)
            for name in ("merchant_id", "customer_id", "status", "method_type", "currency")
        ),
        sa.Column("payment_count", Count, nullable=False),
        sa.PrimaryKeyConstraint(
            "merchant_id", "customer_id", "status", "method_type", "currency", name=op.f("pk_payment_counts")
        ),
        sqlite_strict=True,
    )
    op.create_table(
        "payment_search_terms",
        *(sa.Column(name, Id, nullable=False) for name in ("merchant_id", "customer_id", "term", "payment_id")),
        sa.PrimaryKeyConstraint(
            "merchant_id", "customer_id", "term", "payment_id", name=op.f("pk_payment_search_terms")
        ),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.execute(_COUNT)
    _write_terms()


def _write_terms() -> None:
    from portal.payments.operations.derived import list_terms

    connection = op.get_bind()
    insert = sa.text(
        "insert into payment_search_terms (merchant_id, customer_id, term, payment_id)"
        " values (:merchant_id, :customer_id, :term, :payment_id)"
    )
    place = {"merchant_id": "", "id": ""}
    while ids := connection.execute(sa.text(_IDS), {**place, "batch": _BATCH}).all():
        for merchant_id, of_merchant in groupby(ids, key=lambda row: str(row.merchant_id)):
            payment_ids = [row.id for row in of_merchant]
            rows = connection.execute(
                sa.text(_SOURCES), {"merchant_id": merchant_id, "first": payment_ids[0], "last": payment_ids[-1]}
            )
            connection.execute(
                insert,
                [
                    {"merchant_id": merchant_id, "customer_id": customer_id, "term": term, "payment_id": payment_id}
                    for customer_id, payment_id, terms in list_terms(rows)
                    for term in terms
                ],
            )
        place = {"merchant_id": ids[-1].merchant_id, "id": ids[-1].id}


def downgrade() -> None:
    op.drop_table("payment_search_terms")
    op.drop_table("payment_counts")
    for name, _ in reversed(_INDEXES):
        op.drop_index(name, "payments")
