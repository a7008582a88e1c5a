"""Reading and validating the fields of a JSON body, one function for each type; each raises InvalidRequest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import request

from portal.sandbox_gateway.errors import InvalidRequest, UnsupportedAmount

MAX_AMOUNT = 10**12
LEAST_AMOUNTS = {
    **dict.fromkeys(("USD", "EUR", "CAD", "AUD", "CHF"), 50),
    "GBP": 30,
    **dict.fromkeys(("XAF", "XOF"), 100),
}
"""The least that is charged, by currency, in minor units; other currencies have none."""
MAX_INTEGER = 10**18
_REQUIRED: Any = object()
ChoiceT = TypeVar("ChoiceT", bound=str)


def json_body() -> dict[str, Any]:
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise InvalidRequest("body", "a JSON object is needed")
    return body


def text(body: dict[str, Any], name: str, max_length: int, default: str = _REQUIRED) -> str:
    """Return a printable string; without a default it is required and not empty."""
    value = body.get(name)
    if value is None and default is not _REQUIRED:
        return default
    if not isinstance(value, str) or (default is _REQUIRED and not value.strip()):
        raise InvalidRequest(name, "a text is needed")
    if len(value) > max_length:
        raise InvalidRequest(name, f"{max_length} characters are the most")
    if not all(character.isprintable() or character == "\n" for character in value):
        raise InvalidRequest(name, "only printable characters")
    return value


def optional_text(body: dict[str, Any], name: str, max_length: int) -> str | None:
    return text(body, name, max_length) if body.get(name) is not None else None


def integer(body: dict[str, Any], name: str, minimum: int, maximum: int, default: int = _REQUIRED) -> int:
    value = body.get(name)
    if value is None and default is not _REQUIRED:
        return default
    if type(value) is not int or not minimum <= value <= maximum:
        raise InvalidRequest(name, f"a whole number from {minimum} to {maximum} is needed")
    return value


def flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise InvalidRequest(name, "true or false is needed")
    return value


def choice(body: dict[str, Any], name: str, choices: Sequence[ChoiceT], default: ChoiceT) -> ChoiceT:
    value = body.get(name)
    if value is None:
        return default
    for known in choices:
        if value == known:
            return known
    raise InvalidRequest(name, "one of " + ", ".join(choices))


def choices(body: dict[str, Any], name: str, known: Sequence[ChoiceT]) -> tuple[ChoiceT, ...]:
    """Return the known values that the field lists, in its order; all of them when the field is absent."""
    value = body.get(name)
    if value is None:
        return tuple(known)
    if not isinstance(value, list) or not value:
        raise InvalidRequest(name, "a list with some of " + ", ".join(known))
    chosen = tuple(one for item in dict.fromkeys(map(str, value)) for one in known if one == item)
    if len(chosen) != len(value):
        raise InvalidRequest(name, "each one of " + ", ".join(known))
    return chosen


def amount(body: dict[str, Any]) -> int:
    """Return minor units. Raises UnsupportedAmount above MAX_AMOUNT."""
    value = integer(body, "amount", 1, MAX_INTEGER)
    if value > MAX_AMOUNT:
        raise UnsupportedAmount(f"amount: {MAX_AMOUNT} is the most")
    return value


def charged_amount(body: dict[str, Any]) -> int:
    """Return the minor units of a charge. Raises UnsupportedAmount outside of what is charged in its currency."""
    value, least = amount(body), LEAST_AMOUNTS.get(currency(body), 1)
    if value < least:
        raise UnsupportedAmount(f"amount: {least} is the least")
    return value


def currency(body: dict[str, Any]) -> str:
    value = text(body, "currency", 3)
    if re.fullmatch("[A-Z]{3}", value) is None:
        raise InvalidRequest("currency", "an ISO 4217 code is needed")
    return value


def url(body: dict[str, Any], name: str) -> str:
    """Return an absolute http or https URL that is safe in a Location header, and its origin in a security policy."""
    value = text(body, name, 2_000)
    if not is_http_url(value):
        raise InvalidRequest(name, "an absolute http or https address is needed")
    return value


def is_http_url(value: str) -> bool:
    if re.fullmatch(r"[!-~]+", value) is None or "\\" in value:
        return False
    try:
        parts = urlsplit(value)
        is_port_valid = parts.port is None or parts.port > 0
    except ValueError:
        return False
    host = re.fullmatch(r"([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?", parts.netloc)
    return parts.scheme in ("http", "https") and host is not None and is_port_valid


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
