"""The payment provider of the simulation: its own truth, which outlives every crash of ours, and what payers do at it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random

from portal.clock import Clock
from portal.gateways.contract import (
    ChargeOutcome,
    ChargeRequest,
    MethodDetails,
    PageRequest,
    PromptRequest,
    RefundOutcome,
    RefundRequest,
    State,
)
from portal.money import Money

OPEN = frozenset({State.PENDING, State.REQUIRES_ACTION})
NEW_CHARGE = {"succeeded": 60, "declined": 8, "insufficient_funds": 8, "pending": 9, "requires_action": 15}
NEW_PROMPT = {"pending": 70, "succeeded": 15, "declined": 5, "insufficient_funds": 5, "canceled": 5}
NEW_REFUND = {"succeeded": 70, "pending": 20, "declined": 10}
END = {"succeeded": 60, "declined": 15, "insufficient_funds": 10, "canceled": 15}
"""How often what becomes of what, in per cent."""

_FAILURES = {"declined": "card_declined", "insufficient_funds": "insufficient_funds", "canceled": "payer_canceled"}


@dataclass
class Charge:
    """What the provider knows under one reference. `page` is the page of ours that the order led back to: of which payment it
    is, whatever its reference says. `has_reported_failure`: the provider said so to somebody, who may rely on it."""

    number: int
    reference: str
    page: str
    money: Money
    kind: str
    state: State
    failure_code: str | None = None
    method: MethodDetails | None = None
    has_reported_failure: bool = False
    can_be_canceled: bool = True

    def tell(self) -> ChargeOutcome:
        """The truth, as an answer tells it."""
        has_charge = self.kind != "page" or self.state not in (State.REQUIRES_ACTION, State.FAILED)
        return ChargeOutcome(
            self.state,
            self.reference,
            gateway_reference=f"ch_{self.number}" if has_charge else None,
            page_reference=f"cs_{self.number}" if self.kind == "page" else None,
            money=self.money if has_charge else None,
            failure_code=self.failure_code,
            action_url=f"http://localhost:9/{self.number}" if self.state is State.REQUIRES_ACTION else None,
            method=self.method,
            evidence="simulated",
        )


@dataclass(frozen=True)
class Capture:
    """Money that was really taken."""

    reference: str
    page: str
    money: Money


@dataclass(frozen=True)
class Event:
    """A call that the provider owes us, or has made already: it comes once, twice, late or never."""

    id: str
    reference: str


@dataclass
class Provider:
    """`fates` are what the next new things become; where the list is empty, chance decides. `sendings` are all orders that left us,
    with the instant, whatever became of them on their way."""

    chance: Random
    clock: Clock
    charges: dict[str, Charge] = field(default_factory=dict)
    captures: list[Capture] = field(default_factory=list)
    refunds: dict[str, tuple[RefundRequest, RefundOutcome]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    under_way: list[tuple[datetime, str, Callable[[], object]]] = field(default_factory=list)
    fates: list[str] = field(default_factory=list)
    sendings: list[tuple[str, datetime]] = field(default_factory=list)
    event_count: int = 0

    def charge(self, request: ChargeRequest) -> Charge:
        return self._once(request, "charge", NEW_CHARGE, MethodDetails("card", "visa", "4242"))

    def prompt(self, request: PromptRequest) -> Charge:
        return self._once(request, "prompt", NEW_PROMPT, MethodDetails("mobile_money", "mtn_momo", request.phone[-4:]))

    def open_page(self, request: PageRequest) -> Charge:
        method = MethodDetails("card", "visa", "1881", 12, 2030, fingerprint="fp-new", token="tok_new")
        return self._once(request, "page", {"requires_action": 100}, method if request.save else None)

    def cancel(self, charge: Charge) -> None:
        """Called off by us: a page and a challenge always can be, what waits for a bank or a telephone not always."""
        if charge.state is State.REQUIRES_ACTION or (charge.state is State.PENDING and charge.can_be_canceled):
            self._become(charge, "canceled")
            if charge.kind == "page":
                charge.failure_code = "page_canceled"

    def finish(self, charge: Charge, fate: str) -> None:
        """What was open comes to its end, or goes on to wait: the payer has paid, approved, refused, walked away."""
        assert charge.state in OPEN, "an end comes once"
        self._become(charge, fate)

    def approve_late(self, charge: Charge) -> None:
        """The telephone was answered, the page was paid, although it had been called off: the money was taken."""
        assert charge.state is State.FAILED and charge.failure_code in ("payer_canceled", "page_canceled")
        self._become(charge, "succeeded")

    def refund(self, request: RefundRequest) -> RefundOutcome:
        if request.reference not in self.refunds:
            captured = sum(
                c.money.amount for c in self.captures if f"ch_{self.charges[c.reference].number}" == request.charge
            )
            fate = self._fate(NEW_REFUND)
            if self.refunded(request.charge) + request.money.amount > captured:
                fate = "declined"
            self._note_refund(request, fate)
        return self.refunds[request.reference][1]

    def refunded(self, charge: str) -> int:
        """How much of a charge went back, or is on its way, in minor units."""
        return sum(
            request.money.amount
            for request, outcome in self.refunds.values()
            if request.charge == charge and outcome.state is not State.FAILED
        )

    def finish_refund(self, reference: str, fate: str) -> None:
        """A pending refund came to its end, or one that was called done came back from the bank."""
        self._note_refund(self.refunds[reference][0], fate)

    def is_captured(self, reference: str) -> bool:
        return reference in self.charges and self.charges[reference].state is State.SUCCEEDED

    def send_later(self, at: datetime, reference: str, request: Callable[[], object]) -> None:
        """An order whose sender gave up waiting is still on its way, and arrives at `at`."""
        self.under_way.append((at, reference, request))

    def is_expected(self, reference: str) -> bool:
        """Whether an order with this reference is on its way."""
        return any(reference == expected for _, expected, _ in self.under_way)

    def receive(self) -> None:
        """What has been on its way long enough arrives."""
        now = self.clock.now()
        arrived = [sent for sent in self.under_way if sent[0] <= now]
        self.under_way = [sent for sent in self.under_way if sent[0] > now]
        for _, _, request in arrived:
            request()

    def _once(
        self,
        request: ChargeRequest | PromptRequest | PageRequest,
        kind: str,
        odds: dict[str, int],
        method: MethodDetails | None,
    ) -> Charge:
        charge = self.charges.get(request.reference)
        if charge is None:
            number = len(self.charges) + 1
            charge = Charge(number, request.reference, request.return_url, request.money, kind, State.REQUIRES_ACTION)
            charge.method = method
            self.charges[request.reference] = charge
            fate = self._fate(odds)
            if fate != "requires_action":
                self._become(charge, fate)
            charge.can_be_canceled = self.chance.random() < 0.85
        return charge

    def _become(self, charge: Charge, fate: str) -> None:
        charge.failure_code = _FAILURES.get(fate)
        charge.state = State.FAILED if fate in _FAILURES else State(fate)
        if charge.state is State.SUCCEEDED:
            self.captures.append(Capture(charge.reference, charge.page, charge.money))
        self._owe_event(charge.reference)

    def _note_refund(self, request: RefundRequest, fate: str) -> None:
        state = State.FAILED if fate == "declined" else State(fate)
        code = "processing_error" if fate == "declined" else None
        outcome = RefundOutcome(state, request.reference, f"gr_{len(self.refunds)}", request.money, code)
        known = self.refunds.get(request.reference)
        if known is not None:
            outcome = replace(outcome, gateway_reference=known[1].gateway_reference)
        self.refunds[request.reference] = (request, outcome)
        self._owe_event(request.reference)

    def _owe_event(self, reference: str) -> None:
        self.event_count += 1
        self.events.append(Event(f"evt_{self.event_count}", reference))

    def _fate(self, odds: dict[str, int]) -> str:
        if self.fates:
            return self.fates.pop(0)
        return self.chance.choices(list(odds), list(odds.values()))[0]
