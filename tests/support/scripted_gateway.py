"""A gateway in memory with a ledger of its own: it charges once a reference, and responds as a test has scripted it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from portal.gateways.contract import (
    Capabilities,
    ChargeOutcome,
    ChargeRequest,
    EventRefused,
    Gateway,
    ListedCharge,
    Lookup,
    MethodDetails,
    PageRequest,
    PromptChannel,
    PromptRequest,
    RefundOutcome,
    RefundRequest,
    SetupOutcome,
    SetupRequest,
    State,
    VerifiedEvent,
)
from portal.money import Money

VISA = MethodDetails("card", "visa", "4242", 12, 2030, fingerprint="fp-visa", token="tok_visa")
ABLE = Capabilities(
    hosted_page=True,
    saved_methods=True,
    setup_page=True,
    prompt_channels=(
        PromptChannel("cm.mtn", "mtn_momo", "CM", "*126#"),
        PromptChannel("cm.orange", "orange_money", "CM"),
    ),
    cancel=True,
    refunds=True,
    lists_charges=True,
    page_types=("card", "mobile_money", "bank_account"),
)
Script = Callable[[ChargeOutcome], ChargeOutcome]


def lost(outcome: ChargeOutcome) -> ChargeOutcome:
    """The response never arrives, whatever the gateway did."""
    return ChargeOutcome(State.UNKNOWN, outcome.reference)


@dataclass
class ScriptedGateway:
    """`ledger` has what was really charged. `answers` are applied to the next responses, one each, without changing the ledger;
    `becomes` has the states of the next new charges (succeeded by default), `cancels` what becomes of the next cancellations: "lost"
    (it never arrives) or "refused"; others are carried out."""

    name: str = "sandbox"
    title: str = "Sandbox Pay"
    capabilities: Capabilities = ABLE
    form_action_origins: tuple[str, ...] = ("http://localhost:9",)
    ledger: dict[str, ChargeOutcome] = field(default_factory=dict)
    refunds: dict[str, RefundOutcome] = field(default_factory=dict)
    setups: dict[str, SetupOutcome] = field(default_factory=dict)
    pages: dict[str, PageRequest] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    answers: list[Script] = field(default_factory=list)
    look_ups: list[Script] = field(default_factory=list)
    becomes: list[State] = field(default_factory=list)
    cancels: list[str] = field(default_factory=list)
    before_charge: Callable[[], None] = lambda: None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def charge(self, request: ChargeRequest) -> ChargeOutcome:
        self.before_charge()
        with self._lock:
            self.calls.append(("charge", request.reference))
            if request.reference not in self.ledger:
                self.ledger[request.reference] = self._new_charge(request.reference, request.money)
            return self._answer(self.ledger[request.reference])

    def open_page(self, request: PageRequest) -> ChargeOutcome:
        with self._lock:
            self.calls.append(("page", request.reference))
            self.pages.setdefault(request.reference, request)
            return self._answer(self._page(request.reference))

    def pay_page(self, reference: str, state: State = State.SUCCEEDED) -> None:
        """What the customer does on the gateway's own page."""
        request = self.pages[reference]
        self.becomes.append(state)
        self.ledger.setdefault(reference, self._new_charge(reference, request.money))

    def settle(self, reference: str, state: State, code: str | None = None) -> None:
        """A pending charge gets its final state at the gateway."""
        self.ledger[reference] = replace(self.ledger[reference], state=state, failure_code=code, action_url=None)

    def prompt(self, request: PromptRequest) -> ChargeOutcome:
        with self._lock:
            self.calls.append(("prompt", request.reference))
            if request.reference not in self.ledger:
                if not self.becomes:
                    self.becomes.append(State.PENDING)
                method = MethodDetails(
                    "mobile_money", "mtn_momo", request.phone[-4:], token=request.phone if request.save else None
                )
                charge = self._new_charge(request.reference, request.money)
                self.ledger[request.reference] = replace(charge, method=method)
            return self._answer(self.ledger[request.reference])

    def look_up(self, lookup: Lookup) -> ChargeOutcome:
        reference = lookup.reference
        with self._lock:
            self.calls.append(("look_up", reference))
            truth = self.ledger.get(reference)
            if truth is None:
                truth = self._page(reference) if reference in self.pages else ChargeOutcome(State.ABSENT, reference)
            return self.look_ups.pop(0)(truth) if self.look_ups else truth

    def cancel(self, lookup: Lookup) -> ChargeOutcome:
        reference = lookup.reference
        self.calls.append(("cancel", reference))
        fate = self.cancels.pop(0) if self.cancels else ""
        if fate == "lost":
            return ChargeOutcome(State.UNKNOWN, reference)
        held = self.ledger.get(reference)
        if fate == "refused":
            pass
        elif held is None and reference in self.pages:
            self.ledger[reference] = ChargeOutcome(State.FAILED, reference, failure_code="page_canceled")
        elif held is not None and held.state in (State.PENDING, State.REQUIRES_ACTION):
            self.settle(reference, State.FAILED, "payer_canceled")
        return self.look_up(lookup)

    def refund(self, request: RefundRequest) -> RefundOutcome:
        self.calls.append(("refund", request.reference))
        return self.refunds.setdefault(
            request.reference,
            RefundOutcome(State.SUCCEEDED, request.reference, f"gr_{request.reference}", request.money),
        )

    def look_up_refund(self, request: RefundRequest) -> RefundOutcome:
        return self.refunds.get(request.reference, RefundOutcome(State.ABSENT, request.reference))

    def open_setup(self, request: SetupRequest) -> SetupOutcome:
        self.calls.append(("setup", request.reference))
        page = SetupOutcome(
            State.REQUIRES_ACTION, request.reference, action_url=f"http://localhost:9/setup/{request.reference}"
        )
        return self.setups.setdefault(request.reference, page)

    def finish_setup(self, reference: str, method: MethodDetails = VISA) -> None:
        """What the customer does on the gateway's setup page."""
        self.setups[reference] = SetupOutcome(State.SUCCEEDED, reference, method=method)

    def look_up_setup(self, lookup: Lookup) -> SetupOutcome:
        return self.setups.get(lookup.reference, SetupOutcome(State.ABSENT, lookup.reference))

    def detach(self, token: str) -> bool:
        self.calls.append(("detach", token))
        return True

    def list_charges(self, since: datetime, until: datetime) -> tuple[ListedCharge, ...] | None:
        """All charges, whenever they were made: a test that compares says what the list leaves out."""
        return tuple(
            ListedCharge(outcome.gateway_reference, reference, outcome.state, outcome.money, since)
            for reference, outcome in self.ledger.items()
            if outcome.money and outcome.gateway_reference
        )

    def read_event(self, headers: Mapping[str, str], body: bytes, now: datetime) -> VerifiedEvent:
        if headers.get("Signature") != "right":
            raise EventRefused("signature wrong")
        # The payload: the event's id, then our reference and the gateway's, "-" for one that is missing.
        event_id, *references = body.decode().split(" ")
        reference, gateway_reference = (None if text == "-" else text for text in (*references, "-", "-")[:2])
        return VerifiedEvent(event_id, "charge.succeeded", reference, gateway_reference)

    def is_reachable(self) -> bool:
        return True

    @property
    def captured(self) -> list[str]:
        """References that were really charged."""
        return [reference for reference, outcome in self.ledger.items() if outcome.state is State.SUCCEEDED]

    def _answer(self, truth: ChargeOutcome) -> ChargeOutcome:
        return self.answers.pop(0)(truth) if self.answers else truth

    def _page(self, reference: str) -> ChargeOutcome:
        return ChargeOutcome(State.REQUIRES_ACTION, reference, action_url=f"http://localhost:9/pay/{reference}")

    def _new_charge(self, reference: str, money: Money) -> ChargeOutcome:
        state = self.becomes.pop(0) if self.becomes else State.SUCCEEDED
        return ChargeOutcome(
            state,
            reference,
            gateway_reference=f"ch_{reference}",
            money=money,
            method=VISA,
            failure_code="card_declined" if state is State.FAILED else None,
            action_url=f"http://localhost:9/challenge/{reference}" if state is State.REQUIRES_ACTION else None,
        )


@dataclass
class OneGateway:
    """The registry of a test: every merchant pays through the same gateway."""

    gateway: Gateway | None

    def find(self, merchant_id: str) -> Gateway | None:
        return self.gateway

    def find_named(self, merchant_id: str, name: str | None) -> Gateway | None:
        return self.gateway if self.gateway is not None and name == self.gateway.name else None
