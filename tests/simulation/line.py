"""The network between one process of ours and the provider: the gateway contract, with answers that are lost, late or garbled."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

from portal.clock import Clock
from portal.gateways.contract import (
    Capabilities,
    ChargeLimits,
    ChargeOutcome,
    ChargeRequest,
    EventRefused,
    ListedCharge,
    Lookup,
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
from tests.simulation.provider import Charge, Provider

ABLE = Capabilities(
    hosted_page=True,
    saved_methods=True,
    prompt_channels=(PromptChannel("cm.mtn", "mtn_momo", "CM", "*126#"),),
    cancel=True,
    refunds=True,
    lists_charges=True,
    page_types=("card", "mobile_money"),
    charge_limits={"USD": ChargeLimits(50), "EUR": ChargeLimits(50), "XAF": ChargeLimits(100, 5)},
)
FAULTS = ("lost_before", "server_error", "lost_after", "garbage", "other_amount", "late")
"""What the network or the provider does to a call. Of an order, `lost_before` and `server_error` are not executed, `late` only
after our timeout; the others are executed, and the answer is none, unreadable, or of another amount."""
UNHEARD = frozenset({"lost_before", "server_error", "lost_after", "garbage", "late"})
"""Faults of which we hear nothing that can be understood: UNKNOWN."""
FAIR = ""

AnyOutcome = TypeVar("AnyOutcome", ChargeOutcome, RefundOutcome)


@dataclass
class Line:
    """One process's way to the provider. `faults` are what happens to the next calls, FAIR for none; where the list is empty,
    every call fails at the rate `fault_rate`.

    `meanwhile` is called while a call is under way: what others do in that time. `reported` is what this process heard last of each
    reference, the newest at the end. `in_transaction` says whether it holds one, which it never may (threats, rule 17).
    """

    provider: Provider
    chance: Random
    clock: Clock
    in_transaction: Callable[[], bool]
    meanwhile: Callable[[], None] = lambda: None
    fault_rate: float = 0.0
    faults: list[str] = field(default_factory=list)
    reported: dict[str, str] = field(default_factory=dict)

    name: str = "simulated"
    title: str = "Simulated Pay"
    capabilities: Capabilities = ABLE
    form_action_origins: tuple[str, ...] = ()

    def charge(self, request: ChargeRequest) -> ChargeOutcome:
        return self._order(request.reference, lambda: self.provider.charge(request))

    def prompt(self, request: PromptRequest) -> ChargeOutcome:
        return self._order(request.reference, lambda: self.provider.prompt(request))

    def open_page(self, request: PageRequest) -> ChargeOutcome:
        return self._order(request.reference, lambda: self.provider.open_page(request))

    def look_up(self, lookup: Lookup) -> ChargeOutcome:
        fault = self._begin(lookup.reference)
        if fault in UNHEARD:
            return self._unheard(lookup.reference, fault)
        charge = self.provider.charges.get(lookup.reference)
        return self._tell_charge(lookup.reference, charge, fault)

    def cancel(self, lookup: Lookup) -> ChargeOutcome:
        fault = self._begin(lookup.reference)
        charge = self.provider.charges.get(lookup.reference)
        if charge is not None and fault not in ("lost_before", "server_error", "late"):
            self.provider.cancel(charge)
        if fault in UNHEARD:
            return self._unheard(lookup.reference, fault)
        return self._tell_charge(lookup.reference, charge, fault)

    def refund(self, request: RefundRequest) -> RefundOutcome:
        fault = self._begin(request.reference)
        if fault == "late":
            self._send_later(request.reference, lambda: self.provider.refund(request))
        elif fault not in ("lost_before", "server_error"):
            self.provider.refund(request)
        return self._tell_refund(request, fault)

    def look_up_refund(self, request: RefundRequest) -> RefundOutcome:
        return self._tell_refund(request, self._begin(request.reference))

    def list_charges(self, since: datetime, until: datetime) -> tuple[ListedCharge, ...] | None:
        """All of them, whenever they were made."""
        if self._begin("") in UNHEARD:
            return None
        return tuple(
            ListedCharge(f"ch_{charge.number}", charge.reference, charge.state, charge.money, since)
            for charge in self.provider.charges.values()
        )

    def read_event(self, headers: Mapping[str, str], body: bytes, now: datetime) -> VerifiedEvent:
        if headers.get("signature") != "right":
            raise EventRefused("signature wrong")
        payload = json.loads(body)
        return VerifiedEvent(payload["id"], "charge.changed", payload["reference"])

    def open_setup(self, request: SetupRequest) -> SetupOutcome:
        raise NotImplementedError("this provider has no page for keeping a method")

    def look_up_setup(self, lookup: Lookup) -> SetupOutcome:
        raise NotImplementedError("this provider has no page for keeping a method")

    def detach(self, token: str) -> bool:
        return self._begin("") not in UNHEARD

    def is_reachable(self) -> bool:
        return True

    def _order(self, reference: str, execute: Callable[[], Charge]) -> ChargeOutcome:
        self.provider.sendings.append((reference, self.clock.now()))
        fault = self._begin(reference)
        is_known = reference in self.provider.charges
        if fault == "late":
            self._send_later(reference, execute)
        elif fault not in ("lost_before", "server_error"):
            execute()
            self.meanwhile()
        if fault in UNHEARD:
            return self._unheard(reference, fault)
        outcome = self._tell_charge(reference, self.provider.charges[reference], fault)
        if is_known:
            self._hear(reference, "duplicate")
        return outcome

    def _begin(self, reference: str) -> str:
        assert not self.in_transaction(), "no call is made inside a transaction"
        self.meanwhile()
        self.provider.receive()
        if self.faults:
            return self.faults.pop(0)
        return self.chance.choice(FAULTS) if self.chance.random() < self.fault_rate else FAIR

    def _send_later(self, reference: str, request: Callable[[], object]) -> None:
        arrives_at = self.clock.now() + timedelta(seconds=self.chance.randint(1, 120))
        self.provider.send_later(arrives_at, reference, request)

    def _unheard(self, reference: str, fault: str) -> ChargeOutcome:
        self._hear(reference, fault)
        return ChargeOutcome(State.UNKNOWN, reference)

    def _tell_charge(self, reference: str, charge: Charge | None, fault: str) -> ChargeOutcome:
        if charge is None:
            self._hear(reference, "absent")
            return ChargeOutcome(State.ABSENT, reference)
        outcome = charge.tell()
        if fault == "other_amount" and outcome.money is not None:
            self._hear(reference, fault)
            return replace(outcome, money=_more(outcome.money))
        charge.has_reported_failure = charge.has_reported_failure or charge.state is State.FAILED
        self._hear(reference, _word(outcome.state, outcome.failure_code))
        return outcome

    def _tell_refund(self, request: RefundRequest, fault: str) -> RefundOutcome:
        if fault in UNHEARD:
            self._hear(request.reference, fault)
            return RefundOutcome(State.UNKNOWN, request.reference)
        if request.reference not in self.provider.refunds:
            self._hear(request.reference, "absent")
            return RefundOutcome(State.ABSENT, request.reference)
        outcome = self.provider.refunds[request.reference][1]
        if fault == "other_amount" and outcome.money is not None:
            self._hear(request.reference, fault)
            return replace(outcome, money=_more(outcome.money))
        self._hear(request.reference, _word(outcome.state, outcome.failure_code))
        return outcome

    def _hear(self, reference: str, answer: str) -> None:
        self.reported.pop(reference, None)
        self.reported[reference] = answer


def _more(money: Money) -> Money:
    return Money(money.amount + 1, money.currency)


def _word(state: State, failure_code: str | None) -> str:
    if state is not State.FAILED:
        return state.value
    if failure_code in ("payer_canceled", "page_canceled"):
        return "canceled"
    return "insufficient_funds" if failure_code == "insufficient_funds" else "declined"
