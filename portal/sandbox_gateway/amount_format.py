"""Formatting of amounts in English and French; separate from the portal's, because the gateway shares no code with it."""

from __future__ import annotations

_NO_DECIMALS = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split())
_THREE_DECIMALS = frozenset("BHD IQD JOD KWD LYD OMR TND".split())
_SYMBOL_BEFORE = {"USD": "$", "GBP": "£", "EUR": "€", "JPY": "¥", "INR": "₹", "NGN": "₦", "CAD": "CA$", "AUD": "A$"}
_SYMBOL_AFTER = {"XAF": "FCFA", "XOF": "F\u00a0CFA"}
_FRENCH_SYMBOL = {"EUR": "€", "USD": "$US", "GBP": "£GB", "CAD": "$CA", "XAF": "FCFA", "XOF": "F\u00a0CFA"}


def format_amount(minor: int, currency: str, locale: str) -> str:
    """`$1,240.00`, `5,000 FCFA`; in French `1 240,00 $US`, `5 000 FCFA`, digits grouped by narrow no-break spaces."""
    decimals = 0 if currency in _NO_DECIMALS else 3 if currency in _THREE_DECIMALS else 2
    whole, part = divmod(minor, 10**decimals)
    number = f"{whole:,}" + (f".{part:0{decimals}}" if decimals else "")
    if locale == "fr":
        number = number.replace(",", "\u202f").replace(".", ",")
        return f"{number}\u00a0{_FRENCH_SYMBOL.get(currency, currency)}"
    if currency in _SYMBOL_BEFORE:
        return _SYMBOL_BEFORE[currency] + number
    return f"{number}\u00a0{_SYMBOL_AFTER[currency]}" if currency in _SYMBOL_AFTER else f"{currency}\u00a0{number}"
