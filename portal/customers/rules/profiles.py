"""Validation of a customer's details, and the comparison of email addresses; no tables."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import idna

from portal.contacts import (
    ContactRefused,
    holds_card_number,
    is_blank,
    normalise_email,
    normalise_name,
    normalise_phone,
)
from portal.countries import is_country
from portal.customers.errors import InvalidCustomer
from portal.customers.rules.tax_ids import MAX_TAX_IDS, TaxIdRefused, checked_tax_id
from portal.merchants.errors import InvalidMerchant
from portal.merchants.rules.merchants import checked_timezone

TYPES = ("individual", "business")
ADDRESS_PARTS = ("line1", "line2", "line3", "city", "state", "postal_code", "country")
MAX_ENTRIES = 10
MIN_SEARCH_LENGTH = 3
MAX_VALUE_LENGTH = 500
_ENTRY_KEY = re.compile(r"[A-Za-z0-9_.-]{1,40}", re.ASCII)
_REFERENCE_LENGTH = 200
_PHONE_FIELDS = ("phone", "home_phone", "work_phone", "mobile_phone")


def email_key(address: str) -> str:
    """Return the address as it is compared: two addresses are one customer's when their keys are equal.

    Never raises. Mail is sent to the stored address alone, never to a key (threats 18). The part before the @ is compared
    without case too, as every mail service in use does.
    """
    cleaned = unicodedata.normalize("NFC", address.strip())
    local, at, domain = cleaned.rpartition("@")
    return unicodedata.normalize("NFC", f"{local}{at}{_ascii_domain(domain)}".casefold())


def is_same_mailbox(one: str, other: str) -> bool:
    """Return whether verifying one address verifies the other: equal but for the case of ASCII letters.

    Stricter than `email_key`, which also folds letters of other scripts: `ſ` and `s` find the same customer, but are
    two mailboxes (threats 18).
    """
    return mailbox_of(one) == mailbox_of(other)


def is_found_in(texts: Iterable[str | None], search: str) -> bool:
    """Return whether one of the texts holds what was searched for, whatever its case, accents composed or not, and blanks in a number."""
    wanted = _searchable(search)
    return any(text is not None and wanted in _searchable(text) for text in texts)


def mailbox_of(address: str) -> str:
    """Return the mailbox of an address, in the form in which two of them are compared (`is_same_mailbox`)."""
    text = unicodedata.normalize("NFC", address.strip())
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


@dataclass(frozen=True, slots=True)
class CustomerName:
    """The one thing by which somebody names a customer: its id, the merchant's reference, or an email address that was verified."""

    id: str | None = None
    reference: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class CustomerDetails:
    """A customer's details as input; `normalise_details` brings them into the form that is stored.

    None leaves a detail unchanged when a customer is updated. `tax_ids` are documents of `type` (`eu_vat`) and `value`, and replace all
    there are. `billing_address` and `shipping_address` have the parts of
    `ADDRESS_PARTS`, `country` as ISO 3166; an entry of `fields` or `metadata` that is None is removed (decision 4).
    """

    reference: str | None = None
    type: str | None = None
    name: str | None = None
    company_name: str | None = None
    email: str | None = None
    phone: str | None = None
    locale: str | None = None
    timezone: str | None = None
    purchase_order: str | None = None
    tax_ids: Sequence[Mapping[str, str]] | None = None
    billing_address: Mapping[str, str | None] | None = None
    shipping_address: Mapping[str, str | None] | None = None
    fields: Mapping[str, str | None] | None = None
    metadata: Mapping[str, str | None] | None = None
    blocked: bool | None = None


_DOCUMENTS = ("billing_address", "shipping_address", "fields", "metadata")
_DETAIL_NAMES = tuple(name for name in CustomerDetails.__dataclass_fields__ if name != "blocked")


def read_details(values: Mapping[str, Any]) -> CustomerDetails:
    """Return the details of a document with the API's field names; None counts as absent. Raises InvalidCustomer, which names
    the field that is unknown or not of its kind."""
    for name, value in values.items():
        if name not in _DETAIL_NAMES:
            raise InvalidCustomer(str(name), f"a customer has no field {name}; there are {', '.join(_DETAIL_NAMES)}")
        if name in _DOCUMENTS:
            if value is not None and not _is_document(value):
                raise InvalidCustomer(name, f"{name} is a document of texts")
        elif name == "tax_ids":
            if value is not None and not (isinstance(value, list) and all(map(_is_document, value))):
                raise InvalidCustomer(name, f"{name} is a list of documents with type and value")
        elif not isinstance(value, str | None):
            raise InvalidCustomer(name, f"{name} is a text")
    return CustomerDetails(**values)


@dataclass(frozen=True, slots=True)
class NormalDetails:
    """Values by column name, in the form that is stored; details that were not given are absent."""

    columns: dict[str, Any] = field(default_factory=dict)
    documents: dict[str, dict[str, str | None]] = field(default_factory=dict)


def normalise_details(details: CustomerDetails) -> NormalDetails:
    """Bring given details into the form that is stored. Raises InvalidCustomer, which names the field."""
    columns: dict[str, Any] = {}
    billing = _address("billing_address", details.billing_address)
    region = (billing or {}).get("country")
    for name in ("reference", "name", "company_name", "purchase_order"):
        value = getattr(details, name)
        if value is not None:
            columns[name] = _line(name, value) or None
    if len(columns.get("reference") or "") > _REFERENCE_LENGTH:
        raise InvalidCustomer("reference", f"reference is longer than {_REFERENCE_LENGTH} characters")
    if details.type is not None:
        columns["type"] = _one_of("type", details.type, TYPES)
    if details.email is not None:
        columns["email"] = _contact("email", normalise_email, details.email) if not is_blank(details.email) else None
        columns["email_key"] = email_key(columns["email"]) if columns["email"] else None
    if details.phone is not None:
        columns["phone"] = _phone("phone", details.phone, region)
    if details.locale is not None:
        columns["locale"] = _locale(details.locale)
    if details.timezone is not None:
        columns["timezone"] = _timezone(details.timezone)
    if details.tax_ids is not None:
        columns["tax_ids"] = _tax_ids(details.tax_ids)
    if details.blocked is not None:
        columns["blocked"] = details.blocked
    documents = {
        "billing_address": billing,
        "shipping_address": _address("shipping_address", details.shipping_address),
        "fields": _fields(details.fields, region),
        "metadata": _entries("metadata", details.metadata),
    }
    return NormalDetails(columns, {name: document for name, document in documents.items() if document is not None})


def _is_document(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(key, str) and isinstance(entry, str | None) for key, entry in value.items()
    )


def merged_document(name: str, old: Mapping[str, Any], new: Mapping[str, str | None]) -> dict[str, Any]:
    """Return a stored document with new entries added and those that are None removed. Raises InvalidCustomer beyond 10 entries."""
    merged = {key: value for key, value in {**old, **new}.items() if value is not None}
    if name == "metadata" and len(merged) > MAX_ENTRIES:
        raise InvalidCustomer(name, f"{name} has more than {MAX_ENTRIES} entries")
    return merged


def _address(name: str, given: Mapping[str, str | None] | None) -> dict[str, str | None] | None:
    if given is None:
        return None
    unknown = sorted(set(given) - set(ADDRESS_PARTS))
    if unknown:
        raise InvalidCustomer(name, f"{name} has no part {unknown[0]}; it has {', '.join(ADDRESS_PARTS)}")
    address = {
        part: (_line(f"{name}.{part}", value) or None) if value is not None else None for part, value in given.items()
    }
    country = address.get("country")
    if country:
        address["country"] = country.upper()
        if not is_country(address["country"] or ""):
            raise InvalidCustomer(f"{name}.country", f"{name}.country is not a country code of ISO 3166 such as CM")
    return address


def _fields(given: Mapping[str, str | None] | None, region: str | None) -> dict[str, str | None] | None:
    entries = _entries("fields", given)
    for name, value in (entries or {}).items():
        if value is None or entries is None:
            continue
        if name == "date_of_birth":
            try:
                date.fromisoformat(value)
            except ValueError:
                raise InvalidCustomer(
                    "fields.date_of_birth", "fields.date_of_birth is not a date such as 1990-01-31"
                ) from None
        elif name == "email":
            entries[name] = _contact("fields.email", normalise_email, value)
        elif name in _PHONE_FIELDS:
            entries[name] = _phone(f"fields.{name}", value, region)
    return entries


def _entries(name: str, given: Mapping[str, str | None] | None) -> dict[str, str | None] | None:
    if given is None:
        return None
    for key, value in given.items():
        if not _ENTRY_KEY.fullmatch(key):
            raise InvalidCustomer(name, f"{name}: a key is 1 to 40 letters, digits, points, hyphens or underscores")
        if holds_card_number(key):
            raise InvalidCustomer(name, f"{name}: a key looks like a card number, which is never stored here")
        if value is not None and len(value) > MAX_VALUE_LENGTH:
            raise InvalidCustomer(f"{name}.{key}", f"{name}.{key} is longer than {MAX_VALUE_LENGTH} characters")
    # Several lines are allowed in the merchant's own entries; a card number is not.
    return {key: _checked_value(f"{name}.{key}", value) for key, value in given.items()}


def _checked_value(name: str, value: str | None) -> str | None:
    if value is None or is_blank(value):
        return None
    if holds_card_number(value):  # In the whole value: a number may span several lines.
        raise InvalidCustomer(name, f"{name} looks like it holds a card number, which is never stored here")
    for line in value.splitlines():
        for start in range(0, len(line), 200):
            _line(name, line[start : start + 250])
    return unicodedata.normalize("NFC", value.strip())


def _line(name: str, value: str) -> str:
    try:
        return normalise_name(value, field=name)
    except ContactRefused as fault:
        raise InvalidCustomer(name, str(fault)) from None


def _phone(name: str, value: str, region: str | None) -> str | None:
    if is_blank(value):
        return None
    try:
        return normalise_phone(value, region, field=name)
    except ContactRefused as fault:
        raise InvalidCustomer(name, str(fault)) from None


def _contact(name: str, normalise: Any, value: str) -> str:
    try:
        return str(normalise(value, field=name))
    except ContactRefused as fault:
        raise InvalidCustomer(name, str(fault)) from None


def _locale(value: str) -> str | None:
    from babel import Locale, UnknownLocaleError

    if not value.strip():
        return None
    try:
        return str(Locale.parse(value.strip().replace("_", "-"), sep="-")).replace("_", "-")
    except (UnknownLocaleError, ValueError):
        raise InvalidCustomer("locale", "locale is not a language such as en, fr or pt-BR") from None


def _timezone(value: str) -> str | None:
    if is_blank(value):
        return None
    try:
        return checked_timezone(value.strip())
    except InvalidMerchant as fault:
        raise InvalidCustomer("timezone", str(fault)) from None


def _tax_ids(given: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return tax numbers as they are stored, each once. Raises InvalidCustomer, which names the place in the list."""
    if len(given) > MAX_TAX_IDS:
        raise InvalidCustomer("tax_ids", f"tax_ids has {MAX_TAX_IDS} entries at most")
    stored: list[dict[str, str]] = []
    for place, tax_id in enumerate(given):
        name = f"tax_ids.{place}"
        if set(tax_id) != {"type", "value"}:
            raise InvalidCustomer(name, f"{name} has a type and a value")
        try:
            type_, value = checked_tax_id(tax_id["type"], _line(f"{name}.value", tax_id["value"]))
        except TaxIdRefused:
            raise InvalidCustomer(
                f"{name}.value", f"{name}.value is not a number of the type {tax_id['type'][:40]}"
            ) from None
        if (entry := {"type": type_, "value": value}) not in stored:
            stored.append(entry)
    return stored


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise InvalidCustomer(name, f"{name} is one of {', '.join(allowed)}")
    return value


def _searchable(text: str) -> str:
    folded = unicodedata.normalize("NFC", text).casefold().strip()
    return "".join(folded.split()) if folded.lstrip("+").replace(" ", "").isdigit() else folded


def _ascii_domain(domain: str) -> str:
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True, std3_rules=True).decode("ascii")
    except idna.IDNAError:
        return domain
