"""Whom a row is about: names, email addresses, telephone numbers and countries, each in normal form or with the reason why not."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from portal.countries import find_country
from portal.customers.rules.profiles import email_key
from portal.importing.rules.refusals import attempt
from portal.importing.rules.values import read_email, read_phone, read_text

_TOTALS = re.compile(r"(?:grand |sub ?-?)?totals?(?: for .*| of .*)?:?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Person:
    """The customer in rows of invoices; a customer is created from these when it is new. `country` is a code of ISO 3166, and
    `country_name` what the file says instead of one."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    country: str | None = None
    country_name: str | None = None

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Person:
        """Return the person of normal values by name (`read_person`)."""
        return cls(*(values.get(name) for name in ("name", "email", "phone", "country", "country_name")))

    @property
    def email_key(self) -> str | None:
        return email_key(self.email) if self.email else None


def address_digest(key: str) -> str:
    """Return the digest of an address's key by which it is remembered that files name a customer by it."""
    return hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


def read_person(values: Mapping[str, str], reasons: list[str]) -> dict[str, str]:
    """Return what a row of an invoice says of its customer, in normal form, without what is not there or cannot be read."""
    country_name = values.get("customer_country")
    country = find_country(country_name) if country_name else None
    found = {"country": country}
    if country_name and country is None:
        found["country_name"] = attempt(reasons, read_text, "customer_country", country_name)
    if "customer_name" in values:
        found["name"] = attempt(reasons, read_text, "customer_name", values["customer_name"])
    if "customer_email" in values:
        found["email"] = attempt(reasons, read_email, "customer_email", values["customer_email"])
    if "customer_phone" in values:
        found["phone"] = attempt(reasons, read_phone, "customer_phone", values["customer_phone"], country)
    return {name: value for name, value in found.items() if value}


def is_total(text: str | None) -> bool:
    """Return whether a number or a reference is the word of a totals row, which reports have at their ends."""
    return text is not None and _TOTALS.fullmatch(text.strip()) is not None


def heading_of(values: Mapping[str, str]) -> str | None:
    """Return the field of a row that has a value in it alone: a heading between the rows of a report."""
    return next(iter(values)) if len(values) == 1 else None
