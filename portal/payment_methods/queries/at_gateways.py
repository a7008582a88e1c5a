"""Reads of saved methods for the gateway at which they are saved: the only reads that return a token."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from portal.customers.queries.customers import get_contact
from portal.database import Reader, table_of
from portal.gateways.contract import Payer
from portal.payment_methods.models import PaymentMethod
from portal.payment_methods.queries.methods import StoredMethod
from portal.public_ids import is_id
from portal.tenancy import Scope, parameters_of


def get_payer(reader: Reader, scope: Scope, gateway: str) -> Payer:
    """Return the customer as a gateway needs them, with a token by which it identifies them, if there is one."""
    contact = get_contact(reader, scope)
    known = reader.execute(_FIRST_TOKEN, {**parameters_of(scope), "gateway": gateway}).scalar()
    return Payer(scope.customer_id, contact.name, contact.email, contact.phone, known)


def find_chargeable(reader: Reader, scope: Scope, method_id: str, gateway: str | None) -> StoredMethod | None:
    """Return the customer's active method if it is saved at this gateway; whether a card has expired is `rules.method_state`."""
    if not is_id("pm", method_id):
        return None
    row = reader.execute(_CHARGEABLE, {**parameters_of(scope), "id": method_id, "gateway": gateway}).first()
    return StoredMethod._make(row) if row is not None else None


def find_token(reader: Reader, scope: Scope, method_id: str) -> str | None:
    """Return the gateway's token of the customer's method; None when it is no longer active."""
    return reader.execute(_TOKEN, {**parameters_of(scope), "id": method_id}).scalar()


def select_same_instrument(method: PaymentMethod) -> sa.Select[Any]:
    """Return the statement of the ids of the rows of this card or account at its gateway, under this token or another one, to
    stand inside another statement."""
    return sa.select(PaymentMethod.id).where(
        PaymentMethod.merchant_id == method.merchant_id,
        PaymentMethod.customer_id == method.customer_id,
        PaymentMethod.gateway == method.gateway,
        PaymentMethod.fingerprint == method.fingerprint,
    )


# Built once, since every payment runs them: building a statement costs as much as running it.
_METHODS = table_of(PaymentMethod).c
_ACTIVE = (
    _METHODS.merchant_id == sa.bindparam("merchant_id"),
    _METHODS.customer_id == sa.bindparam("customer_id"),
    # Written out: for a parameter that an index over a part of the table depends on, SQLite plans the statement anew each time.
    _METHODS.status == sa.literal_column("'active'"),
)
_AT_GATEWAY = _METHODS.gateway == sa.bindparam("gateway")
_TOKEN = sa.select(_METHODS.token).where(*_ACTIVE, _METHODS.id == sa.bindparam("id"))
_FIRST_TOKEN = sa.select(_METHODS.token).where(*_ACTIVE, _AT_GATEWAY).order_by(_METHODS.id).limit(1)
_CHARGEABLE = sa.select(*(_METHODS[name] for name in StoredMethod._fields)).where(
    *_ACTIVE, _AT_GATEWAY, _METHODS.id == sa.bindparam("id")
)
