"""What a gateway is told of a payment: the order, as it was written down durably, and the question what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from portal.gateways.contract import ChargeOutcome, ChargeRequest, Gateway, Lookup, PageRequest, Payer, PromptRequest
from portal.merchants.queries import get_merchant
from portal.money import Money
from portal.payment_methods.queries.at_gateways import find_token, get_payer
from portal.payments.models import Payment
from portal.tenancy import Scope


@dataclass(frozen=True, slots=True)
class Intent:
    """A durable intent as the gateway is told it. Without a token the telephone `phone` is asked, or where there is none the
    customer enters a method on the gateway's page."""

    payment_id: str
    money: Money
    description: str
    token: str | None
    channel: str | None
    phone: str | None
    save: bool
    locale: str
    payee: str
    payer: Payer
    return_url: str


def intent_of(session: Session, payment: Payment) -> Intent | None:
    """The order as the gateway is told it; None when its saved method was removed since: then it is not given again."""
    token = None
    if payment.payment_method_id is not None:
        token = find_token(session, Scope(payment.merchant_id, payment.customer_id), payment.payment_method_id)
        if token is None:
            return None
    merchant = get_merchant(session, payment.merchant_id)
    return Intent(
        payment.id,
        Money(payment.charge_amount, payment.currency),
        payment.description,
        token,
        payment.channel,
        payment.phone,
        payment.save_method,
        payment.locale or merchant.locale,
        merchant.legal_name,
        get_payer(session, Scope(payment.merchant_id, payment.customer_id), payment.gateway),
        payment.return_url or "",
    )


def send(gateway: Gateway, intent: Intent) -> ChargeOutcome:
    """Give the order: of the saved method, of the telephone, or of the gateway's page."""
    if intent.token is not None:
        return gateway.charge(
            ChargeRequest(intent.payment_id, intent.money, intent.token, intent.description, intent.return_url)
        )
    if intent.phone is not None and intent.channel is not None:
        return gateway.prompt(
            PromptRequest(
                intent.payment_id,
                intent.money,
                intent.channel,
                intent.phone,
                intent.payer,
                intent.description,
                intent.return_url,
                intent.save,
            )
        )
    return gateway.open_page(
        PageRequest(
            intent.payment_id,
            intent.money,
            intent.payee,
            intent.payer,
            intent.description,
            return_url=intent.return_url,
            cancel_url=intent.return_url,
            locale=intent.locale,
            save=intent.save,
        )
    )


def lookup_of(payment: Any) -> Lookup:
    """What the gateway is asked about a payment, or a row with these columns of one."""
    return Lookup(
        payment.id, payment.sent_at or payment.created_at, payment.gateway_reference, payment.gateway_page_reference
    )
