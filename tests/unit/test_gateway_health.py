"""Which gateways are slow, by what was measured."""

from __future__ import annotations

from contextlib import suppress

import pytest

from portal.gateway_health import GatewayHealth

ACME = ("mer_acme", "sandbox")


class Timed:
    """Time that a test moves, in seconds."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.health = GatewayHealth(lambda: self.at)

    def call(self, seconds: float) -> None:
        with self.health.measure(*ACME):
            self.at += seconds


@pytest.fixture
def timed() -> Timed:
    return Timed()


def test_gateway_that_nobody_has_called_is_not_slow(timed: Timed) -> None:
    assert not timed.health.is_slow(*ACME)


@pytest.mark.parametrize(("seconds", "is_slow"), [(0.1, False), (2.0, False), (2.1, True), (10.0, True)])
def test_gateway_is_slow_when_its_last_answer_took_longer_than_a_page_waits(
    timed: Timed, seconds: float, is_slow: bool
) -> None:
    timed.call(seconds)

    assert timed.health.is_slow(*ACME) is is_slow


def test_gateway_is_slow_while_a_call_hangs(timed: Timed) -> None:
    with timed.health.measure(*ACME):
        timed.at += 2
        before = timed.health.is_slow(*ACME)
        timed.at += 0.1
        hanging = timed.health.is_slow(*ACME)

    assert (before, hanging) == (False, True)


def test_quick_answer_ends_it(timed: Timed) -> None:
    timed.call(5)

    timed.call(0.2)

    assert not timed.health.is_slow(*ACME)


def test_slow_answer_is_forgotten_after_a_minute(timed: Timed) -> None:
    timed.call(5)
    timed.at += 59
    before = timed.health.is_slow(*ACME)
    timed.at += 1

    assert (before, timed.health.is_slow(*ACME)) == (True, False)


def test_other_merchants_and_gateways_are_not_slow_with_it(timed: Timed) -> None:
    timed.call(5)

    assert not timed.health.is_slow("mer_other", "sandbox")
    assert not timed.health.is_slow("mer_acme", "stripe")


def test_call_that_fails_is_measured_too(timed: Timed) -> None:
    with suppress(OSError), timed.health.measure(*ACME):
        timed.at += 4
        raise OSError

    assert timed.health.is_slow(*ACME)
