"""One merchant's account at Notch Pay: our orders out, its answers in."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.clock import Clock, SystemClock
from portal.gateways.contract import (
    Capabilities,
    ChargeOrder,
    ListedCharge,
    MethodFacts,
    Notice,
    Outcome,
    PageOrder,
    Payer,
    PromptChannel,
    PromptOrder,
    Question,
    RefundOrder,
    RefundOutcome,
    SetupOrder,
    SetupOutcome,
    State,
)
from portal.gateways.http import Answer, JsonClient, Unreadable
from portal.gateways.notchpay.events import read_notice
from portal.gateways.notchpay.lookups import Books, path_of
from portal.gateways.notchpay.parsing import (
    UNPROCESSED,
    Transaction,
    outcome_of,
    read_address,
    read_refund,
    read_text,
    read_transaction,
)
from portal.gateways.notchpay.tables import CHANNELS, CURRENCIES, CURRENCY_OF_COUNTRY, find_channel, told_amount
from portal.money import AmountError
from portal.public_ids import first_id

API_ORIGIN, PAGE_ORIGIN = "https://api.notchpay.co", "https://pay.notchpay.co"
REFUND_SEEN_AFTER = timedelta(minutes=1)
"""How long an order to refund may be on its way: before that a list without it proves nothing, and nothing else would stop a
second refund, since Notch Pay documents no idempotency."""
_LONGEST_DESCRIPTION = 256  # `api/tag/payment`.


@dataclass(frozen=True, slots=True)
class Keys:
    """What an account opens with. The private key is sent with refunds alone; every one of `event_secrets` signs events."""

    public_key: str
    private_key: str
    event_secrets: tuple[str, ...]


class NotchPayGateway:
    """One merchant's account at Notch Pay.

    A payment there is initialised under our reference, and asks nobody before it is processed: by the customer on its hosted
    page, or by a second call that names a telephone. Only what is `pending` can be processed or cancelled, so that their own
    state decides between two of us. A reference is used once (409): initialising again never makes a second payment.

    Methods are not kept (docs/decisions/0018).
    """

    name = "notchpay"
    title = "Notch Pay"
    capabilities = Capabilities(
        hosted_page=True,
        prompt_channels=CHANNELS,
        cancel=True,
        refunds=True,
        lists_charges=True,
        currencies=CURRENCIES,
        page_types=("mobile_money", "card"),
    )

    def __init__(
        self,
        keys: Keys,
        timeout_seconds: float,
        *,
        origin: str = API_ORIGIN,
        page_origin: str = PAGE_ORIGIN,
        clock: Clock | None = None,
    ) -> None:
        self.form_action_origins: tuple[str, ...] = (page_origin,)
        self._clock = clock or SystemClock()
        self._event_secrets = keys.event_secrets
        self._grant = {"X-Grant": keys.private_key}
        self._http = JsonClient(origin, {"Authorization": keys.public_key}, timeout_seconds)
        self._books = Books(self._http, self._grant)
        # Both calls of a prompt may be on their way for so long, each with its timeout.
        self._processed_within = timedelta(seconds=2 * timeout_seconds + 10)

    # --- payments ---

    def open_page(self, order: PageOrder) -> Outcome:
        if order.payer.email is None and order.payer.phone is None:
            return _refused(order.reference, "processing_error", "a payer without an address")
        opening = self._initialise(order, order.payer)
        if isinstance(opening, Outcome):
            return opening
        try:
            if opening is None:
                return outcome_of(self._initialised_before(order.reference), None, "page")
            if opening.page is None:
                raise Unreadable("no page")
            return outcome_of(opening.transaction, opening.page, "page")
        except Unreadable as fault:
            return _unknown(order.reference, opening, f"page: {fault}")

    def prompt(self, order: PromptOrder) -> Outcome:
        channel = find_channel(order.channel)
        if channel is None:
            return _refused(order.reference, "method_invalid", "no such channel")
        if order.money.currency != CURRENCY_OF_COUNTRY[channel.country]:
            return _refused(order.reference, "amount_unsupported", "another country's currency")
        opening = self._initialise(order, Payer(order.payer.id, order.payer.name, order.payer.email, order.phone))
        if isinstance(opening, Outcome):
            return opening
        method = MethodFacts("mobile_money", channel.brand, order.phone[-4:], phone=_masked(order.phone))
        try:
            transaction = opening.transaction if opening else self._initialised_before(order.reference)
            # What another of us initialised just now it may be about to process itself.
            is_free = transaction.is_untouched and (opening is not None or self._is_left_behind(transaction))
            if not is_free or (transaction.ours, transaction.money) != (order.reference, order.money):
                return outcome_of(transaction, None, "prompt", method)
            return self._process(order, channel, transaction, method)
        except Unreadable as fault:
            return _unknown(order.reference, opening, f"prompt: {fault}")

    def look_up(self, question: Question) -> Outcome:
        try:
            found = self._books.find_payment(question, self._clock.now())
            if found is None:
                return Outcome(State.ABSENT, question.reference, evidence="look-up")
            return outcome_of(found, question.page_reference, "look-up")
        except Unreadable as fault:
            return Outcome(State.UNKNOWN, question.reference, evidence=f"look-up: {fault}")

    def cancel(self, question: Question) -> Outcome:
        try:
            found = self._books.find_payment(question, self._clock.now())
            if found is None:
                return Outcome(State.ABSENT, question.reference, evidence="cancel")
            return outcome_of(self._called_off(found), question.page_reference, "cancel")
        except Unreadable as fault:
            return Outcome(State.UNKNOWN, question.reference, evidence=f"cancel: {fault}")

    def list_charges(self, since: datetime, until: datetime) -> tuple[ListedCharge, ...] | None:
        """What is in a currency that we never order is left out: it is not ours, and its figures cannot be read.

        Pages are counted from the newest: what begins while they are read moves a row to the next page, where it is told
        again. One payment of theirs is one charge, as it was told last.
        """
        listed = {}
        try:
            for row in self._books.list_payments(since, until):
                if row.get("currency") not in CURRENCIES:
                    continue
                found = read_transaction(row)
                if found.created_at is None:
                    return None
                if since <= found.created_at < until:
                    listed[found.theirs] = ListedCharge(
                        found.theirs, found.ours, found.state, found.money, created_at=found.created_at
                    )
        except Unreadable:
            return None
        return tuple(sorted(listed.values(), key=lambda charge: charge.created_at))

    # --- refunds ---

    def refund(self, order: RefundOrder) -> RefundOutcome:
        try:
            body = {
                "payment": order.charge,
                "amount": told_amount(order.money),
                "reason": order.reference,
                "metadata": {"reference": order.reference},
            }
        except AmountError:
            return RefundOutcome(State.FAILED, order.reference, failure_code="amount_unsupported")
        try:
            answer = self._http.post("/refunds", body, self._grant)
            if answer.status in (200, 201, 202):
                return read_refund(order, answer.body.get("refund"))
            if answer.status in (400, 404, 409, 422):
                # Perhaps it stands in its own way: sent before, its answer lost.
                found = self._books.find_refund(order)
                failed = RefundOutcome(State.FAILED, order.reference, failure_code="processing_error")
                return failed if found is None else read_refund(order, found)
        except Unreadable:
            pass
        return RefundOutcome(State.UNKNOWN, order.reference)

    def look_up_refund(self, order: RefundOrder) -> RefundOutcome:
        try:
            found = self._books.find_refund(order)
            if found is not None:
                return read_refund(order, found)
        except Unreadable:
            return RefundOutcome(State.UNKNOWN, order.reference)
        is_old = order.reference < first_id("re", self._clock.now() - REFUND_SEEN_AFTER)
        return RefundOutcome(State.ABSENT if is_old else State.UNKNOWN, order.reference)

    # --- what it tells ---

    def read_event(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        return read_notice(headers, body, self._event_secrets)

    def is_reachable(self) -> bool:
        try:
            return self._http.get("/payments", {"limit": "1"}).status == 200
        except Unreadable:
            return False

    # --- what it cannot do ---

    def charge(self, order: ChargeOrder) -> Outcome:
        raise NotImplementedError("Notch Pay keeps no methods")

    def open_setup(self, order: SetupOrder) -> SetupOutcome:
        raise NotImplementedError("Notch Pay keeps no methods")

    def look_up_setup(self, question: Question) -> SetupOutcome:
        raise NotImplementedError("Notch Pay keeps no methods")

    def detach(self, token: str) -> bool:
        raise NotImplementedError("Notch Pay keeps no methods")

    # --- the calls ---

    def _initialise(self, order: PageOrder | PromptOrder, payer: Payer) -> _Opening | Outcome | None:
        """Make the payment, which asks nobody yet. None: it exists already. An Outcome: nothing was made, or nobody knows."""
        try:
            amount = told_amount(order.money)
        except AmountError:
            return _refused(order.reference, "amount_unsupported", "currency")
        customer = {"name": payer.name, "email": payer.email, "phone": payer.phone}
        body = {
            "amount": amount,
            "currency": order.money.currency,
            "locked_currency": order.money.currency,
            "reference": order.reference,
            "description": _printable(order.description)[:_LONGEST_DESCRIPTION] or "-",
            "callback": order.return_url,
            "customer": {name: _printable(value) for name, value in customer.items() if value},
        }
        try:
            answer = self._http.post("/payments", body)
            if answer.status in (200, 201):
                return _Opening(
                    read_transaction(answer.body.get("transaction")), read_address(answer.body.get("authorization_url"))
                )
        except Unreadable as fault:
            return Outcome(State.UNKNOWN, order.reference, evidence=f"order: {fault}")
        wrong = _wrong_fields(answer)
        if answer.status == 409 or "reference" in wrong:
            return None
        if answer.status in (400, 422):
            code = "amount_unsupported" if wrong & {"amount", "currency"} else "processing_error"
            return _refused(order.reference, code, f"order: {answer.status}", read_text(answer.body.get("message")))
        return Outcome(State.UNKNOWN, order.reference, evidence=f"order: {answer.status}")

    def _process(
        self, order: PromptOrder, channel: PromptChannel, transaction: Transaction, method: MethodFacts
    ) -> Outcome:
        """Have the telephone asked. From here on only Notch Pay knows whether it rang."""
        asked = Outcome(
            State.PENDING,
            order.reference,
            gateway_reference=transaction.theirs,
            money=transaction.money,
            method=method,
            evidence="prompt",
        )
        try:
            answer = self._http.post(
                path_of(transaction.theirs), {"channel": channel.id, "data": {"phone": order.phone}}
            )
            if answer.status in (200, 201, 202) and answer.body.get("status") == "Accepted":
                return asked
            if answer.status not in (400, 422):
                raise Unreadable(str(answer.status))
            # Refused: the telephone or the channel is not taken, or the payment is under way. Calling it off tells which.
            ended = self._called_off(self._books.get_payment(transaction.theirs))
        except Unreadable as fault:
            return Outcome(
                State.UNKNOWN, order.reference, gateway_reference=transaction.theirs, evidence=f"prompt: {fault}"
            )
        if ended.status == "canceled":
            message = read_text(answer.body.get("message"))
            return _refused(order.reference, "method_invalid", f"prompt: {answer.status}", message, transaction.theirs)
        return outcome_of(ended, None, "prompt", method)

    def _called_off(self, transaction: Transaction | None) -> Transaction:
        """What became of it after we asked that nobody be asked any more. Raises Unreadable."""
        if transaction is None:
            raise Unreadable("gone")
        if transaction.status != UNPROCESSED:
            return transaction
        with suppress(Unreadable):  # Whatever the answer is, and if there is none: the question after it tells.
            self._http.delete(path_of(transaction.theirs))
        now = self._books.get_payment(transaction.theirs)
        if now is None:
            raise Unreadable("gone")
        return now

    def _initialised_before(self, reference: str) -> Transaction:
        """The payment that exists already, as a 409 has just told. Raises Unreadable."""
        now = self._clock.now()
        found = self._books.find_payment(Question(reference, now), now)
        if found is None:
            raise Unreadable("it exists and is not found")
        return found

    def _is_left_behind(self, transaction: Transaction) -> bool:
        """Whether whoever initialised it would have processed it by now."""
        at = transaction.created_at
        return at is not None and at < self._clock.now() - self._processed_within


@dataclass(frozen=True, slots=True)
class _Opening:
    """A payment that we initialised just now, and the address of its hosted page."""

    transaction: Transaction
    page: str | None


def _refused(
    reference: str, code: str, evidence: str, message: str | None = None, gateway_reference: str | None = None
) -> Outcome:
    return Outcome(
        State.FAILED,
        reference,
        gateway_reference=gateway_reference,
        failure_code=code,
        failure_message=message,
        evidence=evidence,
    )


def _unknown(reference: str, opening: _Opening | None, evidence: str) -> Outcome:
    theirs = opening.transaction.theirs if opening else None
    return Outcome(State.UNKNOWN, reference, gateway_reference=theirs, evidence=evidence)


def _wrong_fields(answer: Answer) -> set[str]:
    """The fields that a validation error names (`api-reference/errors`)."""
    errors = answer.body.get("errors")
    return {str(name) for name in errors} if isinstance(errors, dict) else set()


def _printable(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable())


def _masked(phone: str) -> str:
    return f"{phone[:4]}•••{phone[-4:]}"
