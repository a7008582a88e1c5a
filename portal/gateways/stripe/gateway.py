"""One merchant's account at Stripe as the contract's Gateway: requests are sent, resent and looked up here."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from portal.clock import Clock, SystemClock
from portal.gateways.contract import (
    Capabilities,
    ChargeOutcome,
    ChargeRequest,
    ListedCharge,
    Lookup,
    PageRequest,
    PromptRequest,
    RefundOutcome,
    RefundRequest,
    SetupOutcome,
    SetupRequest,
    State,
    VerifiedEvent,
)
from portal.gateways.http import UnusableResponse
from portal.gateways.stripe import events, request_params
from portal.gateways.stripe.amounts import CHARGE_LIMITS
from portal.gateways.stripe.client import IdempotencyKeyReused, RequestRefused, StripeApi, StripeResponse
from portal.gateways.stripe.parsing import (
    REFERENCE,
    awaits_customer,
    customer_in_token,
    failure_code,
    is_not_ours,
    read_intent,
    read_listed_charge,
    read_page,
    read_refund,
    read_setup,
)
from portal.money import AmountError
from portal.public_ids import id_time

if TYPE_CHECKING:
    from stripe.params.checkout import SessionCreateParams

log = logging.getLogger(__name__)

ORIGIN = "https://api.stripe.com"
PAGE_ORIGINS = ("https://checkout.stripe.com", "https://hooks.stripe.com")
"""Checkout, and the banks' authentication (3-D Secure)."""

RESEND_WITHIN = timedelta(hours=23)
"""Stripe may drop an idempotency key after 24 hours and would then charge again: an older request is looked up, never resent."""
IN_FLIGHT_AT_MOST = timedelta(hours=24)
"""How long a request may be in flight. After that, when Stripe's lists do not have it, it was never carried out."""
_CLOCK_MARGIN = timedelta(minutes=10)
"""How far our clock and Stripe's may differ."""

_AMOUNT_CODES = frozenset(
    {
        "amount_too_large",
        "amount_too_small",
        "invalid_charge_amount",
        "invalid_charge_amount_no_decimal_compatible",
        "invalid_currency",
    }
)


class StripeGateway:
    """`secret_key` is of the merchant's mode, `event_secrets` are of its webhook endpoint, newest first; tests set `origin`.

    Thread-safe. Stripe replays its first response to an idempotency key, a 500 too: such a request is UNKNOWN each time it is
    resent, is looked up in Stripe's lists, and ends as never sent where these do not have it by thirteen minutes after the press.
    """

    name = "stripe"
    title = "Stripe"
    capabilities = Capabilities(
        hosted_page=True,
        saved_methods=True,
        setup_page=True,
        cancel=True,
        refunds=True,
        lists_charges=True,
        page_types=("card",),
        charge_limits=CHARGE_LIMITS,
    )

    def __init__(
        self,
        secret_key: str,
        event_secrets: Sequence[str],
        timeout_seconds: float,
        *,
        origin: str = ORIGIN,
        clock: Clock | None = None,
    ) -> None:
        self.form_action_origins: tuple[str, ...] = PAGE_ORIGINS if origin == ORIGIN else (origin,)
        self._livemode = secret_key.startswith(("sk_live_", "rk_live_"))
        self._event_secrets = tuple(event_secrets)
        self._clock = clock or SystemClock()
        self._api = StripeApi(secret_key, origin, timeout_seconds)

    def charge(self, request: ChargeRequest) -> ChargeOutcome:
        """Charge a saved card. When the bank wants the customer to authenticate, the same PaymentIntent is confirmed
        on-session: the customer is sent to the bank's page and returns to `return_url`."""
        try:
            params = request_params.charge_params(request)
        except AmountError:
            return _not_sent(request.reference, "amount_unsupported")
        except ValueError:
            return _not_sent(request.reference, "method_invalid")
        if self._is_older_than(request.reference, RESEND_WITHIN):
            return self._look_up_unsendable(request.reference)
        try:
            response = self._api.create_intent(params, request.reference)
        except RequestRefused as refusal:
            if refusal.intent is None:
                return _refused(request.reference, refusal)
            response = refusal.intent
        except IdempotencyKeyReused:
            return self.look_up(self._lookup_for(request.reference))
        except UnusableResponse as fault:
            return ChargeOutcome(State.UNKNOWN, request.reference, evidence=f"request: {fault}")
        return self._complete_charge(request, response)

    def prompt(self, request: PromptRequest) -> ChargeOutcome:
        raise NotImplementedError("no prompt channel is offered")

    def open_page(self, request: PageRequest) -> ChargeOutcome:
        now = self._clock.now()
        customer = customer_in_token(request.payer.known_token)
        try:
            params = request_params.page_params(request, now, customer=customer)
        except AmountError:
            return _not_sent(request.reference, "amount_unsupported")
        if self._is_older_than(request.reference, RESEND_WITHIN):
            return self._look_up_unsendable(request.reference)
        try:
            session = self._create_session(
                request.reference, params, request_params.page_params(request, now, customer=None)
            )
        except RequestRefused as refusal:
            return _refused(request.reference, refusal)
        except IdempotencyKeyReused:
            return self.look_up(self._lookup_for(request.reference))
        except UnusableResponse as fault:
            return ChargeOutcome(State.UNKNOWN, request.reference, evidence=f"request: {fault}")
        return read_page(request.reference, session, now)

    def look_up(self, lookup: Lookup) -> ChargeOutcome:
        """By Stripe's own ids where they are known, else in its lists, which are always current (its search is not). ABSENT
        only when both lists were read to their end."""
        try:
            return self._find_charge(lookup)
        except RequestRefused as refusal:
            return ChargeOutcome(State.UNKNOWN, lookup.reference, evidence=f"look-up: {refusal}")
        except UnusableResponse as fault:
            return ChargeOutcome(State.UNKNOWN, lookup.reference, evidence=f"look-up: {fault}")

    def cancel(self, lookup: Lookup) -> ChargeOutcome:
        found = self.look_up(lookup)
        if found.state not in (State.PENDING, State.REQUIRES_ACTION):
            return found
        try:
            self._cancel_at_stripe(found)
        except RequestRefused:
            pass  # Its state has changed since the lookup: look it up again.
        except UnusableResponse as fault:
            return ChargeOutcome(State.UNKNOWN, lookup.reference, evidence=f"cancel: {fault}")
        return self.look_up(Lookup(lookup.reference, lookup.sent_at, found.gateway_reference, found.page_reference))

    def open_setup(self, request: SetupRequest) -> SetupOutcome:
        now = self._clock.now()
        params = request_params.setup_params(request, now, customer=customer_in_token(request.payer.known_token))
        if self._is_older_than(request.reference, RESEND_WITHIN):
            return self.look_up_setup(self._lookup_for(request.reference))
        try:
            session = self._create_session(
                request.reference, params, request_params.setup_params(request, now, customer=None)
            )
        except RequestRefused as refusal:
            code = _refusal_code(refusal)
            return SetupOutcome(State.FAILED, request.reference, failure_code=code, evidence=f"request: {refusal}")
        except IdempotencyKeyReused:
            return self.look_up_setup(self._lookup_for(request.reference))
        except UnusableResponse as fault:
            return SetupOutcome(State.UNKNOWN, request.reference, evidence=f"request: {fault}")
        return read_setup(request.reference, session, now)

    def look_up_setup(self, lookup: Lookup) -> SetupOutcome:
        try:
            session = self._find_session(lookup)
        except (RequestRefused, UnusableResponse) as fault:
            return SetupOutcome(State.UNKNOWN, lookup.reference, evidence=f"look-up: {fault}")
        if session is None:
            return SetupOutcome(State.ABSENT, lookup.reference, evidence="look-up")
        return read_setup(lookup.reference, session, self._clock.now())

    def detach(self, token: str) -> bool:
        method = request_params.method_in_token(token)
        try:
            try:
                self._api.detach(method)
            except RequestRefused as refusal:
                # RequestRefused also when it is attached to no customer: then it is detached already.
                return refusal.code == "resource_missing" or self._api.get_method(method).get("customer") is None
        except (RequestRefused, UnusableResponse):
            return False
        return True

    def refund(self, request: RefundRequest) -> RefundOutcome:
        try:
            params = request_params.refund_params(request)
        except AmountError:
            return RefundOutcome(State.FAILED, request.reference, failure_code="amount_unsupported")
        if self._is_older_than(request.reference, RESEND_WITHIN):
            return self._look_up_unsendable_refund(request)
        try:
            response = self._api.create_refund(params, request.reference)
            refund = _current_object(response, self._api.get_refund)
        except RequestRefused as refusal:
            is_too_large = refusal.code == "charge_already_refunded" or refusal.param == "amount"
            code = "amount_too_large" if is_too_large else refusal.code or "refused"
            return RefundOutcome(State.FAILED, request.reference, failure_code=code)
        except IdempotencyKeyReused:
            return self.look_up_refund(request)
        except UnusableResponse:
            return RefundOutcome(State.UNKNOWN, request.reference)
        return read_refund(request.reference, refund)

    def look_up_refund(self, request: RefundRequest) -> RefundOutcome:
        try:
            found = _find_ours(self._api.list_refunds(request.charge), request.reference)
        except (RequestRefused, UnusableResponse):
            return RefundOutcome(State.UNKNOWN, request.reference)
        return read_refund(request.reference, found) if found else RefundOutcome(State.ABSENT, request.reference)

    def list_charges(self, since: datetime, until: datetime) -> tuple[ListedCharge, ...] | None:
        """PaymentIntents that were attempted; times are rounded to whole seconds, as Stripe counts them.

        One that is provably not ours and cannot be read, such as in a currency that we do not know, is skipped: what a
        merchant sells elsewhere must not prevent reconciliation. With an unreadable one that may be ours there is no list.
        """
        try:
            intents = self._api.list_intents({"gte": int(since.timestamp()), "lt": math.ceil(until.timestamp())})
            listed = [charge for intent in intents if (charge := _listed_charge(intent)) is not None]
        except (RequestRefused, UnusableResponse, AmountError):
            return None
        return tuple(reversed(listed))

    def read_event(self, headers: Mapping[str, str], body: bytes, now: datetime) -> VerifiedEvent:
        events.verify(headers, body, self._event_secrets, now)
        return events.read(body, livemode=self._livemode)

    def is_reachable(self) -> bool:
        try:
            self._api.ping()
        except (RequestRefused, UnusableResponse):
            return False
        return True

    def _complete_charge(self, request: ChargeRequest, response: StripeResponse) -> ChargeOutcome:
        """Confirm the charge on-session if its bank requires that, and return its outcome."""
        try:
            intent = _current_object(response, self._api.get_intent)
            if awaits_customer(intent):
                intent = self._confirm_on_session(request, str(intent.get("id")))
        except (RequestRefused, UnusableResponse, IdempotencyKeyReused) as fault:
            return ChargeOutcome(State.UNKNOWN, request.reference, evidence=f"on-session: {fault}")
        return read_intent(request.reference, intent)

    def _confirm_on_session(self, request: ChargeRequest, intent_id: str) -> Mapping[str, Any]:
        try:
            response = self._api.confirm_intent(
                intent_id, request_params.on_session_params(request), f"{request.reference}:on-session"
            )
        except RequestRefused as refusal:
            if refusal.intent is None:
                return self._api.get_intent(intent_id)
            response = refusal.intent
        return _current_object(response, self._api.get_intent)

    def _create_session(
        self, reference: str, params: SessionCreateParams, without_customer: SessionCreateParams
    ) -> Mapping[str, Any]:
        try:
            response = self._api.create_session(params, reference)
        except RequestRefused as refusal:
            if (refusal.code, refusal.param) != ("resource_missing", "customer"):
                raise
            # The merchant has deleted the customer at Stripe. Nothing was created, and a page needs no customer.
            response = self._api.create_session(without_customer, f"{reference}:new-customer")
        return _current_object(response, self._api.get_session)

    def _find_charge(self, lookup: Lookup) -> ChargeOutcome:
        if lookup.gateway_reference and not lookup.page_reference:
            return read_intent(lookup.reference, self._api.get_intent(lookup.gateway_reference))
        session = self._find_session(lookup)
        if session is not None:
            return read_page(lookup.reference, session, self._clock.now())
        intent = _find_ours(self._api.list_intents(_creation_window(lookup)), lookup.reference)
        if intent is None:
            return ChargeOutcome(State.ABSENT, lookup.reference, evidence="look-up")
        return read_intent(lookup.reference, self._api.get_intent(intent["id"]))

    def _find_session(self, lookup: Lookup) -> Mapping[str, Any] | None:
        if lookup.page_reference:
            return self._api.get_session(lookup.page_reference)
        session = _find_ours(self._api.list_sessions(_creation_window(lookup)), lookup.reference)
        return self._api.get_session(session["id"]) if session else None

    def _cancel_at_stripe(self, found: ChargeOutcome) -> None:
        """A hosted page is cancelled by expiring its session, any other charge by its PaymentIntent; neither works while it is
        being paid."""
        if found.page_reference is not None and found.state is State.REQUIRES_ACTION:
            self._api.expire_session(found.page_reference)
        elif found.page_reference is None and found.gateway_reference is not None:
            self._api.cancel_intent(found.gateway_reference)

    def _lookup_for(self, reference: str) -> Lookup:
        """Build a lookup from our reference alone: the id contains when it was created."""
        return Lookup(reference, id_time(reference) or self._clock.now() - IN_FLIGHT_AT_MOST)

    def _is_older_than(self, reference: str, age: timedelta) -> bool:
        created_at = id_time(reference)
        return created_at is not None and self._clock.now() - created_at >= age

    def _look_up_unsendable(self, reference: str) -> ChargeOutcome:
        outcome = self.look_up(self._lookup_for(reference))
        if outcome.state is State.ABSENT and self._is_older_than(reference, IN_FLIGHT_AT_MOST):
            return ChargeOutcome(State.FAILED, reference, failure_code="timeout", evidence="look-up: never created")
        return outcome

    def _look_up_unsendable_refund(self, request: RefundRequest) -> RefundOutcome:
        outcome = self.look_up_refund(request)
        if outcome.state is State.ABSENT and self._is_older_than(request.reference, IN_FLIGHT_AT_MOST):
            return RefundOutcome(State.FAILED, request.reference, failure_code="timeout")
        return outcome


def _current_object(response: StripeResponse, get: Callable[[str], Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the object of a response as it is now: that of a replayed response is fetched again. Raises UnusableResponse."""
    if not response.is_replayed:
        return response.body
    try:
        return get(str(response.body.get("id")))
    except RequestRefused as refusal:  # The fetch was refused; the request itself had been accepted.
        raise UnusableResponse(f"replayed: {refusal}") from refusal


def _listed_charge(intent: Mapping[str, Any]) -> ListedCharge | None:
    try:
        return read_listed_charge(intent)
    except AmountError:
        if not is_not_ours(intent):
            raise
        log.info("unrelated_charge.skipped", extra={"charge": intent["id"]})
        return None


def _creation_window(lookup: Lookup) -> Any:
    since, until = lookup.sent_at - _CLOCK_MARGIN, lookup.sent_at + IN_FLIGHT_AT_MOST + _CLOCK_MARGIN
    return {"gte": int(since.timestamp()), "lte": math.ceil(until.timestamp())}


def _find_ours(items: Iterable[Mapping[str, Any]], reference: str) -> Mapping[str, Any] | None:
    for item in items:
        metadata = item.get("metadata")
        if isinstance(metadata, dict) and metadata.get(REFERENCE) == reference:
            return item
    return None


def _not_sent(reference: str, code: str) -> ChargeOutcome:
    return ChargeOutcome(State.FAILED, reference, failure_code=code, evidence="not sent")


def _refused(reference: str, refusal: RequestRefused) -> ChargeOutcome:
    return ChargeOutcome(State.FAILED, reference, failure_code=_refusal_code(refusal), evidence=f"request: {refusal}")


def _refusal_code(refusal: RequestRefused) -> str:
    """Why Stripe did not carry out a request; it reached no bank."""
    if refusal.code in _AMOUNT_CODES or refusal.param in ("amount", "currency") or "price_data" in refusal.param:
        return "amount_unsupported"
    if refusal.param in ("payment_method", "customer") or refusal.code == "payment_method_unexpected_state":
        return "method_invalid"
    return failure_code(refusal.code, refusal.decline_code)
