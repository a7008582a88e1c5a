"""Reads of what a merchant still wants to know of a customer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from portal.customers.models import Customer
from portal.customers.rules.typed_details import list_missing
from portal.database import Reader
from portal.merchants.rules.context_fields import ContextField
from portal.tenancy import Scope

STALE_AFTER = timedelta(days=365)
ASK_AGAIN_AFTER = timedelta(days=30)
_COLUMNS = (
    Customer.name, Customer.company_name, Customer.phone, Customer.billing_address, Customer.shipping_address, Customer.tax_ids,
    Customer.purchase_order, Customer.fields, Customer.created_at, Customer.details_confirmed_at, Customer.details_postponed_at,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WantedDetails:
    """What to ask a customer for: how many details that the merchant requires are missing; 0 where they only grew old."""

    missing_count: int


def find_wanted(reader: Reader, scope: Scope, fields: Sequence[ContextField], at: datetime) -> WantedDetails | None:
    """Return what to ask the customer for now, None where there is nothing to ask, or it was asked in the last month.

    Asked for is what the merchant requires: where it is missing, or was last looked at by the customer more than a year ago.
    """
    if not any(each.show == "required" for each in fields):
        return None
    row = reader.execute(
        sa.select(*_COLUMNS).where(Customer.merchant_id == scope.merchant_id, Customer.id == scope.customer_id)
    ).one()
    if row.details_postponed_at is not None and at - row.details_postponed_at < ASK_AGAIN_AFTER:
        return None
    missing = list_missing(row._asdict(), fields)
    if missing or at - (row.details_confirmed_at or row.created_at) >= STALE_AFTER:
        return WantedDetails(len(missing))
    return None
