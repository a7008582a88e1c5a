"""A Notch Pay on loopback, and a gateway that speaks to it under a clock that a test moves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from portal.clock import MovableClock
from portal.gateways.notchpay import Keys, NotchPayGateway
from tests.support.notchpay_server import EVENT_SECRET, PRIVATE_KEY, PUBLIC_KEY, NotchPayBooks, NotchPayServer


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def notchpay(clock: MovableClock) -> Iterator[NotchPayServer]:
    server = NotchPayServer(NotchPayBooks(clock.now))
    yield server
    server.close()


@pytest.fixture
def gateway(notchpay: NotchPayServer, clock: MovableClock) -> NotchPayGateway:
    return NotchPayGateway(Keys(PUBLIC_KEY, PRIVATE_KEY, (EVENT_SECRET,)), 5, origin=notchpay.origin, clock=clock)
