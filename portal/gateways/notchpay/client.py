"""One merchant's account at Notch Pay as the contract's Gateway."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from portal.clock import Clock, SystemClock
from portal.gateways.contract import (
    Capabilities,
    ChargeOutcome,
    ChargeRequest,
    ListedCharge,
    Lookup,
    MethodDetails,
    PageRequest,
    Payer,
    PromptChannel,
    PromptRequest,
    RefundOutcome,
    RefundRequest,
    SetupOutcome,
    SetupRequest,
    State,
    VerifiedEvent,
)
from portal.gateways.http import JsonClient, JsonResponse, UnusableResponse
from portal.gateways.notchpay.events import read_verified_event
from portal.gateways.notchpay.lookups import AccountReader, payment_path
from portal.gateways.notchpay.parsing import (
    UNPROCESSED,
    Transaction,
    charge_outcome,
    read_address,
    read_refund,
    read_text,
    read_transaction,
)
from portal.gateways.notchpay.tables import CHANNELS, CURRENCIES, CURRENCY_OF_COUNTRY, find_channel, to_notchpay
from portal.money import AmountError
from portal.public_ids import first_id

API_ORIGIN, PAGE_ORIGIN = "https://api.notchpay.co", "https://pay.notchpay.co"
REFUND_LISTED_WITHIN = timedelta(minutes=1)
"""How long a refund request may be in flight. Earlier, its absence from the list proves nothing, and since Notch Pay documents no
idempotency nothing else would prevent a second refund."""
_LONGEST_DESCRIPTION = 256  # `api/tag/payment`.


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets of an account. Only refunds send the private key; any of `event_secrets` may have signed an event."""

    public_key: str
    private_key: str
    event_secrets: tuple[str, ...]


class NotchPayGateway:
    """One merchant's account at Notch Pay.

    A payment is initialised under our reference, which charges nobody yet. It is then processed: by the customer on its hosted
    page, or by a second request that names a telephone. Only a `pending` payment can be processed or cancelled, so that of two
    concurrent requests of ours one fails. A reference is unique (409): initialising again never creates a second payment.

    Methods are not saved (docs/decisions/0018).
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
        self._private_headers = {"X-Grant": keys.private_key}
        self._http = JsonClient(origin, {"Authorization": keys.public_key}, timeout_seconds)
        self._reader = AccountReader(self._http, self._private_headers)
        # The two requests of a prompt together, each with its timeout.
        self._prompt_sent_within = timedelta(seconds=2 * timeout_seconds + 10)

    # --- payments ---

    def open_page(self, request: PageRequest) -> ChargeOutcome:
        payer = request.payer
        if payer.email is None and payer.phone is None and payer.fallback_email is not None:
            payer = replace(payer, email=payer.fallback_email)
        if payer.email is None and payer.phone is None:
            return _refused(request.reference, code="processing_error", evidence="a payer without an address")
        initialised = self._initialise(request, payer)
        if isinstance(initialised, ChargeOutcome):
            return initialised
        try:
            if initialised is None:
                return charge_outcome(self._find_initialised(request.reference), None, "page")
            if initialised.page is None:
                raise UnusableResponse("no page")
            return charge_outcome(initialised.transaction, initialised.page, "page")
        except UnusableResponse as fault:
            return _unknown(request.reference, initialised, f"page: {fault}")

    def prompt(self, request: PromptRequest) -> ChargeOutcome:
        channel = find_channel(request.channel)
        if channel is None:
            return _refused(request.reference, code="method_invalid", evidence="no such channel")
        if request.money.currency != CURRENCY_OF_COUNTRY[channel.country]:
            return _refused(request.reference, code="amount_unsupported", evidence="another country's currency")
        initialised = self._initialise(
            request, Payer(request.payer.id, request.payer.name, request.payer.email, request.phone)
        )
        if isinstance(initialised, ChargeOutcome):
            return initialised
        method = MethodDetails("mobile_money", channel.brand, request.phone[-4:], phone=_masked(request.phone))
        try:
            transaction = initialised.transaction if initialised else self._find_initialised(request.reference)
            # If another process of ours has just initialised it, that one may be about to process it.
            may_process = transaction.is_unprompted and (
                initialised is not None or self._sender_has_timed_out(transaction)
            )
            if not may_process or (transaction.reference, transaction.money) != (request.reference, request.money):
                return charge_outcome(transaction, None, "prompt", method)
            return self._process(request, channel, transaction, method)
        except UnusableResponse as fault:
            return _unknown(request.reference, initialised, f"prompt: {fault}")

    def look_up(self, lookup: Lookup) -> ChargeOutcome:
        try:
            found = self._reader.find_payment(lookup, self._clock.now())
            if found is None:
                return ChargeOutcome(State.ABSENT, lookup.reference, evidence="look-up")
            return charge_outcome(found, lookup.page_reference, "look-up")
        except UnusableResponse as fault:
            return ChargeOutcome(State.UNKNOWN, lookup.reference, evidence=f"look-up: {fault}")

    def cancel(self, lookup: Lookup) -> ChargeOutcome:
        try:
            found = self._reader.find_payment(lookup, self._clock.now())
            if found is None:
                return ChargeOutcome(State.ABSENT, lookup.reference, evidence="cancel")
            return charge_outcome(self._cancel_unprocessed(found), lookup.page_reference, "cancel")
        except UnusableResponse as fault:
            return ChargeOutcome(State.UNKNOWN, lookup.reference, evidence=f"cancel: {fault}")

    def list_charges(self, since: datetime, until: datetime) -> tuple[ListedCharge, ...] | None:
        """A payment in a currency that we never request is skipped: it is not ours, and its amount cannot be read.

        Pages start at the newest payment: one that is created while they are read moves a row to the next page, where it is
        listed again. Each payment is returned once, as it was listed last.
        """
        listed = {}
        try:
            for row in self._reader.list_payments(since, until):
                if row.get("currency") not in CURRENCIES:
                    continue
                found = read_transaction(row)
                if found.created_at is None:
                    return None
                if since <= found.created_at < until:
                    listed[found.gateway_reference] = ListedCharge(
                        found.gateway_reference, found.reference, found.state, found.money, created_at=found.created_at
                    )
        except UnusableResponse:
            return None
        return tuple(sorted(listed.values(), key=lambda charge: charge.created_at))

    # --- refunds ---

    def refund(self, request: RefundRequest) -> RefundOutcome:
        try:
            body = {
                "payment": request.charge,
                "amount": to_notchpay(request.money),
                "reason": request.reference,
                "metadata": {"reference": request.reference},
            }
        except AmountError:
            return RefundOutcome(State.FAILED, request.reference, failure_code="amount_unsupported")
        try:
            response = self._http.post("/refunds", body, self._private_headers)
            if response.status in (200, 201, 202):
                return read_refund(request, response.body.get("refund"))
            if response.status in (400, 404, 409, 422):
                # Perhaps it was sent before, and its response was lost.
                found = self._reader.find_refund(request)
                failed = RefundOutcome(State.FAILED, request.reference, failure_code="processing_error")
                return failed if found is None else read_refund(request, found)
        except UnusableResponse:
            pass
        return RefundOutcome(State.UNKNOWN, request.reference)

    def look_up_refund(self, request: RefundRequest) -> RefundOutcome:
        try:
            found = self._reader.find_refund(request)
            if found is not None:
                return read_refund(request, found)
        except UnusableResponse:
            return RefundOutcome(State.UNKNOWN, request.reference)
        is_old = request.reference < first_id("re", self._clock.now() - REFUND_LISTED_WITHIN)
        return RefundOutcome(State.ABSENT if is_old else State.UNKNOWN, request.reference)

    # --- events ---

    def read_event(self, headers: Mapping[str, str], body: bytes, now: datetime) -> VerifiedEvent:
        return read_verified_event(headers, body, self._event_secrets)

    def is_reachable(self) -> bool:
        try:
            return self._http.get("/payments", {"limit": "1"}).status == 200
        except UnusableResponse:
            return False

    # --- not supported ---

    def charge(self, request: ChargeRequest) -> ChargeOutcome:
        raise NotImplementedError("Notch Pay saves no methods")

    def open_setup(self, request: SetupRequest) -> SetupOutcome:
        raise NotImplementedError("Notch Pay saves no methods")

    def look_up_setup(self, lookup: Lookup) -> SetupOutcome:
        raise NotImplementedError("Notch Pay saves no methods")

    def detach(self, token: str) -> bool:
        raise NotImplementedError("Notch Pay saves no methods")

    # --- requests ---

    def _initialise(self, request: PageRequest | PromptRequest, payer: Payer) -> _Initialised | ChargeOutcome | None:
        """Create the payment, which charges nobody yet. None: it exists already. An outcome: it failed, or is unknown."""
        try:
            amount = to_notchpay(request.money)
        except AmountError:
            return _refused(request.reference, code="amount_unsupported", evidence="currency")
        customer = {"name": payer.name, "email": payer.email, "phone": payer.phone}
        body = {
            "amount": amount,
            "currency": request.money.currency,
            "locked_currency": request.money.currency,
            "reference": request.reference,
            "description": _cleaned(request.description)[:_LONGEST_DESCRIPTION] or "-",
            "callback": request.return_url,
            "customer": {name: _cleaned(value) for name, value in customer.items() if value},
        }
        try:
            response = self._http.post("/payments", body)
            if response.status in (200, 201):
                return _Initialised(
                    read_transaction(response.body.get("transaction")),
                    read_address(response.body.get("authorization_url")),
                )
        except UnusableResponse as fault:
            return ChargeOutcome(State.UNKNOWN, request.reference, evidence=f"request: {fault}")
        invalid = _invalid_fields(response)
        if response.status == 409 or "reference" in invalid:
            return None
        if response.status in (400, 422):
            code = "amount_unsupported" if invalid & {"amount", "currency"} else "processing_error"
            return _refused(
                request.reference,
                code=code,
                evidence=f"request: {response.status}",
                message=read_text(response.body.get("message")),
            )
        return ChargeOutcome(State.UNKNOWN, request.reference, evidence=f"request: {response.status}")

    def _process(
        self, request: PromptRequest, channel: PromptChannel, transaction: Transaction, method: MethodDetails
    ) -> ChargeOutcome:
        """Send the prompt to the telephone. From here on only Notch Pay knows whether it arrived."""
        pending = ChargeOutcome(
            State.PENDING,
            request.reference,
            gateway_reference=transaction.gateway_reference,
            money=transaction.money,
            method=method,
            evidence="prompt",
        )
        try:
            response = self._http.post(
                payment_path(transaction.gateway_reference), {"channel": channel.id, "data": {"phone": request.phone}}
            )
            if response.status in (200, 201, 202) and response.body.get("status") == "Accepted":
                return pending
            if response.status not in (400, 422):
                raise UnusableResponse(str(response.status))
            # Refused: the telephone or the channel is not accepted, or the payment is in progress. Cancelling it shows which.
            payment = self._cancel_unprocessed(self._reader.get_payment(transaction.gateway_reference))
        except UnusableResponse as fault:
            return ChargeOutcome(
                State.UNKNOWN,
                request.reference,
                gateway_reference=transaction.gateway_reference,
                evidence=f"prompt: {fault}",
            )
        if payment.status == "canceled":
            message = read_text(response.body.get("message"))
            return _refused(
                request.reference,
                code="method_invalid",
                evidence=f"prompt: {response.status}",
                message=message,
                gateway_reference=transaction.gateway_reference,
            )
        return charge_outcome(payment, None, "prompt", method)

    def _cancel_unprocessed(self, transaction: Transaction | None) -> Transaction:
        """Cancel a payment that is not processed yet, and return it as it is afterwards. Raises UnusableResponse."""
        if transaction is None:
            raise UnusableResponse("not found")
        if transaction.status != UNPROCESSED:
            return transaction
        with suppress(UnusableResponse):  # Whatever the response is, the payment is read again below.
            self._http.delete(payment_path(transaction.gateway_reference))
        now = self._reader.get_payment(transaction.gateway_reference)
        if now is None:
            raise UnusableResponse("not found")
        return now

    def _find_initialised(self, reference: str) -> Transaction:
        """Return the payment that exists already, as a 409 has just shown. Raises UnusableResponse."""
        now = self._clock.now()
        found = self._reader.find_payment(Lookup(reference, now), now)
        if found is None:
            raise UnusableResponse("it exists and was not found")
        return found

    def _sender_has_timed_out(self, transaction: Transaction) -> bool:
        """Return whether the process that initialised the payment would have processed it by now."""
        at = transaction.created_at
        return at is not None and at < self._clock.now() - self._prompt_sent_within


@dataclass(frozen=True, slots=True)
class _Initialised:
    """A payment that this request has initialised, and the address of its hosted page."""

    transaction: Transaction
    page: str | None


def _refused(
    reference: str, *, code: str, evidence: str, message: str | None = None, gateway_reference: str | None = None
) -> ChargeOutcome:
    return ChargeOutcome(
        State.FAILED,
        reference,
        gateway_reference=gateway_reference,
        failure_code=code,
        failure_message=message,
        evidence=evidence,
    )


def _unknown(reference: str, initialised: _Initialised | None, evidence: str) -> ChargeOutcome:
    gateway_reference = initialised.transaction.gateway_reference if initialised else None
    return ChargeOutcome(State.UNKNOWN, reference, gateway_reference=gateway_reference, evidence=evidence)


def _invalid_fields(response: JsonResponse) -> set[str]:
    """Return the fields that a validation error names (`api-reference/errors`)."""
    errors = response.body.get("errors")
    return {str(name) for name in errors} if isinstance(errors, dict) else set()


def _cleaned(text: str) -> str:
    return "".join(character for character in text if character.isprintable())


def _masked(phone: str) -> str:
    return f"{phone[:4]}•••{phone[-4:]}"
