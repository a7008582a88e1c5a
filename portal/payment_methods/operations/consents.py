"""The customer's consent to save a method: recorded with the payment or setup that it belongs to, and never without one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.contacts import mask_card_numbers
from portal.events.rules import Actor, customer_actor
from portal.payment_methods.models import PaymentMethodConsent
from portal.public_ids import new_id
from portal.tenancy import Scope

_MAX_USER_AGENT_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent as it was given with a request. `wording` is the sentence as it was shown on the page, in the language `locale`; `person_id`
    the person of the account who gave it, None for its own mail address."""

    wording: str
    locale: str
    network_address: str
    user_agent: str
    person_id: str | None = None


def record_consent(
    session: Session,
    scope: Scope,
    consent: Consent,
    *,
    at: datetime,
    payment_id: str | None = None,
    setup_id: str | None = None,
) -> None:
    """Store the consent to save the method of a payment or a setup; `link_consent` adds the method when it is saved."""
    session.add(
        PaymentMethodConsent(
            merchant_id=scope.merchant_id,
            id=new_id("pmc", at),
            customer_id=scope.customer_id,
            person_id=consent.person_id,
            payment_id=payment_id,
            setup_id=setup_id,
            wording=consent.wording,
            locale=consent.locale,
            network_address=consent.network_address,
            user_agent=_printable(consent.user_agent),
            created_at=at,
        )
    )


def link_consent(
    session: Session, merchant_id: str, method_id: str, *, payment_id: str | None = None, setup_id: str | None = None
) -> None:
    """Set the method that was saved by the payment or setup to which the consent belongs."""
    session.execute(
        sa.update(PaymentMethodConsent)
        .where(PaymentMethodConsent.merchant_id == merchant_id, _is_of(payment_id, setup_id))
        .values(payment_method_id=method_id)
        .execution_options(synchronize_session=False)
    )


def consenting_actor(
    session: Session, scope: Scope, *, payment_id: str | None = None, setup_id: str | None = None
) -> Actor:
    """Return whoever asked to save the method of a payment or setup as the actor: it is its doing, whoever reports the outcome."""
    person_id = session.execute(
        sa.select(PaymentMethodConsent.person_id).where(
            PaymentMethodConsent.merchant_id == scope.merchant_id, _is_of(payment_id, setup_id)
        )
    ).scalar()
    return customer_actor(scope.customer_id, person=person_id)


def _is_of(payment_id: str | None, setup_id: str | None) -> sa.ColumnElement[bool]:
    if payment_id is None:
        return PaymentMethodConsent.setup_id == setup_id
    return PaymentMethodConsent.payment_id == payment_id


def _printable(user_agent: str) -> str:
    return "".join(
        character for character in mask_card_numbers(user_agent)[:_MAX_USER_AGENT_LENGTH] if character.isprintable()
    )
