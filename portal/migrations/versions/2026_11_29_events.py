"""Events with their payload; the audit log names the person and the request; a refund that went through is `complete`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Count, Id, Instant, Json

revision = "2026_11_29_events"
down_revision = "2026_11_25_refunded_credit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("merchant_id", Id, nullable=False),
        sa.Column("id", Id, nullable=False),
        sa.Column("type", Id, nullable=False),
        sa.Column("version", Count, nullable=False),
        sa.Column("actor_type", Id, nullable=False),
        sa.Column("actor_id", Id, nullable=True),
        sa.Column("actor_person", Id, nullable=True),
        sa.Column("request_id", Id, nullable=True),
        sa.Column("customer_id", Id, nullable=True),
        sa.Column("object_id", Id, nullable=True),
        sa.Column("data", Json(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["merchant_id"], ["merchants.id"], name=op.f("fk_events_merchant_id")),
        sa.PrimaryKeyConstraint("merchant_id", "id", name=op.f("pk_events")),
        sqlite_strict=True,
    )
    op.create_index("ix_events_of_object", "events", ["merchant_id", "object_id", "id"])
    op.create_index("ix_events_of_customer", "events", ["merchant_id", "customer_id", "id"])
    op.add_column("audit_entries", sa.Column("actor_person", Id, nullable=True))
    op.add_column("audit_entries", sa.Column("request_id", Id, nullable=True))
    _rename_refund_status("succeeded", "complete")


def downgrade() -> None:
    _rename_refund_status("complete", "succeeded")
    op.drop_column("audit_entries", "request_id")
    op.drop_column("audit_entries", "actor_person")
    op.drop_table("events")


def _rename_refund_status(before: str, after: str) -> None:
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_refunds_status_known"), "refunds", type_="check")
        op.execute(f"update refunds set status = '{after}' where status = '{before}'")  # noqa: S608 - two constants
        op.create_check_constraint(
            op.f("ck_refunds_status_known"), "refunds", f"status in ('pending', '{after}', 'failed')"
        )
        return
    # SQLite cannot change a check: the table is created again from its own definition, with its indexes.
    definition = connection.execute(sa.text("select sql from sqlite_master where name = 'refunds'")).scalar_one()
    indexes = connection.execute(
        sa.text("select sql from sqlite_master where type = 'index' and tbl_name = 'refunds' and sql is not null")
    ).scalars()
    statements = list(indexes)
    names = list(connection.execute(sa.text("select name from pragma_table_info('refunds')")).scalars())
    values = [
        f"case status when '{before}' then '{after}' else status end" if name == "status" else name for name in names
    ]
    renewed = definition.replace("refunds", "refunds_renewed", 1).replace(f"'{before}'", f"'{after}'")
    op.execute(renewed)
    op.execute(
        f"insert into refunds_renewed ({', '.join(names)}) select {', '.join(values)} from refunds"  # noqa: S608 - our own names
    )
    op.execute("drop table refunds")
    op.execute("alter table refunds_renewed rename to refunds")
    for statement in statements:
        op.execute(statement)
