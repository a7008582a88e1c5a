"""Money as Stripe counts it, which for some currencies is not as ISO 4217 does.

Source: https://docs.stripe.com/currencies, "Supported presentment currencies", "Zero-decimal currencies", "Special cases",
"Minimum charge amount by currency".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from portal.gateways.contract import ChargeLimits
from portal.money import AmountError, Money, exponent

_SUPPORTED = frozenset(
    (
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CLP CNY COP "
        "CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR ISK JMD "
        "JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN "
        "NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP SLE SOS SRD "
        "SZL THB TJS TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW"
    ).split()
)
_NO_DECIMALS = frozenset("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split())
_THREE_DECIMALS = frozenset("BHD JOD KWD OMR TND".split())
_SCALES = {0: 1, 2: 100, 3: 1000}
_LEAST = MappingProxyType(
    {
        "AED": 200, "ARS": 50, "AUD": 50, "BRL": 50, "CAD": 50, "CHF": 50, "COP": 50, "CZK": 1500, "DKK": 250, "EUR": 50, "GBP": 30,
        "HKD": 400, "HUF": 17_500, "IDR": 50, "ILS": 50, "INR": 50, "JPY": 50, "KRW": 50, "MXN": 1000, "MYR": 200, "NOK": 300,
        "NZD": 50, "PHP": 50, "PLN": 200, "RON": 200, "RUB": 50, "SEK": 300, "SGD": 50, "THB": 1000, "USD": 50, "ZAR": 50,
    }
)  # fmt: skip
"""The least amount by currency, in minor units of ISO 4217. A charge in another currency, or one that Stripe converts, has to reach the
equivalent in the currency in which the account is paid out, which only Stripe can compute: it refuses such an amount."""
# UGX is in the list of zero-decimal currencies too, but its special case says otherwise: 5 UGX are 500, as 5 ISK are.
# HUF and TWD are whole in payouts only; charges of them have two decimals, as ISO 4217 has.


def to_stripe(money: Money) -> int:
    """Return `money` as the amount that Stripe expects. Raises AmountError for a currency that it does not accept, an amount
    that it cannot express (a fraction of MGA, a KWD amount whose last digit is not 0) and an amount that is not positive."""
    if money.amount <= 0:
        raise AmountError("only a positive amount can be charged")
    amount, rest = divmod(money.amount * _units(money.currency), _SCALES[exponent(money.currency)])
    # "The API calls require the least-significant (last) digit to be 0", of the three decimals.
    if rest or (money.currency in _THREE_DECIMALS and amount % 10):
        raise AmountError(f"Stripe cannot express this amount of {money.currency}")
    return amount


def from_stripe(amount: object, currency: object) -> Money:
    """Return an amount of a Stripe response as Money. Raises AmountError for anything that is not one."""
    if type(amount) is not int or not isinstance(currency, str):
        raise AmountError("is not a Stripe amount")
    code = currency.upper()
    units = _units(code)
    minor_units, rest = divmod(amount * _SCALES[exponent(code)], units)
    if rest:
        raise AmountError(f"is not a whole number of minor units of {code}")
    return Money(minor_units, code)


def _units(currency: str) -> int:
    """Return how many of Stripe's units make one unit of the currency."""
    if currency not in _SUPPORTED:
        raise AmountError(f"Stripe does not support {currency}")
    if currency in _NO_DECIMALS:
        return 1
    return 1000 if currency in _THREE_DECIMALS else 100


def _limits() -> Mapping[str, ChargeLimits]:
    found = {currency: ChargeLimits(least) for currency, least in _LEAST.items()}
    for currency in sorted(_SUPPORTED):
        step = _step(currency)
        if step > 1:
            found[currency] = ChargeLimits(max(_LEAST.get(currency, 1), step), step)
    return MappingProxyType(found)


def _step(currency: str) -> int:
    """Return the smallest amount of the currency that Stripe can express, in minor units."""
    return next(amount for amount in (1, 10, 100) if _can_express(Money(amount, currency)))


def _can_express(money: Money) -> bool:
    try:
        to_stripe(money)
    except AmountError:
        return False
    return True


CHARGE_LIMITS = _limits()
"""By currency, which amounts Stripe charges."""
