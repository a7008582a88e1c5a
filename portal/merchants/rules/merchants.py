"""Validation of a merchant's slug and settings; the form of an API key, and its scopes."""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from zoneinfo import available_timezones

from portal.merchants.errors import InvalidMerchant, SlugReserved, UnknownScope
from portal.money import CURRENCIES
from portal.public_ids import ALPHABET, LENGTH

SCOPES = (
    "customers:read", "customers:write", "customers:delete",
    "payments:read", "payments:write", "refunds:write",
    "invoices:read", "invoices:write",
    "payment_methods:read", "payment_methods:write",
    "subscriptions:read", "subscriptions:write",
    "portal_sessions:write",
    "webhooks:read", "webhooks:write",
    "analytics:read",
)  # fmt: skip
"""All scopes of an API key."""

_ADDRESSES = (
    "v1 v2 v3 api dashboard static hooks embed healthz readyz metrics demo assets themes admin portal internal well-known "
    "favicon robots sitemap login logout sign-in sign-out payments invoices checkout payment-methods details subscriptions "
    "statement calendar security privacy www mail status support help about"
)
RESERVED_SLUGS = frozenset(_ADDRESSES.split())
"""Addresses of the portal itself (contract, section 4), and words that would be misleading as a slug."""

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", re.ASCII)
_SECRET = 30  # 62**30 is more than 178 bits.
_CHECKSUM = 6
_KEY = re.compile(
    rf"sk_(test|live)_[0-9A-Za-z]{{{_SECRET}}}([0-9A-Za-z]{{{LENGTH}}})([0-9A-Za-z]{{{_CHECKSUM}}})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class ReadApiKey:
    """The parts of an API key: its mode and its merchant, so that its digest is looked up within one tenant."""

    mode: str
    merchant_id: str
    digest: bytes


def checked_slug(slug: str) -> str:
    """Return the slug: 2 to 40 small letters, digits and single hyphens inside. Raises InvalidMerchant or SlugReserved."""
    if len(slug) < 2 or not _SLUG.fullmatch(slug) or "--" in slug:
        raise InvalidMerchant(
            "a slug is 2 to 40 small letters, digits and single hyphens inside, such as acme or acme-test"
        )
    if slug in RESERVED_SLUGS:
        raise SlugReserved
    return slug


def checked_currency(currency: str) -> str:
    """Return the ISO 4217 code in capitals. Raises InvalidMerchant."""
    if currency.upper() not in CURRENCIES:
        raise InvalidMerchant("the currency is not one of ISO 4217, such as EUR or XAF")
    return currency.upper()


def checked_locale(locale: str) -> str:
    """Return the language as BCP 47 writes it (`fr`, `pt-BR`). Raises InvalidMerchant."""
    from babel import Locale, UnknownLocaleError

    try:
        return str(Locale.parse(locale.replace("_", "-"), sep="-")).replace("_", "-")
    except (UnknownLocaleError, ValueError):
        raise InvalidMerchant("the locale is not a language such as en, fr or pt-BR") from None


def checked_timezone(timezone: str) -> str:
    """Return the name of a timezone of the IANA database. Raises InvalidMerchant."""
    if timezone not in _timezones():
        raise InvalidMerchant("the timezone is not a name such as Europe/Paris or Africa/Douala")
    return timezone


@cache
def _timezones() -> frozenset[str]:
    """The names of all time zones, read from the machine's files once."""
    return frozenset(available_timezones())


def checked_scopes(scopes: Sequence[str]) -> list[str]:
    """Return the scopes in the order of `SCOPES`, each once; all of them when none is named. Raises UnknownScope."""
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        raise UnknownScope(f"there is no scope {', '.join(unknown)}; there are {', '.join(SCOPES)}")
    return [scope for scope in SCOPES if scope in scopes] if scopes else list(SCOPES)


def new_api_key(mode: str, merchant_id: str) -> str:
    """Return a key that begins with its mode, names its merchant and ends with a checksum, as secret scanners expect it."""
    secret = "".join(secrets.choice(ALPHABET) for _ in range(_SECRET))
    body = f"sk_{mode}_{secret}{merchant_id.removeprefix('mer_')}"
    return body + _checksum(body)


def read_api_key(text: str) -> ReadApiKey | None:
    """Return the parts of a well-formed key; None for anything else, without reading the database."""
    match = _KEY.fullmatch(text)
    if match is None or _checksum(text[:-_CHECKSUM]) != match[3]:
        return None
    return ReadApiKey(match[1], f"mer_{match[2]}", api_key_digest(text))


def api_key_digest(key: str) -> bytes:
    """Return the digest that is stored of a key. Its 178 random bits need no salt and no slow hash."""
    return hashlib.sha256(b"portal: api key\0" + key.encode()).digest()


def shown_prefix(key: str) -> str:
    """Return the part of a key by which people recognise it."""
    return key[:12]


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    letters = []
    for _ in range(_CHECKSUM):
        number, digit = divmod(number, 62)
        letters.append(ALPHABET[digit])
    return "".join(reversed(letters))
