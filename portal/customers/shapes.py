"""A customer in the API's shape (contract, section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from portal.clock import write_instant
from portal.customers.models import Customer
from portal.database import Flag, Id, Reader
from portal.merchants.queries import get_merchant

_ADDRESS = ("line1", "line2", "line3", "city", "state", "postal_code", "country")
# By name, not by model: payment methods are in a higher package, and the shape has the id of the default one.
_METHODS = sa.table(
    "payment_methods",
    sa.column("merchant_id", Id),
    sa.column("customer_id", Id),
    sa.column("id", Id),
    sa.column("is_default", Flag),
    sa.column("status", Id),
)


def shape_customer(reader: Reader, customer: Customer) -> dict[str, Any]:
    """Return a customer as the API returns it, metadata included."""
    default = reader.execute(
        sa.select(_METHODS.c.id).where(
            _METHODS.c.merchant_id == customer.merchant_id,
            _METHODS.c.customer_id == customer.id,
            _METHODS.c.is_default,
            _METHODS.c.status == "active",
        )
    ).scalar()
    return {
        "id": customer.id,
        "object": "customer",
        "reference": customer.reference,
        "type": customer.type,
        "name": customer.name,
        "company_name": customer.company_name,
        "email": customer.email,
        "phone": customer.phone,
        "locale": customer.locale,
        "billing_address": _shape_address(customer.billing_address),
        "shipping_address": _shape_address(customer.shipping_address),
        "tax_ids": [],
        "purchase_order": None,
        "timezone": None,
        "email_pending": None,
        "fields": dict(customer.fields),
        "metadata": dict(customer.custom_metadata),
        "default_payment_method": default,
        "blocked": customer.blocked,
        "livemode": get_merchant(reader, customer.merchant_id).is_live,
        "created_at": write_instant(customer.created_at),
        "updated_at": write_instant(customer.updated_at),
    }


def _shape_address(address: Mapping[str, Any]) -> dict[str, Any]:
    return {part: address.get(part) for part in _ADDRESS} if address else {}
