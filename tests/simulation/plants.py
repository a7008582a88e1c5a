"""Bugs that are planted to show that the simulator finds them. None of them is in the portal: each lies around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from sqlite3 import Connection
from typing import cast

from portal.gateways.contract import ChargeOutcome, ChargeRequest, Gateway, Lookup, PageRequest, PromptRequest, State
from tests.simulation.line import Line


@dataclass(frozen=True)
class PlantedBug:
    """`wrap` lies between the portal and the network, `prepare` in the database; `breaks` is the invariant that names it."""

    breaks: str
    wrap: Callable[[Line], Gateway] = lambda line: cast(Gateway, line)
    prepare: Callable[[Connection], None] = lambda connection: None


class _Wrapped:
    """A line with something wrong about it; what is not defined here is the line's own."""

    def __init__(self, line: Line) -> None:
        self.line = line

    def __getattr__(self, name: str) -> object:
        return getattr(self.line, name)


class _NewReferences(_Wrapped):
    """An order that is resent goes out under a new reference."""

    def charge(self, request: ChargeRequest) -> ChargeOutcome:
        return self._back(
            self.line.charge(replace(request, reference=self._reference(request.reference))), request.reference
        )

    def prompt(self, request: PromptRequest) -> ChargeOutcome:
        return self._back(
            self.line.prompt(replace(request, reference=self._reference(request.reference))), request.reference
        )

    def _reference(self, reference: str) -> str:
        was_sent = reference in self.line.reported  # It was looked up first: it is resent.
        return f"{reference}-2" if was_sent else reference

    @staticmethod
    def _back(outcome: ChargeOutcome, reference: str) -> ChargeOutcome:
        return replace(outcome, reference=reference)


class _UnknownIsFailed(_Wrapped):
    """An answer that never came is read as a no."""

    def charge(self, request: ChargeRequest) -> ChargeOutcome:
        return self._read(self.line.charge(request))

    def prompt(self, request: PromptRequest) -> ChargeOutcome:
        return self._read(self.line.prompt(request))

    def open_page(self, request: PageRequest) -> ChargeOutcome:
        return self._read(self.line.open_page(request))

    def look_up(self, lookup: Lookup) -> ChargeOutcome:
        return self._read(self.line.look_up(lookup))

    @staticmethod
    def _read(outcome: ChargeOutcome) -> ChargeOutcome:
        if outcome.state is not State.UNKNOWN:
            return outcome
        return replace(outcome, state=State.FAILED, failure_code="processing_error")


def _settle_twice(connection: Connection) -> None:
    """What is paid of an invoice is added once more, where there is room for it."""
    connection.execute(
        "create trigger planted after update of amount_paid on invoices"
        " when new.amount_paid > old.amount_paid and new.total - new.amount_reserved - new.amount_credited"
        " >= 2 * new.amount_paid - old.amount_paid"
        " begin update invoices set amount_paid = 2 * new.amount_paid - old.amount_paid"
        " where merchant_id = new.merchant_id and id = new.id; end"
    )


PLANTS = {
    "reference_reuse": PlantedBug("one charge a payment", wrap=lambda line: cast(Gateway, _NewReferences(line))),
    "double_settle": PlantedBug("projections equal the ledger", prepare=_settle_twice),
    "unknown_is_failed": PlantedBug("a failure is proven", wrap=lambda line: cast(Gateway, _UnknownIsFailed(line))),
}
