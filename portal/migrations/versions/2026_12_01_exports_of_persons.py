"""Which person of an account an export was made for: it holds that person's devices, and no other's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Id

revision = "2026_12_01_exports_of_persons"
down_revision = "2026_12_01_declined_invitations"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("exports", sa.Column("person_id", Id, nullable=True))
    # What was made before holds the devices of all persons of its account; whoever wants a copy requests it again.
    op.execute(
        "delete from export_parts where exists (select 1 from exports e join persons p on p.merchant_id = e.merchant_id"
        " and p.customer_id = e.customer_id where e.merchant_id = export_parts.merchant_id and e.id = export_parts.export_id)"
    )
    op.execute(
        "delete from exports where exists (select 1 from persons p where p.merchant_id = exports.merchant_id"
        " and p.customer_id = exports.customer_id)"
    )


def downgrade() -> None:
    op.drop_column("exports", "person_id")
