"""Money as integers of the currency's minor unit, and the parsing of amounts of people and files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

# ISO 4217, list one (2026-01-01): the currencies whose exponent is not 2.
_EXPONENTS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}
_TWO = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK "
    "DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT "
    "LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN "
    "QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS "
    "VED VES WST XCD XCG YER ZAR ZMW ZWG"
)
CURRENCIES = frozenset(_EXPONENTS) | frozenset(_TWO.split())
MAX_AMOUNT = 999_999_999_999_999  # Fifteen digits at the edge (threats, rule 25): far below 2**53 and 2**63.
_DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,8})?", re.ASCII)


class AmountError(ValueError):
    """A text is not an amount; the message says why, without repeating the text."""


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in minor units of one currency: `Money(5000, "XAF")` is 5 000 FCFA, `Money(5000, "USD")` is $50.00."""

    amount: int
    currency: str

    def __post_init__(self) -> None:
        if self.currency not in CURRENCIES:
            raise AmountError("the currency is not one of ISO 4217")
        if type(self.amount) is not int or abs(self.amount) > MAX_AMOUNT:
            raise AmountError("the amount is not a whole number of minor units of at most 15 digits")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount - other.amount, self.currency)

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise AmountError(f"{self.currency} and {other.currency} are never added")


def exponent(currency: str) -> int:
    """Return how many decimals the currency has (ISO 4217): XAF 0, USD 2, KWD 3.

    Raises AmountError for a currency that does not exist.
    """
    if currency not in CURRENCIES:
        raise AmountError("the currency is not one of ISO 4217")
    return _EXPONENTS.get(currency, 2)


def parse_decimal(text: str) -> Decimal:
    """Return a plain decimal as files and APIs write it: ASCII digits, an optional minus and a point; nothing else.

    `1e3`, `1_000`, Arabic digits, `NaN` and blanks raise AmountError (threats 129).
    """
    if not _DECIMAL.fullmatch(text):
        raise AmountError("is not a plain decimal number such as 1234.56")
    return Decimal(text)


def minor_units(value: Decimal, currency: str) -> int:
    """Return a decimal in major units as minor units, rounded half up (away from zero), as invoices are.

    Raises AmountError for more than 15 digits, however many there are.
    """
    amount = int(value.scaleb(exponent(currency)).to_integral_value(rounding=ROUND_HALF_UP))
    if abs(amount) > MAX_AMOUNT:
        raise AmountError("has more than 15 digits")
    return amount


def major_units(amount: int, currency: str) -> Decimal:
    """Return minor units as an exact decimal in major units."""
    return Decimal(amount).scaleb(-exponent(currency))


def split(amount: int, weights: Sequence[int]) -> list[int]:
    """Split minor units by weights so that the parts sum to the whole: largest remainder, the earlier part first.

    Weights are not negative and at least one is positive, or ValueError is raised.
    """
    total = sum(weights)
    if total <= 0 or min(weights) < 0:
        raise ValueError("weights are not negative and sum to more than nothing")
    if amount < 0:
        return [-part for part in split(-amount, weights)]
    shares = [divmod(amount * weight, total) for weight in weights]
    left = amount - sum(share for share, _ in shares)
    by_remainder = sorted(range(len(weights)), key=lambda place: (-shares[place][1], place))
    extra = set(by_remainder[:left])
    return [share + (place in extra) for place, (share, _) in enumerate(shares)]
