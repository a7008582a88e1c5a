"""Sessions that the host application made are of kinds of their own, since its log-out ends them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.database import Id
from portal.migrations.checks import replace_check

revision = "2026_11_30_host_sessions"
down_revision = "2026_11_29_choices_contracted"
branch_labels = None
depends_on = None

_KIND = ("sign_in_sessions", "ck_sign_in_sessions_kind_known")
_BEFORE = "kind in ('mail', 'api', 'frame')"
_AFTER = "kind in ('mail', 'api', 'frame', 'host', 'identified')"
_MINTED = "kind in ('api', 'host')"


def upgrade() -> None:
    if _is_postgresql():
        op.add_column("portal_sessions", sa.Column("kind", Id, nullable=False, server_default="api"))
        op.create_check_constraint(op.f("ck_portal_sessions_kind_known"), "portal_sessions", _MINTED)
    else:
        op.execute(
            "alter table portal_sessions add column kind text not null default 'api' "
            f"constraint ck_portal_sessions_kind_known check ({_MINTED})"
        )
    replace_check(*_KIND, _BEFORE, _AFTER)


def downgrade() -> None:
    # They end: to the version before they would be sessions of the API, which no log-out of the host ends.
    op.execute("delete from sign_in_sessions where kind in ('host', 'identified')")
    op.execute("delete from portal_sessions where kind = 'host'")
    replace_check(*_KIND, _AFTER, _BEFORE)
    if _is_postgresql():
        op.drop_constraint(op.f("ck_portal_sessions_kind_known"), "portal_sessions", type_="check")
    op.drop_column("portal_sessions", "kind")


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"
