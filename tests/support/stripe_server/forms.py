"""Stripe's form encoding (`a[b][0]=c`) as nested values, and the check that every parameter is one that Stripe knows."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from stripe import params
from stripe.params import checkout

_KNOWN = {
    ("POST", "payment_intents"): params.PaymentIntentCreateParams,
    ("GET", "payment_intents"): params.PaymentIntentListParams,
    ("GET", "payment_intents/{id}"): params.PaymentIntentRetrieveParams,
    ("POST", "payment_intents/{id}/confirm"): params.PaymentIntentConfirmParams,
    ("POST", "payment_intents/{id}/cancel"): params.PaymentIntentCancelParams,
    ("POST", "checkout/sessions"): checkout.SessionCreateParams,
    ("GET", "checkout/sessions"): checkout.SessionListParams,
    ("GET", "checkout/sessions/{id}"): checkout.SessionRetrieveParams,
    ("POST", "checkout/sessions/{id}/expire"): checkout.SessionExpireParams,
    ("POST", "refunds"): params.RefundCreateParams,
    ("GET", "refunds"): params.RefundListParams,
    ("GET", "refunds/{id}"): params.RefundRetrieveParams,
    ("GET", "payment_methods/{id}"): params.PaymentMethodRetrieveParams,
    ("POST", "payment_methods/{id}/detach"): params.PaymentMethodDetachParams,
}


def read_form(text: str) -> dict[str, Any]:
    """`{"metadata": {"a": "b"}, "expand": ["x"]}` of `metadata[a]=b&expand[0]=x`. All leaves are texts."""
    root: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        *path, last = name.replace("]", "").split("[")
        place = root
        for step in path:
            place = place.setdefault(step, {})
        place[last] = value
    return {name: _listed(value) for name, value in root.items()}


def unknown_parameters(method: str, route: str, given: dict[str, Any]) -> list[str]:
    """What a request has that Stripe has not, by the types of its SDK, which are made from Stripe's own description."""
    return sorted(set(given) - set(_KNOWN[method, route].__annotations__))


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(part) for name, part in value.items()}
    if inner and all(name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner
