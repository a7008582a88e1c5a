"""Stripe's API by its SDK: bounded calls, plain mappings out, and two ways to fail. Nothing else imports the SDK.

Sources: https://docs.stripe.com/api and the pages it names; of idempotency and errors
https://docs.stripe.com/api/idempotent_requests, https://docs.stripe.com/error-low-level and https://docs.stripe.com/api/errors.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict

import stripe

from portal.gateways.http import Unreadable, fetch, json_object

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
"""What the shapes in this package are of. An update of the SDK does not move it; whoever moves it reads Stripe's changelog."""
PAGE_SIZE = 100
MOST_PAGES = 100
"""A list is read whole or not at all; one that is longer than this tells nothing (ten thousand objects)."""

# The SDK would write a file into the home folder to tell installations apart, and log what customers entered.
stripe.enable_telemetry = False
logging.getLogger("stripe").setLevel(logging.WARNING)

Body = Mapping[str, Any]


class _After(TypedDict, total=False):
    """Where the next page of a list begins; empty for the first."""

    starting_after: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An object of Stripe. `is_replayed`: it is the answer to an earlier request of the same key, and may be out of date."""

    body: Body
    is_replayed: bool = False


class Refused(Exception):
    """Stripe's own word that the request was not carried out, or that a bank declined it.

    `code`, `decline_code` and `param` are its own (https://docs.stripe.com/error-codes); `intent` is the PaymentIntent as it
    stands afterwards, where there is one.
    """

    def __init__(self, error: Mapping[str, Any], *, is_replayed: bool = False) -> None:
        self.code = _word(error.get("code"))
        self.decline_code = _word(error.get("decline_code"))
        self.param = _word(error.get("param"))
        intent = error.get("payment_intent")
        self.intent = Reply(intent, is_replayed) if isinstance(intent, dict) else None
        super().__init__(self.code or self.param or "refused")


class KeyUsed(Exception):
    """The idempotency key stands for a request with other parameters: it was ordered before, whatever came of it."""


class _BoundedClient(stripe.HTTPClient):
    """The SDK's way out, through our own bounds: one try, no redirect, no proxy from the environment, a whole answer in time."""

    name = "portal"

    def __init__(self, timeout_seconds: float) -> None:
        super().__init__()
        self._timeout = timeout_seconds

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_: Any
    ) -> tuple[str, int, Mapping[str, str]]:
        try:
            answer = fetch(
                method.upper(),
                url,
                timeout_seconds=self._timeout,
                headers=headers or {},
                data=post_data,
            )
            body = json_object(answer.body)
            if not 200 <= answer.status < 300 and not isinstance(body.get("error"), dict):
                raise Unreadable(f"{answer.status} without an error")
        except Unreadable as fault:
            raise stripe.APIConnectionError(str(fault)) from fault  # type: ignore[no-untyped-call]  # the SDK leaves it so
        kept = {"idempotent-replayed": answer.headers.get("Idempotent-Replayed", "")}
        return answer.body.decode(), answer.status, kept

    def close(self) -> None:
        """Nothing is kept open."""


class StripeApi:
    """One account's API. Every call raises Unreadable when nothing is known of what happened, and Refused when Stripe said no;
    those with a key raise KeyUsed. Thread-safe."""

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

    def create_intent(self, params: PaymentIntentCreateParams, key: str) -> Reply:
        return _call(lambda: self._intents.create(params, {"idempotency_key": key}))

    def confirm_intent(self, intent_id: str, params: PaymentIntentConfirmParams, key: str) -> Reply:
        return _call(lambda: self._intents.confirm(intent_id, params, {"idempotency_key": key}))

    def get_intent(self, intent_id: str) -> Body:
        return _call(lambda: self._intents.retrieve(intent_id, {"expand": ["payment_method", "latest_charge"]})).body

    def cancel_intent(self, intent_id: str) -> Body:
        return _call(lambda: self._intents.cancel(intent_id, {"cancellation_reason": "requested_by_customer"})).body

    def list_intents(self, created: PaymentIntentListParamsCreated) -> Iterator[Body]:
        """PaymentIntents made in that time, newest first; read page by page as they are asked for."""
        params: PaymentIntentListParams = {"created": created, "limit": PAGE_SIZE}
        return _pages(lambda after: self._intents.list({**params, **after}))

    def create_session(self, params: SessionCreateParams, key: str) -> Reply:
        return _call(lambda: self._sessions.create(params, {"idempotency_key": key}))

    def get_session(self, session_id: str) -> Body:
        expand = ["payment_intent.payment_method", "payment_intent.latest_charge", "setup_intent.payment_method"]
        return _call(lambda: self._sessions.retrieve(session_id, {"expand": expand})).body

    def expire_session(self, session_id: str) -> Body:
        return _call(lambda: self._sessions.expire(session_id)).body

    def list_sessions(self, created: PaymentIntentListParamsCreated) -> Iterator[Body]:
        """Checkout Sessions made in that time, newest first; read page by page as they are asked for."""
        params: SessionListParams = {"created": {**created}, "limit": PAGE_SIZE}
        return _pages(lambda after: self._sessions.list({**params, **after}))

    def create_refund(self, params: RefundCreateParams, key: str) -> Reply:
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

    def ask_anything(self) -> None:
        """Use the key for the least there is that every account needs."""
        _call(lambda: self._intents.list({"limit": 1}))


def _call(request: Callable[[], stripe.StripeObject]) -> Reply:
    try:
        response = request().last_response
    except stripe.IdempotencyError as fault:
        raise KeyUsed from fault
    except (stripe.CardError, stripe.InvalidRequestError) as fault:
        # 400, 402 and 404: "The request was unacceptable", "the parameters were valid but the request failed".
        error = fault.json_body.get("error") if isinstance(fault.json_body, dict) else None
        if not isinstance(error, dict):
            raise Unreadable("error") from fault
        raise Refused(error, is_replayed=_is_replayed(fault.headers)) from fault
    except stripe.StripeError as fault:
        # No answer, a 5xx, 409 (the same key is under way), 429, and 401 or 403, which say nothing of the order either.
        raise Unreadable(str(fault.http_status or fault.user_message)) from fault
    except (AttributeError, KeyError, TypeError, ValueError) as fault:  # the SDK's own, on objects of another shape
        raise Unreadable("shape") from fault
    if response is None or not isinstance(response.data, dict):
        raise Unreadable("shape")
    return Reply(response.data, _is_replayed(response.headers))


def _pages(fetch_page: Callable[[_After], stripe.StripeObject]) -> Iterator[Body]:
    after: _After = {}
    for _ in range(MOST_PAGES):
        body = _call(partial(fetch_page, after)).body
        items, has_more = body.get("data"), body.get("has_more")
        if not isinstance(items, list) or not isinstance(has_more, bool) or (has_more and not items):
            raise Unreadable("list")
        for item in items:
            if not isinstance(item, dict) or not isinstance(item.get("id"), str):
                raise Unreadable("list")
            yield item
        if not has_more:
            return
        after = {"starting_after": items[-1]["id"]}
    raise Unreadable("list too long")


def _is_replayed(headers: Mapping[str, str] | None) -> bool:
    return (headers or {}).get("idempotent-replayed") == "true"


def _word(value: object) -> str:
    return value[:100] if isinstance(value, str) else ""
