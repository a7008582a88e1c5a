"""A Notch Pay and a Stripe on loopback, and gateways connected to them, under a clock that a test moves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from portal.clock import MovableClock
from portal.gateways.notchpay import Keys, NotchPayGateway
from portal.gateways.stripe.gateway import StripeGateway
from tests.support import stripe_server
from tests.support.notchpay_server import EVENT_SECRET, PRIVATE_KEY, PUBLIC_KEY, NotchPayBooks, NotchPayServer
from tests.support.stripe_requests import RequestBuilder
from tests.support.stripe_server import StripeBooks, StripeServer


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


@pytest.fixture
def stripe(clock: MovableClock) -> Iterator[StripeServer]:
    server = StripeServer(StripeBooks(clock.now))
    yield server
    server.close()


@pytest.fixture
def acme(stripe: StripeServer, clock: MovableClock) -> StripeGateway:
    """Acme's account at Stripe."""
    return StripeGateway(stripe_server.SECRET_KEY, [stripe_server.EVENT_SECRET], 5, origin=stripe.origin, clock=clock)


@pytest.fixture
def build(clock: MovableClock) -> RequestBuilder:
    return RequestBuilder(clock)
