"""Verbs of saved methods."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.audit.operations import record_act
from portal.customers.models import Customer
from portal.gateways.contract import MethodFacts
from portal.payment_methods.models import PaymentMethod
from portal.public_ids import new_id
from portal.tenancy import Scope


def remember_method(session: Session, scope: Scope, gateway: str, facts: MethodFacts, *, at: datetime) -> str:
    """Save a gateway's token for the customer and tell its id; the same card again is the method that is there already.

    The customer's first method becomes the default. Called only with the customer's consent (recorded in the audit log).
    """
    assert facts.token, "only what can be used again is saved"
    fingerprint = facts.fingerprint or facts.token
    # The customer's row orders two tabs that save at once: without it the unique index would refuse the second one here,
    # and with it the booking of money that did come.
    session.execute(
        sa.select(Customer.id)
        .where(Customer.merchant_id == scope.merchant_id, Customer.id == scope.customer_id)
        .with_for_update()
    )
    existing = (
        session.execute(
            sa.select(PaymentMethod).where(
                PaymentMethod.merchant_id == scope.merchant_id,
                PaymentMethod.customer_id == scope.customer_id,
                PaymentMethod.status == "active",
            )
        )
        .scalars()
        .all()
    )
    for method in existing:
        if method.gateway == gateway and method.fingerprint == fingerprint:
            method.token, method.exp_month, method.exp_year = facts.token, facts.exp_month, facts.exp_year
            return method.id
    method = PaymentMethod(
        merchant_id=scope.merchant_id,
        id=new_id("pm", at),
        customer_id=scope.customer_id,
        gateway=gateway,
        token=facts.token,
        fingerprint=fingerprint,
        type=facts.type,
        brand=facts.brand,
        last4=facts.last4,
        exp_month=facts.exp_month,
        exp_year=facts.exp_year,
        holder=facts.holder,
        phone=facts.phone,
        bank_name=facts.bank_name,
        is_default=not any(method.is_default for method in existing),
        status="active",
        created_at=at,
    )
    session.add(method)
    session.flush()
    record_act(
        session,
        scope.merchant_id,
        "payment_method.added",
        at=at,
        actor_type="customer",
        actor_id=scope.customer_id,
        customer_id=scope.customer_id,
        object_id=method.id,
    )
    return method.id
