"""Reads of saved methods: what may be shown of them; a gateway's token only for the gateway itself (`get_payer`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from portal.customers.models import Customer
from portal.database import Id, Reader
from portal.errors import NotFound
from portal.gateways.contract import Payer
from portal.payment_methods.models import PaymentMethod, PaymentMethodConsent, PaymentMethodSetup
from portal.public_ids import is_id
from portal.tenancy import Scope

_METHODS = PaymentMethod.__table__


class MethodRecord(NamedTuple):
    """A saved method. `status` is active, or expired where the merchant has left the gateway that keeps it; whether a card has run
    out is `rules.method_state`."""

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


def list_methods(reader: Reader, scope: Scope) -> list[MethodRecord]:
    """The customer's saved methods: the default first, then the newest; removed ones are left out."""
    rows = reader.execute(_LIST, {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id})
    return in_order([MethodRecord._make(row) for row in rows])


def get_method(reader: Reader, scope: Scope, method_id: str) -> MethodRecord:
    """One of the customer's saved methods. Raises NotFound."""
    found = next((method for method in list_methods(reader, scope) if method.id == method_id), None)
    if found is None:
        raise NotFound
    return found


def find_removed(reader: Reader, scope: Scope, method_id: str) -> MethodRecord | None:
    """One of the customer's methods that was removed; None for any other, saved ones too."""
    m = _METHODS.c
    statement = sa.select(*(m[name] for name in MethodRecord._fields)).where(
        m.merchant_id == scope.merchant_id,
        m.customer_id == scope.customer_id,
        m.id == method_id,
        m.status == "removed",
    )
    row = reader.execute(statement).first() if is_id("pm", method_id) else None
    return MethodRecord._make(row) if row is not None else None


class MethodFactsRecord(NamedTuple):
    """What the page of one method shows beside a MethodRecord; `gateway` keeps it. `consent_*` is the newest word of the customer on it, None for a
    method that came without one (imported, brought over from a platform)."""

    holder: str | None
    gateway: str
    created_at: datetime
    consent_at: datetime | None
    consent_wording: str | None
    consent_locale: str | None


def get_method_facts(reader: Reader, scope: Scope, method_id: str) -> MethodFactsRecord:
    """Holder, age and consent of one of the customer's methods. Raises NotFound."""
    m, consent = _METHODS.c, PaymentMethodConsent.__table__.c
    statement = (
        sa.select(m.holder, m.gateway, m.created_at, consent.created_at, consent.wording, consent.locale)
        .outerjoin_from(
            _METHODS,
            PaymentMethodConsent.__table__,
            sa.and_(consent.merchant_id == m.merchant_id, consent.payment_method_id == m.id),
        )
        .where(m.merchant_id == scope.merchant_id, m.customer_id == scope.customer_id, m.id == method_id)
        .order_by(consent.created_at.desc())
        .limit(1)
    )
    row = reader.execute(statement).first()
    if row is None:
        raise NotFound
    return MethodFactsRecord._make(row)


class SetupRecord(NamedTuple):
    """A setup as its page shows it; `status` and `failure_code` as in the table."""

    id: str
    status: str
    gateway: str
    replaces: str | None
    payment_method_id: str | None
    action_url: str | None
    failure_code: str | None


def get_setup(reader: Reader, scope: Scope, setup_id: str) -> SetupRecord:
    """One of the customer's setups. Raises NotFound."""
    setup = PaymentMethodSetup.__table__.c
    row = (
        reader.execute(
            sa.select(*(setup[name] for name in SetupRecord._fields)).where(
                setup.merchant_id == scope.merchant_id, setup.customer_id == scope.customer_id, setup.id == setup_id
            )
        ).first()
        if is_id("pms", setup_id)
        else None
    )
    if row is None:
        raise NotFound
    return SetupRecord._make(row)


def get_payer(reader: Reader, scope: Scope, gateway: str) -> Payer:
    """The customer as a gateway wants to know them, with a token by which it knows them already."""
    asked = {"merchant_id": scope.merchant_id, "customer_id": scope.customer_id}
    name, email, phone = reader.execute(_PERSON, asked).one()
    known = reader.execute(_FIRST_TOKEN, {**asked, "gateway": gateway}).scalar()
    return Payer(scope.customer_id, name, email, phone, known)


_PERSON = sa.select(Customer.name, Customer.email, Customer.phone).where(
    Customer.merchant_id == sa.bindparam("merchant_id"), Customer.id == sa.bindparam("customer_id")
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
