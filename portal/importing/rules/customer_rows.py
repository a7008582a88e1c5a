"""From rows of a file to a customer's details. Pure: knows no database."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from portal.contacts import ContactRefused, normalise_email, normalise_phone
from portal.countries import find_country
from portal.customers.errors import InvalidCustomer
from portal.customers.rules.profiles import ADDRESS_PARTS, CustomerDetails, email_key, normalise_details
from portal.importing.rules.groups import Built, Group, Keys, Reading, SpooledRow
from portal.importing.rules.mapping import Fields
from portal.importing.rules.people import heading_of, is_total
from portal.importing.rules.refusals import attempt
from portal.importing.rules.results import Change, Context
from portal.importing.rules.values import key_text
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
    """A customer of the file. `id` is ours, when the file has it; `created_at` is None when the file has none.

    Several rows of one customer are put together as several files would be: what a later row says counts. `later_changes` is what
    each row after the first adds to those before it.
    """

    id: str | None
    details: CustomerDetails
    created_at: datetime | None
    file_lines: tuple[int, ...]
    later_changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class CustomerRows:
    """Reads rows of customers."""

    context: Context

    def read(self, values: Mapping[str, str]) -> Reading:
        reasons: list[str] = []
        if not any(name in values for name in ("id", "reference", "email", "phone")):
            reasons.append("reference, email and phone are empty")
        if "id" in values and not is_id("cus", values["id"]):
            reasons.append("id is not a customer’s id of ours; the merchant’s own is a reference: --map reference=id")
        if is_total(values.get("reference")) and heading_of({k: v for k, v in values.items() if k in _PLAIN}):
            reasons.append("this looks like the totals of a report, which are no customer")
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
        try:
            normalise_details(_details(payload))
        except InvalidCustomer as fault:
            reasons.append(str(fault))
        return Reading(_keys(payload), created_at, payload, reasons)

    def looks_like_row(self, values: Mapping[str, str]) -> bool:
        return bool(_normal(normalise_email, values.get("email"))) or (
            "reference" in values and bool(_normal(normalise_phone, values.get("phone")))
        )


def build_customer(_: Context, group: Group) -> Built:
    """Return the customer of one or more rows."""
    good = [row for row in group.rows if row.reason is None]
    faults = {row.line: "; ".join(row.payload["reasons"]) for row in good if row.payload.get("reasons")}
    kept = [row for row in good if row.line not in faults]
    if not kept:
        return Built(None, faults)
    details = _details(kept[0].payload)
    changes = []
    for row in kept[1:]:
        merged = _merged(details, _details(row.payload))
        changes.append(Change.UNCHANGED if merged == details else Change.UPDATED)
        details = merged
    created_at = _first(kept, "created_at")
    return Built(
        ImportedCustomer(
            _first(kept, "id"),
            details,
            datetime.fromisoformat(created_at) if created_at else None,
            tuple(row.line for row in kept),
            tuple(changes),
        ),
        faults,
    )


def preview(customer: ImportedCustomer) -> tuple[str, ...]:
    """Return the customer in the cells of `PREVIEW_HEAD`."""
    details = customer.details
    return tuple(text or "" for text in (details.reference or customer.id, details.name, details.email, details.phone))


PREVIEW_HEAD = ("reference", "name", "email", "phone")


def _keys(payload: Mapping[str, Any]) -> Keys:
    email = _normal(normalise_email, payload.get("email"))
    region = (payload.get("billing_address") or {}).get("country")
    reference = payload.get("reference")
    return Keys(
        id=payload.get("id"),
        reference=key_text(reference) if reference else None,
        email=email,
        email_key=email_key(email) if email else None,
        phone=_normal(lambda text: normalise_phone(text, region), payload.get("phone")),
    )


def _normal(normalise: Any, text: str | None) -> str | None:
    try:
        return normalise(text) if text else None
    except ContactRefused:
        return None


def _merged(before: CustomerDetails, after: CustomerDetails) -> CustomerDetails:
    changes: dict[str, Any] = {}
    for name in (*_PLAIN, "blocked"):
        value = getattr(after, name)
        if value is not None:
            changes[name] = value
    for name in _DOCUMENTS:
        document = getattr(after, name)
        if document is not None:
            changes[name] = {**(getattr(before, name) or {}), **document}
    return replace(before, **changes)


def _first(rows: Sequence[SpooledRow], name: str) -> Any:
    return next((row.payload[name] for row in rows if row.payload.get(name)), None)


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
