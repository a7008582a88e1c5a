"""Our orders as the parameters of Stripe's requests. Pure: the same order gives the same parameters, but for a page's end.

Sources: https://docs.stripe.com/api/payment_intents/create, https://docs.stripe.com/api/checkout/sessions/create,
https://docs.stripe.com/payments/save-during-payment, https://docs.stripe.com/payments/checkout/save-and-reuse.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from portal.gateways.contract import ChargeOrder, PageOrder, Payer, RefundOrder, SetupOrder
from portal.gateways.stripe.amounts import to_stripe
from portal.gateways.stripe.parsing import REFERENCE, customer_of

if TYPE_CHECKING:
    from stripe.params import PaymentIntentConfirmParams, PaymentIntentCreateParams, RefundCreateParams
    from stripe.params.checkout import SessionCreateParams

PAGE_LASTS = timedelta(hours=3)
"""At least as long, and less than an hour more; Stripe takes from 30 minutes to 24 hours."""
_LONGEST_NAME, _LONGEST_DESCRIPTION = 250, 500
_LOCALES = frozenset(
    "bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hr hu id it ja ko lt lv ms mt nb nl pl pt pt-BR ro ru sk sl sv th tr "
    "vi zh zh-HK zh-TW".split()
)


def charge_params(order: ChargeOrder) -> PaymentIntentCreateParams:
    """A charge of a saved card while nobody is asked anything. Raises AmountError, and ValueError for a token that is not
    `cus_…/pm_…`."""
    customer = customer_of(order.token)
    if customer is None:
        raise ValueError("the token is not one of Stripe")
    return {
        "amount": to_stripe(order.money),
        "currency": order.money.currency.lower(),
        "customer": customer,
        "payment_method": method_of(order.token),
        "confirm": True,
        "off_session": True,
        "return_url": order.return_url,
        "description": _told(order.description, _LONGEST_DESCRIPTION),
        "metadata": {REFERENCE: order.reference},
        "expand": ["payment_method", "latest_charge"],
    }


def on_session_params(order: ChargeOrder) -> PaymentIntentConfirmParams:
    """The same charge with the customer there: their bank may ask them on a page that leads back to `return_url`."""
    return {
        "payment_method": method_of(order.token),
        "return_url": order.return_url,
        "expand": ["payment_method", "latest_charge"],
    }


def page_params(order: PageOrder, now: datetime, *, customer: str | None) -> SessionCreateParams:
    """A page of Stripe that takes one payment; the card is kept only when it was asked for beforehand. Raises AmountError."""
    name = _told(order.description, _LONGEST_NAME)
    params: SessionCreateParams = {
        "mode": "payment",
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": order.money.currency.lower(),
                    "unit_amount": to_stripe(order.money),
                    "product_data": {"name": name},
                },
            }
        ],
        "payment_intent_data": {"description": name, "metadata": {REFERENCE: order.reference}},
        # The amount on our button is the amount that is taken: in no other currency, with no code that lowers it.
        "adaptive_pricing": {"enabled": False},
        "allow_promotion_codes": False,
        **_session_params(order, now),
        **_payer_params(order.payer, customer, keep=order.save),
    }
    if order.save:
        params["payment_intent_data"]["setup_future_usage"] = "off_session"
    return params


def setup_params(order: SetupOrder, now: datetime, *, customer: str | None) -> SessionCreateParams:
    """A page of Stripe that keeps a card and takes nothing."""
    return {
        "mode": "setup",
        "currency": order.currency.lower(),
        "setup_intent_data": {"metadata": {REFERENCE: order.reference}},
        **_session_params(order, now),
        **_payer_params(order.payer, customer, keep=True),
    }


def refund_params(order: RefundOrder) -> RefundCreateParams:
    """A part of a PaymentIntent, given back. Raises AmountError."""
    return {
        "payment_intent": order.charge,
        "amount": to_stripe(order.money),
        "metadata": {REFERENCE: order.reference},
    }


def method_of(token: str) -> str:
    """The PaymentMethod in a token of ours."""
    return token.rpartition("/")[2]


def _session_params(order: PageOrder | SetupOrder, now: datetime) -> SessionCreateParams:
    return {
        "client_reference_id": order.reference,
        "metadata": {REFERENCE: order.reference},
        "allowed_payment_method_types": ["card"],
        "success_url": order.return_url,
        "cancel_url": order.cancel_url,
        "locale": _locale(order.locale),
        "expires_at": int((_next_hour(now) + PAGE_LASTS).timestamp()),
    }


def _payer_params(payer: Payer, customer: str | None, *, keep: bool) -> SessionCreateParams:
    if customer is not None:
        return {"customer": customer}
    params: SessionCreateParams = {"customer_creation": "always" if keep else "if_required"}
    if payer.email:
        params["customer_email"] = payer.email
    return params


def _next_hour(now: datetime) -> datetime:
    """Rounded up, so that an order given again has mostly the parameters that it had: another end is another request."""
    return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def _locale(locale: str) -> str:
    tag = locale.replace("_", "-")
    language = tag.partition("-")[0]
    return tag if tag in _LOCALES else language if language in _LOCALES else "auto"


def _told(text: str, longest: int) -> str:
    """Without signs that do not print, and no longer than Stripe takes."""
    return "".join(sign for sign in text if sign.isprintable())[:longest].strip() or "-"
