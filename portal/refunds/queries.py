"""What the operator is told of refunds, over all merchants."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from portal.database import Reader
from portal.refunds.models import Refund


class UnknownRefunds(NamedTuple):
    """Refunds whose outcome the gateway has yet to tell, and when the oldest of them was ordered."""

    unknown_count: int
    oldest_at: datetime | None


def read_unknown_refunds(reader: Reader, *, before: datetime | None = None) -> UnknownRefunds:
    """All of them, or those that were ordered before an instant."""
    statement = sa.select(sa.func.count(), sa.func.min(Refund.created_at)).where(
        Refund.next_check_at.is_not(None), Refund.status == "pending"
    )
    if before is not None:
        statement = statement.where(Refund.created_at < before)
    unknown_count, oldest_at = reader.execute(statement.execution_options(tenant_wide=True)).one()
    return UnknownRefunds(unknown_count, oldest_at)
