"""What a customer types about itself: read and checked, every fault at its field at once; pure.

Strict where files and the API are lenient (`profiles`): whoever types can be asked.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from portal.contacts import (
    MAXIMUM_TEXT,
    ContactRefused,
    holds_card_number,
    is_blank,
    normalise_email,
    normalise_name,
    normalise_phone,
)
from portal.countries import is_country
from portal.customers.rules.postal_addresses import check_address, normalise_parts
from portal.customers.rules.profiles import ADDRESS_PARTS, CustomerDetails
from portal.customers.rules.tax_ids import TaxIdRefused, normalise_tax_id, tax_id_kind
from portal.merchants.rules.context_fields import ContextField

FaultCode = Literal[
    "missing", "too_long", "unusable", "card_number", "not_a_phone", "not_an_email", "not_a_date", "not_a_number",
    "not_offered", "not_in_country", "not_a_tax_id",
]  # fmt: skip
_PARTS = tuple(part for part in ADDRESS_PARTS if part != "country")
_YES_NO = ("yes", "no")
_EARLIEST = date(1900, 1, 1)
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed: `details` to store, and faults by the name of the field in the form ("billing_address.city"); with a fault
    nothing is stored."""

    details: CustomerDetails
    faults: Mapping[str, FaultCode] = field(default_factory=dict)


@dataclass(slots=True)
class _Reading:
    """What was read so far. `given` holds texts by the name of their field, `stored` what there is, by column."""

    given: Mapping[str, str]
    stored: Mapping[str, Any]
    required: frozenset[str]
    details: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, FaultCode] = field(default_factory=dict)

    def line(self, name: str, *, is_required: bool = False) -> str:
        """Return one line of text; a fault and "" where it is none."""
        text = self.given.get(name, "")
        try:
            line = normalise_name(text)
        except ContactRefused:
            self.faults[name] = _why_refused(text)
            return ""
        if not line and is_required:
            self.faults[name] = "missing"
        return line


def read_typed(
    given: Mapping[str, str],
    fields: Iterable[ContextField],
    *,
    stored: Mapping[str, Any],
    locales: Collection[str],
    timezones: Collection[str],
) -> Typed:
    """Return what was typed into the fields that are `editable`; others are not looked at, whatever was sent.

    `given` has the texts of a form by the names of its fields. A field that was not sent stays as it is, and so does one that says what
    is `stored` (by column), though it be offered no more. `locales` and `timezones` are those that are offered.
    """
    fields = [each for each in fields if each.is_editable]
    reading = _Reading(given, stored, frozenset(each.name for each in fields if each.show == "required"))
    offered: dict[str, Collection[str]] = {"locale": locales, "timezone": timezones}
    country = _billing_country(reading, fields)
    context: dict[str, str | None] = {}
    for each in fields:
        if each.name in ("billing_address", "shipping_address"):
            _read_address(reading, each.name)
        elif each.name == "tax_id":
            _read_tax_id(reading, country or None)
        elif not _is_sent(given, each):
            continue
        elif each.is_context:
            context[each.name] = _read_context_field(reading, each, country or None)
        elif each.name in offered:
            _read_offered(reading, each.name, offered[each.name])
        elif each.name == "phone":
            reading.details["phone"] = _read_phone(
                reading, "phone", country or None, is_required=each.show == "required"
            )
        else:
            reading.details[each.name] = reading.line(each.name, is_required=each.show == "required")
    if context:
        reading.details["fields"] = context
    return Typed(CustomerDetails(**reading.details) if not reading.faults else CustomerDetails(), reading.faults)


def _billing_country(reading: _Reading, fields: Iterable[ContextField]) -> str:
    """Return the country of the billing address, as typed where that is editable, for numbers that are written by country."""
    typed = reading.given.get("billing_address.country")
    if typed is not None and any(each.name == "billing_address" for each in fields):
        return typed.upper() if is_country(typed.upper()) else ""
    return str(reading.stored["billing_address"].get("country") or "")


def list_missing(stored: Mapping[str, Any], fields: Sequence[ContextField]) -> list[str]:
    """Return the names of the fields that the merchant requires and a customer has not filled in; `stored` is by column name."""
    return [each.name for each in fields if each.show == "required" and not _stored_value(stored, each)]


def form_name(field: ContextField) -> str:
    """Return the name of a field in the form, which is the API's."""
    return f"fields.{field.name}" if field.is_context else field.name


def _is_sent(given: Mapping[str, str], field: ContextField) -> bool:
    return form_name(field) in given


def _stored_value(stored: Mapping[str, Any], field: ContextField) -> object:
    if field.is_context:
        return stored["fields"].get(field.name)
    if field.name == "shipping_address":
        return stored["shipping_address"] or stored["billing_address"]  # None of its own: the billing address serves.
    return stored["tax_ids" if field.name == "tax_id" else field.name]


def _read_address(reading: _Reading, name: str) -> None:
    if name == "shipping_address" and reading.given.get("shipping_same"):
        reading.details[name] = dict.fromkeys(ADDRESS_PARTS)
        return
    if f"{name}.country" not in reading.given:
        return
    address = {part: reading.line(f"{name}.{part}") for part in _PARTS}
    country = reading.given[f"{name}.country"].upper()
    if country and not is_country(country):
        reading.faults[f"{name}.country"] = "not_offered"
        return
    address["country"] = country
    is_empty = not any(address[part] for part in _PARTS)
    if is_empty and name in reading.required:
        reading.faults[f"{name}.{'line1' if country else 'country'}"] = "missing"
    for part, fault in check_address(address).items():
        reading.faults.setdefault(f"{name}.{part}", fault)
    stored = normalise_parts(address)
    # Every part is given: one that was emptied is removed.
    reading.details[name] = {part: stored.get(part) for part in ADDRESS_PARTS}


def _read_tax_id(reading: _Reading, country: str | None) -> None:
    if "tax_id" not in reading.given:
        return
    number = reading.line("tax_id", is_required="tax_id" in reading.required)
    kind = tax_id_kind(country)
    # The form shows the first number; the API may have stored more, and others of another country.
    first, others = reading.stored["tax_ids"][:1], reading.stored["tax_ids"][1:]
    if first and first[0]["value"] == number:
        return
    if not number:
        reading.details["tax_ids"] = others
        return
    try:
        reading.details["tax_ids"] = [{"type": kind.type, "value": normalise_tax_id(kind, country, number)}, *others]
    except TaxIdRefused:
        reading.faults["tax_id"] = "not_a_tax_id"


def _read_offered(reading: _Reading, name: str, offered: Collection[str]) -> None:
    chosen = reading.given[name]
    if chosen == (reading.stored[name] or ""):
        return
    if chosen and chosen not in offered:
        reading.faults[name] = "not_offered"
        return
    reading.details[name] = chosen


def _read_phone(reading: _Reading, name: str, country: str | None, *, is_required: bool) -> str:
    text = reading.given.get(name, "")
    if is_blank(text):
        if is_required:
            reading.faults[name] = "missing"
        return ""
    try:
        return normalise_phone(text, country)
    except ContactRefused:
        reading.faults[name] = "card_number" if holds_card_number(text) else "not_a_phone"
        return ""


def _read_context_field(reading: _Reading, field: ContextField, country: str | None) -> str | None:
    """Return the value as it is stored, None for an empty one."""
    name, is_required = form_name(field), field.show == "required"
    if field.type == "phone":
        return _read_phone(reading, name, country, is_required=is_required) or None
    value = reading.line(name, is_required=is_required)
    if not value:
        return None
    if value == reading.stored["fields"].get(field.name):
        return value
    fault: FaultCode | None = None
    if len(value) > field.max_length:
        fault = "too_long"
    elif field.type == "email":
        try:
            value = normalise_email(value)
        except ContactRefused:
            fault = "not_an_email"
    elif field.type == "date":
        fault = None if _is_date(value) else "not_a_date"
    elif field.type == "number":
        fault = None if _NUMBER.fullmatch(value) else "not_a_number"
    elif field.type in ("choice", "yes_no"):
        fault = None if value in (field.choices or _YES_NO) else "not_offered"
    if fault is not None:
        reading.faults[name] = fault
    return value


def _is_date(text: str) -> bool:
    try:
        # Python also reads "20260131" and "2026-W05-6".
        return date.fromisoformat(text).isoformat() == text and date.fromisoformat(text) >= _EARLIEST
    except ValueError:
        return False


def _why_refused(text: str) -> FaultCode:
    if holds_card_number(text):
        return "card_number"
    return "too_long" if len(text.strip()) > MAXIMUM_TEXT else "unusable"


def details_digest(stored: Mapping[str, Any]) -> str:
    """Return a short name of a customer's details as they are, by column: another one means that somebody changed something meanwhile."""
    shown = {name: stored[name] for name in (*_SIMPLE, "billing_address", "shipping_address", "tax_ids", "fields")}
    text = json.dumps(shown, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


_SIMPLE = ("name", "company_name", "phone", "locale", "timezone", "purchase_order")
