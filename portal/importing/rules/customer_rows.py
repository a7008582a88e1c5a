"""From a row of a file to a customer's details. Pure: knows no database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal.customers.errors import InvalidCustomer
from portal.customers.rules import ADDRESS_PARTS, CustomerDetails, email_key, normalise_details
from portal.importing.errors import RowRefused
from portal.importing.rules.groups import Group
from portal.importing.rules.mapping import Fields
from portal.importing.rules.results import Context
from portal.importing.rules.values import attempt, find_country, key_text
from portal.public_ids import is_id

_PLAIN = ("reference", "type", "name", "company_name", "email", "phone", "locale")
_DOCUMENTS = ("billing_address", "shipping_address", "fields", "metadata")
FIELDS = Fields(
    names=(
        "id", *_PLAIN, "blocked", "created_at", *_DOCUMENTS,
        *(f"{address}.{part}" for address in ("billing_address", "shipping_address") for part in ADDRESS_PARTS),
    ),
    needed=(("reference", "email", "phone", "id"),),
    prefixes=("fields.", "metadata."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImportedCustomer:
    """A customer of the file. `id` is ours, when the file has it; `created_at` is None when the file has none."""

    id: str | None
    details: CustomerDetails
    created_at: datetime | None
    file_lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CustomerRows:
    """Reads rows of customers."""

    context: Context

    def key_of(self, values: Mapping[str, str]) -> tuple[str, str] | None:
        """Return the customer's key: our id, else the merchant's reference, else mail address, else phone."""
        for field in ("id", "reference", "email", "phone"):
            if field in values:
                text = email_key(values[field]) if field == "email" else key_text(values[field])
                return f"{field}:{text}", ""
        return None

    def read(self, values: Mapping[str, str]) -> tuple[datetime | None, dict[str, Any]]:
        reasons: list[str] = [] if self.key_of(values) else ["reference, email and phone are empty"]
        if "id" in values and not is_id("cus", values["id"]):
            reasons.append("id is not a customer’s id")
        created_at = (
            attempt(reasons, self.context.calendar.instant, "created_at", values["created_at"])
            if "created_at" in values
            else None
        )
        payload: dict[str, Any] = {name: values[name] for name in ("id", *_PLAIN) if name in values}
        if created_at is not None:
            payload["created_at"] = min(created_at, self.context.now).isoformat()
        if "blocked" in values:
            payload["blocked"] = _flag(values["blocked"], reasons)
        payload |= _documents(values, reasons)
        if not reasons:
            try:
                normalise_details(_details(payload))
            except InvalidCustomer as fault:
                reasons.append(str(fault))
        if reasons:
            raise RowRefused(reasons)
        return created_at, payload


def build_customer(group: Group) -> ImportedCustomer:
    """The customer of a single row."""
    (row,) = (row for row in group.rows if row.reason is None)
    created_at = row.payload.get("created_at")
    return ImportedCustomer(
        row.payload.get("id"),
        _details(row.payload),
        datetime.fromisoformat(created_at) if created_at else None,
        (row.line,),
    )


def _details(payload: Mapping[str, Any]) -> CustomerDetails:
    return CustomerDetails(**{name: payload[name] for name in (*_PLAIN, "blocked", *_DOCUMENTS) if name in payload})


def _documents(values: Mapping[str, str], reasons: list[str]) -> dict[str, dict[str, str]]:
    """The nested parts of a customer: a column each (`metadata.plan`), or the whole as JSON in one column."""
    found: dict[str, dict[str, str]] = {}
    for name, text in values.items():
        document, _, part = name.partition(".")
        if document not in _DOCUMENTS:
            continue
        if part:
            found.setdefault(document, {})[part] = text
        else:
            found[document] = {**_object(name, text, reasons), **found.get(document, {})}
    for address in ("billing_address", "shipping_address"):
        country = found.get(address, {}).get("country")
        if country:
            found[address]["country"] = find_country(country) or country
    return found


def _object(name: str, text: str, reasons: list[str]) -> dict[str, str]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not all(isinstance(part, str | int) or part is None for part in value.values()):
        reasons.append(f"{name} is not a JSON object of texts")
        return {}
    return {key: str(part) for key, part in value.items() if part is not None}


def _flag(text: str, reasons: list[str]) -> bool:
    value = text.lower()
    if value not in ("true", "false", "1", "0", "yes", "no"):
        reasons.append("blocked is neither true nor false")
    return value in ("true", "1", "yes")
