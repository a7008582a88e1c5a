"""Reads of saved methods for the gateway that keeps them: the only ones that give a token."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from portal.customers.queries.customers import get_contact
from portal.database import Reader
from portal.gateways.contract import Payer
from portal.payment_methods.models import PaymentMethod
from portal.payment_methods.queries.methods import COLUMNS, StoredMethod
from portal.public_ids import is_id
from portal.tenancy import Scope


def get_payer(reader: Reader, scope: Scope, gateway: str) -> Payer:
    """Return the customer as a gateway wants to know them, with a token by which it knows them already."""
    contact = get_contact(reader, scope)
    parameters = {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id, "gateway": gateway}
    known = reader.execute(_FIRST_TOKEN, parameters).scalar()
    return Payer(scope.customer_id, contact.name, contact.email, contact.phone, known)


def find_chargeable(reader: Reader, scope: Scope, method_id: str, gateway: str | None) -> StoredMethod | None:
    """Return the customer's active method if this gateway keeps it; whether a card has run out is `rules.method_state`."""
    if not is_id("pm", method_id):
        return None
    row = reader.execute(
        sa.select(*COLUMNS).where(
            PaymentMethod.merchant_id == scope.merchant_id,
            PaymentMethod.customer_id == scope.customer_id,
            PaymentMethod.id == method_id,
            PaymentMethod.gateway == gateway,
            PaymentMethod.status == "active",
        )
    ).first()
    return StoredMethod._make(row) if row is not None else None


def find_token(reader: Reader, scope: Scope, method_id: str) -> str | None:
    """Return the gateway's token of the customer's method; None when it is no longer active."""
    return reader.execute(
        sa.select(PaymentMethod.token).where(
            PaymentMethod.merchant_id == scope.merchant_id,
            PaymentMethod.id == method_id,
            PaymentMethod.customer_id == scope.customer_id,
            PaymentMethod.status == "active",
        )
    ).scalar()


def select_same_instrument(method: PaymentMethod) -> sa.Select[Any]:
    """Return the statement of the ids of the rows of this card or account at its gateway, under this token or another one, to
    stand inside another statement."""
    return sa.select(PaymentMethod.id).where(
        PaymentMethod.merchant_id == method.merchant_id,
        PaymentMethod.customer_id == method.customer_id,
        PaymentMethod.gateway == method.gateway,
        PaymentMethod.fingerprint == method.fingerprint,
    )


_FIRST_TOKEN = (
    sa.select(PaymentMethod.token)
    .where(
        PaymentMethod.merchant_id == sa.bindparam("merchant_id"),
        PaymentMethod.customer_id == sa.bindparam("customer_id"),
        PaymentMethod.gateway == sa.bindparam("gateway"),
        PaymentMethod.status == "active",
    )
    .order_by(PaymentMethod.id)
    .limit(1)
)
