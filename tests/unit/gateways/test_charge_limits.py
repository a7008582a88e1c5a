"""The amounts that gateways charge, as their capabilities say."""

from __future__ import annotations

from decimal import Decimal

import pytest

from portal.gateways.contract import Capabilities, ChargeLimits
from portal.gateways.sandbox import SandboxGateway
from portal.gateways.stripe.amounts import CHARGE_LIMITS, to_stripe
from portal.gateways.stripe.gateway import StripeGateway
from portal.money import AmountError, Money, minor_units
from portal.sandbox_gateway.fields import LEAST_AMOUNTS

# https://docs.stripe.com/currencies, "Minimum charge amount by currency", read on 2026-11-30: in units of the currency.
STRIPE = """
0.50 USD, 2.00 AED, 0.50 ARS, 0.50 AUD, 0.50 BRL, 0.50 CAD, 0.50 CHF, 0.50 COP, 15.00 CZK, 2.50 DKK, 0.50 EUR, 0.30 GBP, 4.00 HKD,
175.00 HUF, 0.50 IDR, 0.50 ILS, 0.50 INR, 50 JPY, 50 KRW, 10 MXN, 2.00 MYR, 3.00 NOK, 0.50 NZD, 0.50 PHP, 2.00 PLN, 2.00 RON,
0.50 RUB, 3.00 SEK, 0.50 SGD, 10 THB, 0.50 ZAR
"""


@pytest.mark.parametrize("stated", [each.strip() for each in STRIPE.split(",")])
def test_least_amount_at_stripe_is_the_documented_one(stated: str) -> None:
    amount, currency = stated.split()

    assert CHARGE_LIMITS[currency] == ChargeLimits(minor_units(Decimal(amount), currency))


def test_every_step_at_stripe_is_the_smallest_that_it_can_express() -> None:
    steps = {currency: limits.step for currency, limits in CHARGE_LIMITS.items() if limits.step > 1}

    assert steps == {"BHD": 10, "JOD": 10, "KWD": 10, "OMR": 10, "TND": 10, "MGA": 100}
    for currency, step in steps.items():
        to_stripe(Money(step, currency))
        with pytest.raises(AmountError):
            to_stripe(Money(step + 1, currency))


def test_gateways_state_their_limits() -> None:
    assert StripeGateway.capabilities.charge_limits is CHARGE_LIMITS
    sandbox = SandboxGateway.capabilities.charge_limits
    assert {currency: limits.least for currency, limits in sandbox.items()} == LEAST_AMOUNTS


def test_currency_without_known_limits_has_none() -> None:
    assert Capabilities().charge_limits.get("JPY", ChargeLimits()).allows(1)
