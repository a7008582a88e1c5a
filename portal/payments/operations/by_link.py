"""Paying by a pay link: the operations of the checkout, for whoever holds the link of one invoice and is not signed in.

The same intents, gateway calls and outcomes as the customer's own. What differs is here: nothing of the customer's is used (no saved
method, no credit), nothing is saved, and what another payment did is neither seen nor changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from portal.database import Reader
from portal.errors import NotFound
from portal.events.rules import Actor
from portal.gateways.contract import NO_LIMITS, ChargeLimits
from portal.pay_links.queries import PayLinkState
from portal.pay_links.rules import LINK_PLACE
from portal.payments.errors import MethodMissing, SplitNotAllowed
from portal.payments.operations.checkouts import begin_checkout
from portal.payments.operations.paying import cancel_payment, confirm_payment
from portal.payments.queries.payments import StoredPayment, find_payment
from portal.payments.rules.choices import Amount, Choice, FirstPart, Invoices, NewMethod, Prompt, Way
from portal.public_ids import is_id
from portal.services import Services


@dataclass(frozen=True, slots=True)
class LinkChoice:
    """What somebody chose on the page of a pay link: the gateway's page or a telephone, how much, and the currency, None for the
    invoice's own. Any other way is refused where it is used."""

    way: Way
    amount: Amount
    currency: str | None = None


def begin_by_link(
    session: Session,
    link: PayLinkState,
    chosen: LinkChoice,
    *,
    gateway: str | None,
    expires_after: timedelta,
    actor: Actor,
    device: str | None = None,
    charge_limits: Mapping[str, ChargeLimits] = NO_LIMITS,
    at: datetime,
) -> str:
    """Create an unconfirmed payment of the link's invoice, and return its id; the arguments and what is raised are those of
    `begin_checkout`."""
    return begin_checkout(
        session,
        link.scope,
        choice_by_link(link, chosen),
        gateway=gateway,
        expires_after=expires_after,
        actor=actor,
        device=device,
        charge_limits=charge_limits,
        pay_link_id=link.id,
        at=at,
    )


def choice_by_link(link: PayLinkState, chosen: LinkChoice) -> Choice:
    """Return the choice at the checkout that a choice by link is: of its one invoice, without credit, and with nothing saved.

    Raises MethodMissing for any other way to pay, and SplitNotAllowed for a first part, whose rest a signed-in customer pays.
    """
    if isinstance(chosen.amount, FirstPart):
        raise SplitNotAllowed
    match chosen.way:
        case NewMethod():
            way: NewMethod | Prompt = NewMethod(save=False)
        case Prompt(channel, phone, _):
            way = Prompt(channel, phone, save=False)
        case _:
            raise MethodMissing
    return Choice(Invoices((link.invoice_id,), chosen.currency), way, chosen.amount, use_credit=False)


def confirm_by_link(
    services: Services, link: PayLinkState, payment_id: str, *, actor: Actor, version: str, page_url: str, locale: str
) -> None:
    """Pay, as `confirm_payment` does and raising what it raises; NotFound for a payment that was not begun by this link.

    `page_url` is the payment's own page, absolute, with `rules.LINK_PLACE` where the token goes: it is stored like that.
    """
    with services.database.read() as reader:
        get_by_link(reader, link, payment_id)
    assert LINK_PLACE in page_url, "the address that is stored must not open the invoice"
    confirm_payment(
        services, link.scope, payment_id, actor=actor, version=version, return_url=page_url, locale=locale, consent=None
    )


def cancel_by_link(services: Services, link: PayLinkState, payment_id: str, *, actor: Actor) -> str:
    """Cancel a payment that was begun by this link, as `cancel_payment` does. Raises NotFound."""
    with services.database.read() as reader:
        get_by_link(reader, link, payment_id)
    return cancel_payment(services, link.scope, payment_id, actor=actor)


def get_by_link(reader: Reader, link: PayLinkState, payment_id: str) -> StoredPayment:
    """Return a payment that was begun by this link. Raises NotFound for any other, an unknown and a malformed id alike."""
    payment = find_payment(reader, link.scope, payment_id) if is_id("pay", payment_id) else None
    if payment is None or payment.pay_link_id != link.id:
        raise NotFound
    return payment
