"""Reads of the audit log, for the domains whose decisions stand there. Rows in the order in which things happened."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.audit.models import ABOUT_MERGES, AuditEntry
from portal.database import Reader, table_of
from portal.tenancy import MerchantScope


class LoggedAct(NamedTuple):
    """One entry: what happened to a customer, with the ids and counts that were kept of it."""

    at: datetime
    action: str
    customer_id: str
    details: dict[str, Any]


def list_acts_about_merges(reader: Reader, scope: MerchantScope) -> list[LoggedAct]:
    """Return who proved which address that others have, and which pairs the merchant keeps apart, oldest first."""
    return [LoggedAct._make(row) for row in reader.execute(_ABOUT_MERGES, {"merchant_id": scope.merchant_id})]


_ENTRIES = table_of(AuditEntry).c
_ABOUT_MERGES = (
    sa.select(_ENTRIES.at, _ENTRIES.action, _ENTRIES.customer_id, _ENTRIES.details)
    # The index is over a part of the table, which has to stand here as it stands there.
    .where(_ENTRIES.merchant_id == sa.bindparam("merchant_id"), sa.text(ABOUT_MERGES))
    .order_by(_ENTRIES.id)
)
