"""Parameters of requests to Stripe. Pure: the same request gives the same parameters, but for the expiry of a page.

Sources: https://docs.stripe.com/api/payment_intents/create, https://docs.stripe.com/api/checkout/sessions/create,
https://docs.stripe.com/payments/save-during-payment, https://docs.stripe.com/payments/checkout/save-and-reuse.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from portal.gateways.contract import ChargeRequest, PageRequest, Payer, RefundRequest, SetupRequest
from portal.gateways.stripe.amounts import to_stripe
from portal.gateways.stripe.parsing import REFERENCE, customer_in_token

if TYPE_CHECKING:
    from stripe.params import PaymentIntentConfirmParams, PaymentIntentCreateParams, RefundCreateParams
    from stripe.params.checkout import SessionCreateParams

PAGE_VALID_FOR = timedelta(hours=3)
"""At least; up to an hour longer (`_next_full_hour`). Stripe allows from 30 minutes to 24 hours."""
_LONGEST_NAME, _LONGEST_DESCRIPTION = 250, 500
_LOCALES = frozenset(
    "bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hr hu id it ja ko lt lv ms mt nb nl pl pt pt-BR ro ru sk sl sv th tr "
    "vi zh zh-HK zh-TW".split()
)


def charge_params(request: ChargeRequest) -> PaymentIntentCreateParams:
    """An off-session charge of a saved card. Raises AmountError, and ValueError for a token that is not `cus_…/pm_…`."""
    customer = customer_in_token(request.token)
    if customer is None:
        raise ValueError("not a Stripe token")
    return {
        "amount": to_stripe(request.money),
        "currency": request.money.currency.lower(),
        "customer": customer,
        "payment_method": method_in_token(request.token),
        "confirm": True,
        "off_session": True,
        "return_url": request.return_url,
        "description": _cleaned(request.description, _LONGEST_DESCRIPTION),
        "metadata": {REFERENCE: request.reference},
        "expand": ["payment_method", "latest_charge"],
    }


def on_session_params(request: ChargeRequest) -> PaymentIntentConfirmParams:
    """The same charge on-session: the bank may authenticate the customer on a page that leads back to `return_url`."""
    return {
        "payment_method": method_in_token(request.token),
        "return_url": request.return_url,
        "expand": ["payment_method", "latest_charge"],
    }


def page_params(request: PageRequest, now: datetime, *, customer: str | None) -> SessionCreateParams:
    """A Checkout Session for one payment; the card is saved only with `save`. Raises AmountError."""
    name = _cleaned(request.description, _LONGEST_NAME)
    params: SessionCreateParams = {
        "mode": "payment",
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": request.money.currency.lower(),
                    "unit_amount": to_stripe(request.money),
                    "product_data": {"name": name},
                },
            }
        ],
        "payment_intent_data": {"description": name, "metadata": {REFERENCE: request.reference}},
        # The amount on our button is the amount that is charged: no other currency, no promotion code.
        "adaptive_pricing": {"enabled": False},
        "allow_promotion_codes": False,
        **_session_params(request, now),
        **_payer_params(request.payer, customer, save=request.save),
    }
    if request.save:
        params["payment_intent_data"]["setup_future_usage"] = "off_session"
    return params


def setup_params(request: SetupRequest, now: datetime, *, customer: str | None) -> SessionCreateParams:
    """A Checkout Session that saves a card and charges nothing."""
    return {
        "mode": "setup",
        "currency": request.currency.lower(),
        "setup_intent_data": {"metadata": {REFERENCE: request.reference}},
        **_session_params(request, now),
        **_payer_params(request.payer, customer, save=True),
    }


def refund_params(request: RefundRequest) -> RefundCreateParams:
    """A refund of a PaymentIntent, in whole or in part. Raises AmountError."""
    return {
        "payment_intent": request.charge,
        "amount": to_stripe(request.money),
        "metadata": {REFERENCE: request.reference},
    }


def method_in_token(token: str) -> str:
    """Return the PaymentMethod in a token of ours, which is `cus_…/pm_…`."""
    return token.rpartition("/")[2]


def _session_params(request: PageRequest | SetupRequest, now: datetime) -> SessionCreateParams:
    return {
        "client_reference_id": request.reference,
        "metadata": {REFERENCE: request.reference},
        "allowed_payment_method_types": ["card"],
        "success_url": request.return_url,
        "cancel_url": request.cancel_url,
        "locale": _locale(request.locale),
        "expires_at": int((_next_full_hour(now) + PAGE_VALID_FOR).timestamp()),
    }


def _payer_params(payer: Payer, customer: str | None, *, save: bool) -> SessionCreateParams:
    if customer is not None:
        return {"customer": customer}
    params: SessionCreateParams = {"customer_creation": "always" if save else "if_required"}
    if payer.email:
        params["customer_email"] = payer.email
    return params


def _next_full_hour(now: datetime) -> datetime:
    """Rounded up, so that a resent request mostly has the same parameters: with another expiry the key would not match."""
    return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def _locale(locale: str) -> str:
    tag = locale.replace("_", "-")
    language = tag.partition("-")[0]
    return tag if tag in _LOCALES else language if language in _LOCALES else "auto"


def _cleaned(text: str, longest: int) -> str:
    """The text without unprintable characters, and no longer than Stripe allows."""
    return "".join(character for character in text if character.isprintable())[:longest].strip() or "-"
