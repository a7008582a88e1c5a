"""A customer in the API's shape (contract, section 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from portal.clock import write_instant
from portal.customers.models import Customer
from portal.customers.queries.customers import StoredCustomer
from portal.customers.queries.merges import MergeProposal
from portal.database import Flag, Id, Reader
from portal.merchants.queries import MerchantProfile, get_merchant

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
    defaults = _default_methods(reader, customer.merchant_id, [customer.id])
    merchant = get_merchant(reader, customer.merchant_id)
    return _shape(customer, customer.custom_metadata, defaults.get(customer.id), is_live=merchant.is_live)


def shape_customers(
    reader: Reader, merchant: MerchantProfile, customers: Sequence[StoredCustomer]
) -> list[dict[str, Any]]:
    """Return customers of a merchant as the API returns them, in two statements however many they are."""
    defaults = _default_methods(reader, merchant.id, [customer.id for customer in customers])
    return [
        _shape(customer, customer.metadata, defaults.get(customer.id), is_live=merchant.is_live)
        for customer in customers
    ]


def shape_merge_proposal(proposal: MergeProposal) -> dict[str, Any]:
    """Return two customers that may be one: `customer` proved the address that `other` has (`reason`)."""
    return {
        "object": "merge_proposal",
        "customer": _shape_briefly(proposal.customer),
        "other": _shape_briefly(proposal.other),
        "reason": "same_proved_email",
        "email": proposal.customer.email,
        "proposed_at": write_instant(proposal.proposed_at),
    }


def _shape_briefly(customer: StoredCustomer) -> dict[str, Any]:
    return {name: getattr(customer, name) for name in ("id", "reference", "name", "company_name")}


def _default_methods(reader: Reader, merchant_id: str, customer_ids: Sequence[str]) -> Mapping[str, str]:
    """Return the id of the default method of each of these customers that has one."""
    rows = reader.execute(
        sa.select(_METHODS.c.customer_id, _METHODS.c.id).where(
            _METHODS.c.merchant_id == merchant_id,
            _METHODS.c.customer_id.in_(customer_ids),
            _METHODS.c.is_default,
            _METHODS.c.status == "active",
        )
    )
    return {row.customer_id: row.id for row in rows}


def _shape(
    customer: Customer | StoredCustomer, metadata: Mapping[str, Any], default_method: str | None, *, is_live: bool
) -> dict[str, Any]:
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
        "tax_ids": [{"type": tax_id["type"], "value": tax_id["value"]} for tax_id in customer.tax_ids],
        "purchase_order": customer.purchase_order,
        "timezone": customer.timezone,
        "email_pending": customer.email_pending,
        "fields": dict(customer.fields),
        "metadata": dict(metadata),
        "default_payment_method": default_method,
        "blocked": customer.blocked,
        "livemode": is_live,
        "created_at": write_instant(customer.created_at),
        "updated_at": write_instant(customer.updated_at),
    }


def _shape_address(address: Mapping[str, Any]) -> dict[str, Any]:
    return {part: address.get(part) for part in _ADDRESS} if address else {}
