"""Gateways whose calls are measured, each as the gateway itself."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from portal.gateway_health import GatewayHealth
from portal.gateways.contract import (
    Capabilities,
    ChargeOutcome,
    ChargeRequest,
    Gateway,
    ListedCharge,
    Lookup,
    PageRequest,
    PromptRequest,
    RefundOutcome,
    RefundRequest,
    SetupOutcome,
    SetupRequest,
    VerifiedEvent,
)

if TYPE_CHECKING:
    from portal.gateways.registry import Gateways


@dataclass(frozen=True, slots=True)
class MeasuredGateways:
    """A registry whose gateways are measured."""

    gateways: Gateways
    health: GatewayHealth

    def find(self, merchant_id: str) -> Gateway | None:
        return self._measured(merchant_id, self.gateways.find(merchant_id))

    def find_named(self, merchant_id: str, name: str | None) -> Gateway | None:
        return self._measured(merchant_id, self.gateways.find_named(merchant_id, name))

    def _measured(self, merchant_id: str, gateway: Gateway | None) -> Gateway | None:
        return None if gateway is None else MeasuredGateway(gateway, merchant_id, self.health)


class MeasuredGateway:
    """A merchant's gateway whose calls are measured; it answers as the gateway itself does."""

    def __init__(self, gateway: Gateway, merchant_id: str, health: GatewayHealth) -> None:
        self.gateway = gateway
        self.name: str = gateway.name
        self.title: str = gateway.title
        self.capabilities: Capabilities = gateway.capabilities
        self.form_action_origins: tuple[str, ...] = gateway.form_action_origins
        self._merchant_id = merchant_id
        self._health = health

    def charge(self, request: ChargeRequest) -> ChargeOutcome:
        with self._measured():
            return self.gateway.charge(request)

    def prompt(self, request: PromptRequest) -> ChargeOutcome:
        with self._measured():
            return self.gateway.prompt(request)

    def open_page(self, request: PageRequest) -> ChargeOutcome:
        with self._measured():
            return self.gateway.open_page(request)

    def look_up(self, lookup: Lookup) -> ChargeOutcome:
        with self._measured():
            return self.gateway.look_up(lookup)

    def cancel(self, lookup: Lookup) -> ChargeOutcome:
        with self._measured():
            return self.gateway.cancel(lookup)

    def open_setup(self, request: SetupRequest) -> SetupOutcome:
        with self._measured():
            return self.gateway.open_setup(request)

    def look_up_setup(self, lookup: Lookup) -> SetupOutcome:
        with self._measured():
            return self.gateway.look_up_setup(lookup)

    def detach(self, token: str) -> bool:
        with self._measured():
            return self.gateway.detach(token)

    def refund(self, request: RefundRequest) -> RefundOutcome:
        with self._measured():
            return self.gateway.refund(request)

    def look_up_refund(self, request: RefundRequest) -> RefundOutcome:
        with self._measured():
            return self.gateway.look_up_refund(request)

    def list_charges(self, since: datetime, until: datetime) -> tuple[ListedCharge, ...] | None:
        """Not measured: a long list takes its time."""
        return self.gateway.list_charges(since, until)

    def read_event(self, headers: Mapping[str, str], body: bytes, now: datetime) -> VerifiedEvent:
        """Not measured: nothing is called."""
        return self.gateway.read_event(headers, body, now)

    def is_reachable(self) -> bool:
        with self._measured():
            return self.gateway.is_reachable()

    def _measured(self) -> AbstractContextManager[None]:
        return self._health.measure(self._merchant_id, self.name)
