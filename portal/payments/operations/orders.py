"""What a gateway is sent for a payment: the order, as it was stored, and the request for its outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from portal.gateways.contract import ChargeOutcome, ChargeRequest, Gateway, Lookup, PageRequest, Payer, PromptRequest
from portal.merchants.queries import get_merchant
from portal.money import Money
from portal.payment_methods.queries.at_gateways import find_token, get_payer
from portal.payments.models import Payment
from portal.payments.rules.choices import CreditAlone, NewMethod, Prompt, SavedMethod, Way, read_way
from portal.rendering.translations import translator
from portal.tenancy import Scope


@dataclass(frozen=True, slots=True)
class Intent:
    """A durable intent as the gateway is sent it. `token` is that of the saved method, where `way` is one."""

    payment_id: str
    money: Money
    description: str
    way: Way
    token: str | None
    locale: str
    payee: str
    payer: Payer
    return_url: str


def intent_of(session: Session, payment: Payment) -> Intent | None:
    """Return the order that a gateway is sent; None where none may be sent: its saved method was removed since, or the payment was
    not chosen here, or credit pays it all."""
    way, gateway = read_way(payment), payment.gateway
    if way is None or gateway is None:
        return None
    scope = Scope(payment.merchant_id, payment.customer_id)
    token = find_token(session, scope, way.method_id) if isinstance(way, SavedMethod) else None
    if isinstance(way, SavedMethod) and token is None:
        return None
    merchant = get_merchant(session, payment.merchant_id)
    locale = payment.locale or merchant.locale
    return Intent(
        payment.id,
        Money(payment.charge_amount, payment.currency),
        _describe(payment, locale),
        way,
        token,
        locale,
        merchant.legal_name,
        get_payer(session, Scope(payment.merchant_id, payment.customer_id), gateway),
        payment.return_url or "",
    )


def send(gateway: Gateway, intent: Intent) -> ChargeOutcome:
    """Order the payment in the way that was chosen: charge the saved method, prompt the telephone, or open the gateway's page."""
    match intent.way:
        case SavedMethod():
            assert intent.token is not None, "a saved method is ordered with its token"
            return gateway.charge(
                ChargeRequest(intent.payment_id, intent.money, intent.token, intent.description, intent.return_url)
            )
        case Prompt(channel, phone, save):
            return gateway.prompt(
                PromptRequest(
                    intent.payment_id,
                    intent.money,
                    channel,
                    phone,
                    intent.payer,
                    intent.description,
                    intent.return_url,
                    save,
                )
            )
        case NewMethod(save):
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
                    save=save,
                )
            )
        case CreditAlone():
            raise AssertionError("what credit alone pays is never sent")


def _describe(payment: Payment, locale: str) -> str:
    """What the payment is for, as a gateway shows it: the same whenever the order is resent, since its language is stored with it."""
    if payment.kind == "top_up":
        return translator(locale).gettext("Money in advance")
    return payment.description


def lookup_of(payment: Any) -> Lookup:
    """What the gateway is asked about a payment, or a row with these columns of one."""
    return Lookup(
        payment.id, payment.sent_at or payment.created_at, payment.gateway_reference, payment.gateway_page_reference
    )
