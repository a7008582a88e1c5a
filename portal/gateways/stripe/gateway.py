"""One merchant's account at Stripe, as the contract asks for it: what is sent, asked again, looked for, and believed."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from portal.clock import Clock, SystemClock
from portal.gateways.contract import (
    Capabilities,
    ChargeOrder,
    ListedCharge,
    Notice,
    Outcome,
    PageOrder,
    PromptOrder,
    Question,
    RefundOrder,
    RefundOutcome,
    SetupOrder,
    SetupOutcome,
    State,
)
from portal.gateways.http import Unreadable
from portal.gateways.stripe import events, orders
from portal.gateways.stripe.client import KeyUsed, Refused, Reply, StripeApi
from portal.gateways.stripe.parsing import (
    REFERENCE,
    awaits_customer,
    customer_of,
    failure_code,
    is_strangers,
    read_intent,
    read_listed,
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
"""Checkout, and the banks' questions (3-D Secure)."""

SENT_WITHIN = timedelta(hours=23)
"""Stripe may forget an idempotency key after 24 hours and would then charge anew: an older order is looked for, and never sent."""
GONE_AFTER = timedelta(hours=24)
"""By now nothing of an order is on its way: when Stripe's list has nothing of it, there is nothing and there will be nothing."""
_MARGIN = timedelta(minutes=10)
"""Between our clock and Stripe's."""

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
    """`secret_key` of the merchant's mode, `event_secrets` of its webhook endpoint, newest first; `origin` is another one for tests.

    Thread-safe. What Stripe answers to an idempotency key stays its answer, a 500 too: such an order is UNKNOWN each time it
    is sent again, the list tells what became of it, and it ends when its time is up.
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

    def charge(self, order: ChargeOrder) -> Outcome:
        """Charge a saved card. When the bank asks for the customer, the same PaymentIntent goes on on-session: the customer
        is sent to their bank's page and comes back to `return_url`."""
        try:
            params = orders.charge_params(order)
        except AmountError:
            return _unsent(order.reference, "amount_unsupported")
        except ValueError:
            return _unsent(order.reference, "method_invalid")
        if self._is_old(order.reference, SENT_WITHIN):
            return self._look_up_old(order.reference)
        try:
            reply = self._api.create_intent(params, order.reference)
        except Refused as refusal:
            if refusal.intent is None:
                return _refused(order.reference, refusal)
            reply = refusal.intent
        except KeyUsed:
            return self.look_up(self._question(order.reference))
        except Unreadable as fault:
            return Outcome(State.UNKNOWN, order.reference, evidence=f"order: {fault}")
        return self._gone_on(order, reply)

    def prompt(self, order: PromptOrder) -> Outcome:
        raise NotImplementedError("no prompt channel is offered")

    def open_page(self, order: PageOrder) -> Outcome:
        now = self._clock.now()
        customer = customer_of(order.payer.known_token)
        try:
            params = orders.page_params(order, now, customer=customer)
        except AmountError:
            return _unsent(order.reference, "amount_unsupported")
        if self._is_old(order.reference, SENT_WITHIN):
            return self._look_up_old(order.reference)
        try:
            session = self._new_session(order.reference, params, orders.page_params(order, now, customer=None))
        except Refused as refusal:
            return _refused(order.reference, refusal)
        except KeyUsed:
            return self.look_up(self._question(order.reference))
        except Unreadable as fault:
            return Outcome(State.UNKNOWN, order.reference, evidence=f"order: {fault}")
        return read_page(order.reference, session, now)

    def look_up(self, question: Question) -> Outcome:
        """By Stripe's own ids where they are known; else in its lists, which show at once what was made (its search does not).
        ABSENT only when both lists were read to their end."""
        try:
            return self._found(question)
        except Refused as refusal:
            return Outcome(State.UNKNOWN, question.reference, evidence=f"look-up: {refusal}")
        except Unreadable as fault:
            return Outcome(State.UNKNOWN, question.reference, evidence=f"look-up: {fault}")

    def cancel(self, question: Question) -> Outcome:
        found = self.look_up(question)
        if found.state not in (State.PENDING, State.REQUIRES_ACTION):
            return found
        try:
            self._call_off(found)
        except Refused:
            pass  # It came to another end at this moment: which one is asked now.
        except Unreadable as fault:
            return Outcome(State.UNKNOWN, question.reference, evidence=f"cancel: {fault}")
        return self.look_up(
            Question(question.reference, question.sent_at, found.gateway_reference, found.page_reference)
        )

    def open_setup(self, order: SetupOrder) -> SetupOutcome:
        now = self._clock.now()
        params = orders.setup_params(order, now, customer=customer_of(order.payer.known_token))
        if self._is_old(order.reference, SENT_WITHIN):
            return self.look_up_setup(self._question(order.reference))
        try:
            session = self._new_session(order.reference, params, orders.setup_params(order, now, customer=None))
        except Refused as refusal:
            code = _refusal_code(refusal)
            return SetupOutcome(State.FAILED, order.reference, failure_code=code, evidence=f"order: {refusal}")
        except KeyUsed:
            return self.look_up_setup(self._question(order.reference))
        except Unreadable as fault:
            return SetupOutcome(State.UNKNOWN, order.reference, evidence=f"order: {fault}")
        return read_setup(order.reference, session, now)

    def look_up_setup(self, question: Question) -> SetupOutcome:
        try:
            session = self._session(question)
        except (Refused, Unreadable) as fault:
            return SetupOutcome(State.UNKNOWN, question.reference, evidence=f"look-up: {fault}")
        if session is None:
            return SetupOutcome(State.ABSENT, question.reference, evidence="look-up")
        return read_setup(question.reference, session, self._clock.now())

    def detach(self, token: str) -> bool:
        method = orders.method_of(token)
        try:
            try:
                self._api.detach(method)
            except Refused as refusal:
                # One that is attached to nobody is refused as well: then it is forgotten already.
                return refusal.code == "resource_missing" or self._api.get_method(method).get("customer") is None
        except (Refused, Unreadable):
            return False
        return True

    def refund(self, order: RefundOrder) -> RefundOutcome:
        try:
            params = orders.refund_params(order)
        except AmountError:
            return RefundOutcome(State.FAILED, order.reference, failure_code="amount_unsupported")
        if self._is_old(order.reference, SENT_WITHIN):
            return self._look_up_old_refund(order)
        try:
            reply = self._api.create_refund(params, order.reference)
            refund = _as_it_is(reply, self._api.get_refund)
        except Refused as refusal:
            is_too_large = refusal.code == "charge_already_refunded" or refusal.param == "amount"
            code = "amount_too_large" if is_too_large else refusal.code or "refused"
            return RefundOutcome(State.FAILED, order.reference, failure_code=code)
        except KeyUsed:
            return self.look_up_refund(order)
        except Unreadable:
            return RefundOutcome(State.UNKNOWN, order.reference)
        return read_refund(order.reference, refund)

    def look_up_refund(self, order: RefundOrder) -> RefundOutcome:
        try:
            found = _ours(self._api.list_refunds(order.charge), order.reference)
        except (Refused, Unreadable):
            return RefundOutcome(State.UNKNOWN, order.reference)
        return read_refund(order.reference, found) if found else RefundOutcome(State.ABSENT, order.reference)

    def list_charges(self, since: datetime, until: datetime) -> tuple[ListedCharge, ...] | None:
        """PaymentIntents that were attempted; whole seconds, as Stripe counts them.

        One that says that it is not ours and cannot be read, such as of a currency that we do not know, is left out: whatever
        a merchant sells elsewhere keeps nothing of ours from being compared. One that may be ours leaves no list.
        """
        try:
            intents = self._api.list_intents({"gte": int(since.timestamp()), "lt": math.ceil(until.timestamp())})
            listed = [charge for intent in intents if (charge := _listed(intent)) is not None]
        except (Refused, Unreadable, AmountError):
            return None
        return tuple(reversed(listed))

    def read_event(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        events.verify(headers, body, self._event_secrets, now)
        return events.read(body, livemode=self._livemode)

    def is_reachable(self) -> bool:
        try:
            self._api.ask_anything()
        except (Refused, Unreadable):
            return False
        return True

    def _gone_on(self, order: ChargeOrder, reply: Reply) -> Outcome:
        """What the charge has come to, gone on with on-session if that is what it waits for."""
        try:
            intent = _as_it_is(reply, self._api.get_intent)
            if awaits_customer(intent):
                intent = self._confirmed(order, str(intent.get("id")))
        except (Refused, Unreadable, KeyUsed) as fault:
            return Outcome(State.UNKNOWN, order.reference, evidence=f"on-session: {fault}")
        return read_intent(order.reference, intent)

    def _confirmed(self, order: ChargeOrder, intent_id: str) -> Mapping[str, Any]:
        try:
            reply = self._api.confirm_intent(
                intent_id, orders.on_session_params(order), f"{order.reference}:on-session"
            )
        except Refused as refusal:
            if refusal.intent is None:
                return self._api.get_intent(intent_id)
            reply = refusal.intent
        return _as_it_is(reply, self._api.get_intent)

    def _new_session(
        self, reference: str, params: SessionCreateParams, without_customer: SessionCreateParams
    ) -> Mapping[str, Any]:
        try:
            reply = self._api.create_session(params, reference)
        except Refused as refusal:
            if (refusal.code, refusal.param) != ("resource_missing", "customer"):
                raise
            # The merchant has deleted the customer at Stripe. Nothing was made; a page is for anybody.
            reply = self._api.create_session(without_customer, f"{reference}:new-customer")
        return _as_it_is(reply, self._api.get_session)

    def _found(self, question: Question) -> Outcome:
        if question.gateway_reference and not question.page_reference:
            return read_intent(question.reference, self._api.get_intent(question.gateway_reference))
        session = self._session(question)
        if session is not None:
            return read_page(question.reference, session, self._clock.now())
        intent = _ours(self._api.list_intents(_window(question)), question.reference)
        if intent is None:
            return Outcome(State.ABSENT, question.reference, evidence="look-up")
        return read_intent(question.reference, self._api.get_intent(intent["id"]))

    def _session(self, question: Question) -> Mapping[str, Any] | None:
        if question.page_reference:
            return self._api.get_session(question.page_reference)
        session = _ours(self._api.list_sessions(_window(question)), question.reference)
        return self._api.get_session(session["id"]) if session else None

    def _call_off(self, found: Outcome) -> None:
        """A page's own PaymentIntent cannot be cancelled, its session can be expired; one that is being paid can be neither."""
        if found.page_reference is not None and found.state is State.REQUIRES_ACTION:
            self._api.expire_session(found.page_reference)
        elif found.page_reference is None and found.gateway_reference is not None:
            self._api.cancel_intent(found.gateway_reference)

    def _question(self, reference: str) -> Question:
        """Of an order of ours without its durable intent at hand: its id tells when it was made."""
        return Question(reference, id_time(reference) or self._clock.now() - GONE_AFTER)

    def _is_old(self, reference: str, age: timedelta) -> bool:
        made_at = id_time(reference)
        return made_at is not None and self._clock.now() - made_at >= age

    def _look_up_old(self, reference: str) -> Outcome:
        outcome = self.look_up(self._question(reference))
        if outcome.state is State.ABSENT and self._is_old(reference, GONE_AFTER):
            return Outcome(State.FAILED, reference, failure_code="timeout", evidence="look-up: never made")
        return outcome

    def _look_up_old_refund(self, order: RefundOrder) -> RefundOutcome:
        outcome = self.look_up_refund(order)
        if outcome.state is State.ABSENT and self._is_old(order.reference, GONE_AFTER):
            return RefundOutcome(State.FAILED, order.reference, failure_code="timeout")
        return outcome


def _as_it_is(reply: Reply, get: Callable[[str], Mapping[str, Any]]) -> Mapping[str, Any]:
    """The object of a reply as it is now: the answer to an earlier request of the same key is read again. Raises Unreadable."""
    if not reply.is_replayed:
        return reply.body
    try:
        return get(str(reply.body.get("id")))
    except Refused as refusal:  # It says nothing of the order, which was taken.
        raise Unreadable(f"replayed: {refusal}") from refusal


def _listed(intent: Mapping[str, Any]) -> ListedCharge | None:
    try:
        return read_listed(intent)
    except AmountError:
        if not is_strangers(intent):
            raise
        log.info("stranger.left_out", extra={"charge": intent["id"]})
        return None


def _window(question: Question) -> Any:
    since, until = question.sent_at - _MARGIN, question.sent_at + GONE_AFTER + _MARGIN
    return {"gte": int(since.timestamp()), "lte": math.ceil(until.timestamp())}


def _ours(items: Iterable[Mapping[str, Any]], reference: str) -> Mapping[str, Any] | None:
    for item in items:
        metadata = item.get("metadata")
        if isinstance(metadata, dict) and metadata.get(REFERENCE) == reference:
            return item
    return None


def _unsent(reference: str, code: str) -> Outcome:
    return Outcome(State.FAILED, reference, failure_code=code, evidence="never sent")


def _refused(reference: str, refusal: Refused) -> Outcome:
    return Outcome(State.FAILED, reference, failure_code=_refusal_code(refusal), evidence=f"order: {refusal}")


def _refusal_code(refusal: Refused) -> str:
    """Why Stripe did not carry an order out; no bank was asked."""
    if refusal.code in _AMOUNT_CODES or refusal.param in ("amount", "currency") or "price_data" in refusal.param:
        return "amount_unsupported"
    if refusal.param in ("payment_method", "customer") or refusal.code == "payment_method_unexpected_state":
        return "method_invalid"
    return failure_code(refusal.code, refusal.decline_code)
