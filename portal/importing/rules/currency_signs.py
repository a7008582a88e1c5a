"""The signs of currencies as files write them beside amounts: those of the locale data, and of everyday use."""

from __future__ import annotations

import unicodedata
from collections import defaultdict

_DOLLARS = (
    "ARS AUD BBD BMD BND BSD BZD CAD CLP COP CUP FJD GYD HKD JMD KYD LRD MXN NAD NZD SBD SGD SRD TTD TWD USD UYU XCD"
)
_POUNDS = "EGP FKP GBP GIP LBP SDG SHP SSP SYP"
_CROWNS = "CZK DKK ISK NOK SEK"
_RUPEES = "INR LKR MUR NPR PKR SCR"
_SIGNS = {
    **{code: f"$ {code[:2]}$ ${code[:2]}" for code in _DOLLARS.split()},
    **{code: f"£ {code[:2]}£ £{code[:2]}" for code in _POUNDS.split()},
    **dict.fromkeys(_CROWNS.split(), "kr"),
    **dict.fromkeys(_RUPEES.split(), "rs ₨ re"),
    **dict.fromkeys(("XAF", "XOF"), "fcfa cfa f"),
}
_FURTHER = {
    "AED": "dh dhs د.إ", "AFN": "؋", "ALL": "lekë lek", "AMD": "֏", "ANG": "naf nafl ƒ", "AOA": "kz", "AUD": "a$ $a aud$",
    "AWG": "afl ƒ", "AZN": "₼", "BAM": "km", "BBD": "bds$", "BDT": "৳ tk", "BHD": "bd د.ب", "BIF": "fbu", "BOB": "bs", "BRL": "r$",
    "BTN": "nu", "BWP": "p", "BYN": "br", "CAD": "c$ $c cdn$", "CDF": "fc", "CHF": "fr sfr", "CNY": "¥ 元 cn¥ ¥cn rmb", "CRC": "₡",
    "CZK": "kč", "DJF": "fdj", "DKK": "dkr", "DOP": "rd$ $", "DZD": "da د.ج", "EGP": "e£ le ج.م", "ERN": "nfk", "ETB": "br ብር",
    "EUR": "€", "GBP": "uk£", "GEL": "₾", "GHS": "gh₵ ₵ ghc", "GMD": "d", "GNF": "fg", "GTQ": "q", "HNL": "l", "HTG": "g",
    "HUF": "ft", "IDR": "rp", "ILS": "₪ nis", "INR": "₹", "IQD": "د.ع", "IRR": "﷼ ریال", "ISK": "ikr", "JMD": "j$", "JOD": "jd د.أ",
    "JPY": "¥ 円 jp¥ ¥jp", "KES": "ksh kshs", "KGS": "сом", "KHR": "៛", "KMF": "cf", "KPW": "₩", "KRW": "₩ kr₩ 원", "KWD": "kd د.ك",
    "KZT": "₸", "LAK": "₭", "LBP": "ل.ل ll", "LKR": "රු", "LSL": "m l", "LYD": "ld د.ل", "MAD": "dh dhs د.م", "MDL": "l", "MGA": "ar",
    "MKD": "ден den", "MMK": "k", "MNT": "₮", "MOP": "mop$", "MRU": "um", "MVR": "rf", "MWK": "mk", "MXN": "mex$", "MYR": "rm",
    "MZN": "mt mtn", "NGN": "₦", "NIO": "c$", "NOK": "nkr", "NPR": "नेरू", "NZD": "nzd$", "OMR": "ر.ع", "PAB": "b/.", "PEN": "s/ s/.",
    "PGK": "k", "PHP": "₱", "PLN": "zł zl", "PYG": "₲ gs", "QAR": "qr ر.ق", "RON": "lei leu", "RSD": "din дин", "RUB": "₽ руб р",
    "RWF": "rf frw", "SAR": "sr ر.س ﷼", "SCR": "sr", "SDG": "ج.س", "SEK": "skr", "SGD": "s$", "SLE": "le", "SOS": "sh", "STN": "db",
    "SYP": "ل.س ls", "SZL": "e", "THB": "฿ บาท", "TND": "dt د.ت", "TOP": "t$", "TRY": "₺ tl", "TTD": "tt$", "TWD": "nt$ 元",
    "TZS": "tsh", "UAH": "₴ грн", "UGX": "ush", "USD": "us$ $us", "UYU": "$u", "UZS": "soʻm сўм", "VES": "bs bs.s", "VND": "₫ đ",
    "VUV": "vt", "WST": "ws$ $ t", "XCD": "ec$ $ec", "XCG": "cg", "XPF": "cfpf fcfp cfp f", "YER": "ر.ي ﷼", "ZAR": "r", "ZMW": "k zk",
}  # fmt: skip


def belongs_to(sign: str, currency: str) -> bool:
    """Return whether a text beside an amount, such as "US$" or "fcfa", is the currency's code or one of its signs."""
    key = _key(sign)
    return key == currency.casefold() or currency in _CURRENCIES.get(key, ())


def currencies_of(sign: str) -> frozenset[str]:
    """Return the currencies that a sign stands for, none for what is no sign."""
    return frozenset(_CURRENCIES.get(_key(sign), ()))


def _key(sign: str) -> str:
    """Return a sign as it is compared: in one width and case, without blanks and a final point."""
    text = unicodedata.normalize("NFKC", sign).casefold()
    return "".join(
        letter for letter in text if not letter.isspace() and unicodedata.category(letter) != "Cf"
    ).removesuffix(".")


def _by_sign() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for signs_of in (_SIGNS, _FURTHER):
        for currency, signs in signs_of.items():
            for sign in signs.split():
                found[_key(sign)].add(currency)
    return dict(found)


_CURRENCIES = _by_sign()
