"""Packed for the customer's own pages of methods, the checkout and the overview: all that a customer has, never paged, the default
first. Everybody else reads by `queries.methods`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.database import Id, Reader
from portal.errors import NotFound
from portal.payment_methods.models import PaymentMethod, PaymentMethodConsent
from portal.public_ids import is_id
from portal.tenancy import Scope

_METHODS = PaymentMethod.__table__


class MethodRecord(NamedTuple):
    """A saved method. `status` is active, or expired where the merchant has left its gateway; whether a card has expired is
    `rules.method_state`."""

    id: str
    type: str
    brand: str | None
    last4: str | None
    exp_month: int | None
    exp_year: int | None
    phone: str | None
    bank_name: str | None
    nickname: str | None
    is_default: bool
    status: str
    last_used_at: datetime | None


def list_own_methods(reader: Reader, scope: Scope) -> list[MethodRecord]:
    """Return the customer's saved methods: the default first, then the newest; removed ones are left out."""
    rows = reader.execute(_LIST, {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id})
    return in_order([MethodRecord._make(row) for row in rows])


def get_own_method(reader: Reader, scope: Scope, method_id: str) -> MethodRecord:
    """Return one of the customer's saved methods. Raises NotFound."""
    found = next((method for method in list_own_methods(reader, scope) if method.id == method_id), None)
    if found is None:
        raise NotFound
    return found


def find_removed(reader: Reader, scope: Scope, method_id: str) -> MethodRecord | None:
    """Return one of the customer's methods that was removed; None for any other, saved ones too."""
    m = _METHODS.c
    statement = sa.select(*(m[name] for name in MethodRecord._fields)).where(
        m.merchant_id == scope.merchant_id,
        m.customer_id == scope.customer_id,
        m.id == method_id,
        m.status == "removed",
    )
    row = reader.execute(statement).first() if is_id("pm", method_id) else None
    return MethodRecord._make(row) if row is not None else None


class MethodDetailRecord(NamedTuple):
    """What the page of methods shows beside a MethodRecord; `gateway` is where it is saved. `consent_*` is the customer's newest
    consent, None for a method without one (imported, migrated from another platform)."""

    holder: str | None
    gateway: str
    created_at: datetime
    consent_at: datetime | None
    consent_wording: str | None
    consent_locale: str | None


def list_method_details(reader: Reader, scope: Scope) -> dict[str, MethodDetailRecord]:
    """Return holder, age and newest consent of each of the customer's saved methods, by its id."""
    m, consent = _METHODS.c, PaymentMethodConsent.__table__.c
    statement = (
        sa.select(m.id, m.holder, m.gateway, m.created_at, consent.created_at, consent.wording, consent.locale)
        .outerjoin_from(
            _METHODS,
            PaymentMethodConsent.__table__,
            sa.and_(consent.merchant_id == m.merchant_id, consent.payment_method_id == m.id),
        )
        .where(
            m.merchant_id == scope.merchant_id,
            m.customer_id == scope.customer_id,
            m.status != sa.literal_column("'removed'", Id),
        )
        .order_by(consent.created_at)
    )
    return {id: MethodDetailRecord._make(rest) for id, *rest in reader.execute(statement)}


def in_order(methods: list[MethodRecord]) -> list[MethodRecord]:
    """Methods with the default first, then the newest."""
    return sorted(methods, key=lambda method: (method.is_default, method.id), reverse=True)


def saved_methods() -> sa.Select[Any]:
    """The columns of a MethodRecord for the customer's methods; for the overview too."""
    m = _METHODS.c
    return sa.select(*(m[name] for name in MethodRecord._fields)).where(
        m.merchant_id == sa.bindparam("merchant_id"),
        m.customer_id == sa.bindparam("customer_id"),
        m.status != sa.literal_column("'removed'", Id),
    )


_LIST = saved_methods()
