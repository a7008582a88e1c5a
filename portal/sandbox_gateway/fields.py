"""Reading the fields of a JSON body, one function a kind; each raises InvalidRequest naming its field."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import request

from portal.sandbox_gateway.errors import InvalidRequest, UnsupportedAmount

LARGEST_AMOUNT = 10**12
LARGEST_NUMBER = 10**18
_REQUIRED: Any = object()
Chosen = TypeVar("Chosen", bound=str)


def json_body() -> dict[str, Any]:
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise InvalidRequest("body", "a JSON object is needed")
    return body


def text(body: dict[str, Any], name: str, longest: int, default: str = _REQUIRED) -> str:
    """A printable string; without a default it is required and not empty."""
    value = body.get(name)
    if value is None and default is not _REQUIRED:
        return default
    if not isinstance(value, str) or (default is _REQUIRED and not value.strip()):
        raise InvalidRequest(name, "a text is needed")
    if len(value) > longest:
        raise InvalidRequest(name, f"{longest} characters are the most")
    if not all(character.isprintable() or character == "\n" for character in value):
        raise InvalidRequest(name, "only printable characters")
    return value


def optional_text(body: dict[str, Any], name: str, longest: int) -> str | None:
    return text(body, name, longest) if body.get(name) is not None else None


def integer(body: dict[str, Any], name: str, least: int, most: int, default: int = _REQUIRED) -> int:
    value = body.get(name)
    if value is None and default is not _REQUIRED:
        return default
    if type(value) is not int or not least <= value <= most:
        raise InvalidRequest(name, f"a whole number from {least} to {most} is needed")
    return value


def flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise InvalidRequest(name, "true or false is needed")
    return value


def choice(body: dict[str, Any], name: str, choices: Sequence[Chosen], default: Chosen) -> Chosen:
    value = body.get(name)
    if value is None:
        return default
    for known in choices:
        if value == known:
            return known
    raise InvalidRequest(name, "one of " + ", ".join(choices))


def choices(body: dict[str, Any], name: str, known: Sequence[Chosen]) -> tuple[Chosen, ...]:
    """Those of the known ones that are asked for, in the order asked; all when the field is absent."""
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
    """Minor units. Raises UnsupportedAmount for more than any bank would move."""
    value = integer(body, "amount", 1, LARGEST_NUMBER)
    if value > LARGEST_AMOUNT:
        raise UnsupportedAmount(f"amount: {LARGEST_AMOUNT} is the most")
    return value


def currency(body: dict[str, Any]) -> str:
    value = text(body, "currency", 3)
    if re.fullmatch("[A-Z]{3}", value) is None:
        raise InvalidRequest("currency", "an ISO 4217 code is needed")
    return value


def web_address(body: dict[str, Any], name: str) -> str:
    """An absolute http or https address that may stand in a Location and whose origin may stand in a policy."""
    value = text(body, name, 2_000)
    if not is_web_address(value):
        raise InvalidRequest(name, "an absolute http or https address is needed")
    return value


def is_web_address(value: str) -> bool:
    if re.fullmatch(r"[!-~]+", value) is None or "\\" in value:
        return False
    try:
        parts = urlsplit(value)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        return False
    host = re.fullmatch(r"([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?", parts.netloc)
    return parts.scheme in ("http", "https") and host is not None and port_is_right


def origin_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
