"""Requests to a gateway: the charge, prompt or page of a payment, built from what was stored, and the lookup of its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from portal.gateways.contract import ChargeOutcome, ChargeRequest, Gateway, Lookup, PageRequest, Payer, PromptRequest
from portal.merchants.queries import MerchantProfile, get_merchant
from portal.money import Money
from portal.pay_links.rules import with_token
from portal.payment_methods.queries.at_gateways import find_token, get_payer
from portal.payments.models import Payment
from portal.payments.rules.choices import CreditAlone, NewMethod, Prompt, SavedMethod, Way, read_way
from portal.rendering.translations import translator
from portal.tenancy import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRequest:
    """A payment as it is sent to its gateway. `token` is that of the saved method, where `way` is one."""

    payment_id: str
    money: Money
    description: str
    way: Way
    token: str | None
    locale: str
    payee: str
    payer: Payer
    return_url: str


def build_gateway_request(session: Session, payment: Payment, keys: Sequence[bytes]) -> GatewayRequest | None:
    """Return the request for a payment (`keys` are the installation's secrets); None where none may be sent: its saved method was removed since, or the payment was not
    chosen here, or credit pays all of it."""
    way, gateway = read_way(payment), payment.gateway
    if way is None or gateway is None:
        return None
    scope = Scope(payment.merchant_id, payment.customer_id)
    token = find_token(session, scope, way.method_id) if isinstance(way, SavedMethod) else None
    if isinstance(way, SavedMethod) and token is None:
        return None
    merchant = get_merchant(session, payment.merchant_id)
    locale = payment.locale or merchant.locale
    return GatewayRequest(
        payment_id=payment.id,
        money=Money(payment.charge_amount, payment.currency),
        description=_describe(payment, locale),
        way=way,
        token=token,
        locale=locale,
        payee=merchant.legal_name,
        payer=(
            get_payer(session, scope, gateway)
            if payment.pay_link_id is None
            else _payer_by_link(payment.pay_link_id, merchant)
        ),
        return_url=_return_url(payment, keys),
    )


def _return_url(payment: Payment, keys: Sequence[bytes]) -> str:
    """Return where the gateway leads back to. Below a pay link the token is filled in here, and is stored nowhere."""
    stored = payment.return_url or ""
    if payment.pay_link_id is None:
        return stored
    return with_token(keys, payment.merchant_id, payment.pay_link_id, stored)


def _payer_by_link(link_id: str, merchant: MerchantProfile) -> Payer:
    """Return whoever pays by a pay link: the gateway's page must show them nothing of the customer, whose methods and address it may know."""
    return Payer(link_id, fallback_email=merchant.support_email or None)


def send_request(gateway: Gateway, request: GatewayRequest) -> ChargeOutcome:
    """Send the request in the way that was chosen: charge the saved method, prompt the telephone, or open the gateway's page."""
    match request.way:
        case SavedMethod():
            assert request.token is not None, "a saved method is charged with its token"
            return gateway.charge(
                ChargeRequest(request.payment_id, request.money, request.token, request.description, request.return_url)
            )
        case Prompt(channel, phone, save):
            return gateway.prompt(
                PromptRequest(
                    request.payment_id,
                    request.money,
                    channel,
                    phone,
                    request.payer,
                    request.description,
                    request.return_url,
                    save,
                )
            )
        case NewMethod(save):
            return gateway.open_page(
                PageRequest(
                    request.payment_id,
                    request.money,
                    request.payee,
                    request.payer,
                    request.description,
                    return_url=request.return_url,
                    cancel_url=request.return_url,
                    locale=request.locale,
                    save=save,
                )
            )
        case CreditAlone():
            raise AssertionError("a payment by credit alone is never sent")


def _describe(payment: Payment, locale: str) -> str:
    """Return what the payment is for, as a gateway shows it: the same whenever the request is resent, since its language is stored."""
    if payment.kind == "top_up":
        return translator(locale).gettext("Added credit")
    return payment.description


def lookup_of(payment: Any) -> Lookup:
    """Return the lookup of a payment, or of a row with these columns of one."""
    return Lookup(
        payment.id, payment.sent_at or payment.created_at, payment.gateway_reference, payment.gateway_page_reference
    )
