"""Stripe's API through its SDK: requests limited in time and size, mappings as results. No other module imports the SDK.

Sources: https://docs.stripe.com/api; on idempotency and errors
https://docs.stripe.com/api/idempotent_requests, https://docs.stripe.com/error-low-level and https://docs.stripe.com/api/errors.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict

import stripe

from portal.gateways.http import UnusableResponse, fetch, json_object

if TYPE_CHECKING:
    from stripe.params import (
        PaymentIntentConfirmParams,
        PaymentIntentCreateParams,
        PaymentIntentListParams,
        PaymentIntentListParamsCreated,
        RefundCreateParams,
        RefundListParams,
    )
    from stripe.params.checkout import SessionCreateParams, SessionListParams

API_VERSION = "2026-10-28.endive"
"""The API version that this package reads. An update of the SDK does not change it; read Stripe's changelog before you do."""
PAGE_SIZE = 100
MAXIMUM_PAGES = 100
"""A list is read to its end or not at all: one with more pages (ten thousand objects) raises UnusableResponse."""

# The SDK would write a file into the home folder to identify the installation, and log what customers entered.
stripe.enable_telemetry = False
logging.getLogger("stripe").setLevel(logging.WARNING)

Body = Mapping[str, Any]


class _After(TypedDict, total=False):
    """The cursor of the next page of a list; empty for the first."""

    starting_after: str


@dataclass(frozen=True, slots=True)
class StripeResponse:
    """An object returned by Stripe. `is_replayed`: Stripe replayed the response to an earlier request with the same idempotency
    key, so that the object may be out of date."""

    body: Body
    is_replayed: bool = False


class RequestRefused(Exception):
    """Stripe did not carry out the request, or a bank declined it.

    `code`, `decline_code` and `param` are those of its error (https://docs.stripe.com/error-codes); `intent` is the
    PaymentIntent as it is afterwards, where there is one.
    """

    def __init__(self, error: Mapping[str, Any], *, is_replayed: bool = False) -> None:
        self.code = _short_text(error.get("code"))
        self.decline_code = _short_text(error.get("decline_code"))
        self.param = _short_text(error.get("param"))
        intent = error.get("payment_intent")
        self.intent = StripeResponse(intent, is_replayed) if isinstance(intent, dict) else None
        super().__init__(self.code or self.param or "refused")


class IdempotencyKeyReused(Exception):
    """The idempotency key was used before with other parameters: the request was sent before, with an outcome to look up."""


class _BoundedClient(stripe.HTTPClient):
    """The SDK's HTTP client with our limits: one attempt, no redirect, no proxy from the environment, one deadline."""

    name = "portal"

    def __init__(self, timeout_seconds: float) -> None:
        super().__init__()
        self._timeout = timeout_seconds

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_: Any
    ) -> tuple[str, int, Mapping[str, str]]:
        try:
            response = fetch(
                method.upper(),
                url,
                timeout_seconds=self._timeout,
                headers=headers or {},
                data=post_data,
            )
            body = json_object(response.body)
            if not 200 <= response.status < 300 and not isinstance(body.get("error"), dict):
                raise UnusableResponse(f"{response.status} without an error")
        except UnusableResponse as fault:
            raise stripe.APIConnectionError(str(fault)) from fault  # type: ignore[no-untyped-call]  # The SDK has no type for it.
        headers_read = {"idempotent-replayed": response.headers.get("Idempotent-Replayed", "")}
        return response.body.decode(), response.status, headers_read

    def close(self) -> None:
        """No connection is kept open."""


class StripeApi:
    """One account's API. Every method raises UnusableResponse when it is unknown whether the request was carried out, and
    RequestRefused when it was not; those with an idempotency key raise IdempotencyKeyReused. Thread-safe."""

    def __init__(self, secret_key: str, origin: str, timeout_seconds: float) -> None:
        client = stripe.StripeClient(
            secret_key,
            stripe_version=API_VERSION,
            base_addresses={"api": origin},
            max_network_retries=0,
            http_client=_BoundedClient(timeout_seconds),
        )
        self._intents = client.v1.payment_intents
        self._sessions = client.v1.checkout.sessions
        self._refunds = client.v1.refunds
        self._methods = client.v1.payment_methods

    def create_intent(self, params: PaymentIntentCreateParams, key: str) -> StripeResponse:
        return _call(lambda: self._intents.create(params, {"idempotency_key": key}))

    def confirm_intent(self, intent_id: str, params: PaymentIntentConfirmParams, key: str) -> StripeResponse:
        return _call(lambda: self._intents.confirm(intent_id, params, {"idempotency_key": key}))

    def get_intent(self, intent_id: str) -> Body:
        return _call(lambda: self._intents.retrieve(intent_id, {"expand": ["payment_method", "latest_charge"]})).body

    def cancel_intent(self, intent_id: str) -> Body:
        return _call(lambda: self._intents.cancel(intent_id, {"cancellation_reason": "requested_by_customer"})).body

    def list_intents(self, created: PaymentIntentListParamsCreated) -> Iterator[Body]:
        """PaymentIntents created in that time, newest first; pages are fetched as the iterator advances."""
        params: PaymentIntentListParams = {"created": created, "limit": PAGE_SIZE}
        return _pages(lambda after: self._intents.list({**params, **after}))

    def create_session(self, params: SessionCreateParams, key: str) -> StripeResponse:
        return _call(lambda: self._sessions.create(params, {"idempotency_key": key}))

    def get_session(self, session_id: str) -> Body:
        expand = ["payment_intent.payment_method", "payment_intent.latest_charge", "setup_intent.payment_method"]
        return _call(lambda: self._sessions.retrieve(session_id, {"expand": expand})).body

    def expire_session(self, session_id: str) -> Body:
        return _call(lambda: self._sessions.expire(session_id)).body

    def list_sessions(self, created: PaymentIntentListParamsCreated) -> Iterator[Body]:
        """Checkout Sessions created in that time, newest first; pages are fetched as the iterator advances."""
        params: SessionListParams = {"created": {**created}, "limit": PAGE_SIZE}
        return _pages(lambda after: self._sessions.list({**params, **after}))

    def create_refund(self, params: RefundCreateParams, key: str) -> StripeResponse:
        return _call(lambda: self._refunds.create(params, {"idempotency_key": key}))

    def get_refund(self, refund_id: str) -> Body:
        return _call(lambda: self._refunds.retrieve(refund_id)).body

    def list_refunds(self, intent_id: str) -> Iterator[Body]:
        """All refunds of one PaymentIntent, newest first."""
        params: RefundListParams = {"payment_intent": intent_id, "limit": PAGE_SIZE}
        return _pages(lambda after: self._refunds.list({**params, **after}))

    def detach(self, method_id: str) -> Body:
        return _call(lambda: self._methods.detach(method_id)).body

    def get_method(self, method_id: str) -> Body:
        return _call(lambda: self._methods.retrieve(method_id)).body

    def ping(self) -> None:
        """Send the smallest request that needs a valid key."""
        _call(lambda: self._intents.list({"limit": 1}))


def _call(request: Callable[[], stripe.StripeObject]) -> StripeResponse:
    try:
        response = request().last_response
    except stripe.IdempotencyError as fault:
        raise IdempotencyKeyReused from fault
    except (stripe.CardError, stripe.InvalidRequestError) as fault:
        # 400, 402 and 404: "The request was unacceptable", "the parameters were valid but the request failed".
        error = fault.json_body.get("error") if isinstance(fault.json_body, dict) else None
        if not isinstance(error, dict):
            raise UnusableResponse("error") from fault
        raise RequestRefused(error, is_replayed=_is_replayed(fault.headers)) from fault
    except stripe.StripeError as fault:
        # No response, a 5xx, 409 (a request with this key is in progress), 429, and 401 or 403: none says what became of the
        # request.
        raise UnusableResponse(str(fault.http_status or fault.user_message)) from fault
    except (AttributeError, KeyError, TypeError, ValueError) as fault:  # Raised by the SDK on objects of another shape.
        raise UnusableResponse("shape") from fault
    if response is None or not isinstance(response.data, dict):
        raise UnusableResponse("shape")
    return StripeResponse(response.data, _is_replayed(response.headers))


def _pages(fetch_page: Callable[[_After], stripe.StripeObject]) -> Iterator[Body]:
    after: _After = {}
    for _ in range(MAXIMUM_PAGES):
        body = _call(partial(fetch_page, after)).body
        items, has_more = body.get("data"), body.get("has_more")
        if not isinstance(items, list) or not isinstance(has_more, bool) or (has_more and not items):
            raise UnusableResponse("list")
        for item in items:
            if not isinstance(item, dict) or not isinstance(item.get("id"), str):
                raise UnusableResponse("list")
            yield item
        if not has_more:
            return
        after = {"starting_after": items[-1]["id"]}
    raise UnusableResponse("list too long")


def _is_replayed(headers: Mapping[str, str] | None) -> bool:
    return (headers or {}).get("idempotent-replayed") == "true"


def _short_text(value: object) -> str:
    return value[:100] if isinstance(value, str) else ""
