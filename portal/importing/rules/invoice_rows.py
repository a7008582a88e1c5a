"""From rows of a file to invoices and credit notes: which values a row has, and what the rows of one number add up to.

Pure: knows no database.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from typing import Any

from portal.customers.rules import email_key
from portal.importing.errors import RowRefused
from portal.importing.rules.groups import MAX_GROUP_ROWS, Group, SpooledRow
from portal.importing.rules.mapping import Fields
from portal.importing.rules.values import (
    Calendar,
    attempt,
    find_country,
    key_text,
    read_currency,
    read_decimal,
    read_email,
    read_exact_minor,
    read_minor,
    read_phone,
    read_text,
)
from portal.money import MAX_AMOUNT, exponent

FIELDS = Fields(
    names=(
        "number", "customer", "customer_name", "customer_email", "customer_phone", "customer_country", "issued_on", "due_on",
        "currency", "description", "quantity", "unit_amount", "total", "status", "paid_at",
    ),
    needed=(("number",), ("customer", "customer_email"), ("issued_on",), ("unit_amount", "total")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """The customer in an invoice's rows; created from these when the reference is new."""

    name: str | None
    email: str | None
    phone: str | None
    country: str | None
    country_name: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """A line; `unit_amount` is in minor units with its decimals, as text."""

    description: str
    quantity: str
    unit_amount: str
    amount: int


@dataclass(frozen=True, slots=True)
class Document:
    """An invoice (`total` positive) or a credit note (`total` negative), with the lines of the file that it is made of.

    `owner` names the customer: `r:` and the merchant's reference, or `e:` and the key of the mail address. `digest` is
    of the document's content in the file, except whether it was paid, so that a second import detects changes.
    """

    owner: str
    owner_at: datetime
    number: str
    person: Person
    currency: str
    description: str
    issued_on: date
    due_on: date | None
    at: datetime
    lines: tuple[Line, ...]
    total: int
    paid_at: datetime | None
    digest: str
    file_lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class InvoiceRows:
    """Reads rows of invoices: `calendar` is how the file writes dates, `currency` the merchant's own, `by_reference`
    whether the merchant's reference identifies customers (else the mail address)."""

    calendar: Calendar
    currency: str
    by_reference: bool
    now: datetime

    def owner_of(self, values: Mapping[str, str]) -> str | None:
        """The customer that a row names, None when it names none."""
        if self.by_reference:
            return f"r:{key_text(values['customer'])}" if "customer" in values else None
        return f"e:{email_key(values['customer_email'])}" if "customer_email" in values else None

    def key_of(self, values: Mapping[str, str]) -> tuple[str, str] | None:
        """Customer and number, which the rows of one invoice share; None for a row that names not both."""
        owner = self.owner_of(values)
        return (owner, key_text(values["number"])) if owner and "number" in values else None

    def read(self, values: Mapping[str, str]) -> tuple[datetime, dict[str, Any]]:
        """When the row's invoice was issued, and its values in a form for the spool. Raises RowRefused."""
        reasons = (
            [] if self.owner_of(values) else ["customer is empty" if self.by_reference else "customer_email is empty"]
        )
        at = self._instant("issued_on", values, reasons)
        currency = attempt(reasons, read_currency, "currency", values.get("currency", self.currency))
        payload: dict[str, Any] = {"currency": currency, "description": "", **self._person(values, reasons)}
        if "number" in values:
            attempt(reasons, read_text, "number", values["number"], 100)
        else:
            reasons.append("number is empty")
        if self.by_reference and "customer" in values:
            attempt(reasons, read_text, "customer", values["customer"], 200)
        if "description" in values:
            payload["description"] = attempt(reasons, read_text, "description", values["description"])
        if at is not None:
            payload["issued_on"] = self.calendar.day("issued_on", values["issued_on"]).isoformat()
        if "due_on" in values:
            due_on = attempt(reasons, self.calendar.day, "due_on", values["due_on"])
            payload["due_on"] = due_on.isoformat() if due_on else None
        payload["paid_at"] = self._paid_at(values, at, reasons)
        if reasons or at is None or currency is None:
            self._amount(values, currency or "USD", payload, reasons)
            raise RowRefused(reasons)
        comes_to_nothing = self._amount(values, currency, payload, reasons)
        if reasons:
            raise RowRefused(reasons, spoils=not comes_to_nothing)
        payload["at"] = min(at, self.now).isoformat()
        return min(at, self.now), payload

    def _amount(self, values: Mapping[str, str], currency: str, payload: dict[str, Any], reasons: list[str]) -> bool:
        """Calculate the row's amount; return whether its only fault is that the amount is zero."""
        before = len(reasons)
        quantity = attempt(reasons, read_decimal, "quantity", values.get("quantity", "1"))
        unit = attempt(reasons, read_decimal, "unit_amount", values["unit_amount"]) if "unit_amount" in values else None
        total = attempt(reasons, read_exact_minor, "total", values["total"], currency) if "total" in values else None
        if len(reasons) > before or quantity is None:
            return False
        if unit is None and total is None:
            reasons.append("unit_amount is empty" if "quantity" in values else "total is empty")
            return False
        if unit is not None and unit < 0:
            reasons.append("unit_amount is negative")
            return False
        if unit is not None:
            product = attempt(reasons, read_minor, "quantity × unit_amount", quantity * unit, currency)
            if product is None:
                return False
            # A merchant's own rounding may differ from ours by one minor unit; its total is what it billed.
            if total is not None and abs(product - total) > 1:
                reasons.append("total is not quantity × unit_amount")
                return False
            total = product if total is None else total
        else:
            unit = _unit_of(total or 0, quantity, currency)
        if quantity == 0 or unit == 0 or not total:
            reasons.append(
                "quantity is zero" if quantity == 0 else "unit_amount is zero" if unit == 0 else "total is zero"
            )
            return True
        payload.update(quantity=_plain(quantity), unit=_plain(unit.scaleb(exponent(currency))), amount=total)
        return False

    def _person(self, values: Mapping[str, str], reasons: list[str]) -> dict[str, Any]:
        country_name = values.get("customer_country")
        country = find_country(country_name) if country_name else None
        person: dict[str, Any] = {"country": country, "name": None, "email": None, "phone": None, "country_name": None}
        if country_name and country is None:
            person["country_name"] = attempt(reasons, read_text, "customer_country", country_name)
        if "customer_name" in values:
            person["name"] = attempt(reasons, read_text, "customer_name", values["customer_name"])
        # Without its customer a row's address may be an incomplete template; that fault is reported already.
        if "customer_email" in values and self.owner_of(values):
            person["email"] = attempt(reasons, read_email, "customer_email", values["customer_email"])
        if "customer_phone" in values:
            person["phone"] = attempt(reasons, read_phone, "customer_phone", values["customer_phone"], country)
        return person

    def _instant(self, field: str, values: Mapping[str, str], reasons: list[str]) -> datetime | None:
        if field not in values:
            reasons.append(f"{field} is empty")
            return None
        return attempt(reasons, self.calendar.instant, field, values[field])

    def _paid_at(self, values: Mapping[str, str], issued_at: datetime | None, reasons: list[str]) -> str | None:
        status = values.get("status", "open").lower()
        if status not in ("open", "paid"):
            reasons.append("status is neither open nor paid")
        if "paid_at" not in values:
            return issued_at.isoformat() if status == "paid" and issued_at else None
        if status == "open":
            reasons.append("paid_at is given, but status is not paid")
            return None
        paid_at = self._instant("paid_at", values, reasons)
        if paid_at is not None and paid_at > self.now:
            reasons.append("paid_at is in the future")
        return paid_at.isoformat() if paid_at else None


def build_document(group: Group) -> Document:
    """Return the invoice or credit note of one number and customer. Raises RowRefused, which applies to all of its rows."""
    good = [row for row in group.rows if row.reason is None]
    spoiled = [row.line for row in group.rows if row.spoils]
    if len(group.rows) > MAX_GROUP_ROWS:
        raise RowRefused([f"more than {MAX_GROUP_ROWS} rows are of one invoice"])
    if spoiled:
        raise RowRefused([f"line {spoiled[0]} is of the same invoice and cannot be imported"])
    for field, payload_key in (("currency", "currency"), ("due_on", "due_on"), ("status", "paid_at")):
        if len({_comparable(row.payload.get(payload_key), field) for row in good}) > 1:
            raise RowRefused([f"rows of this invoice differ in {field}"])
    total = sum(row.payload["amount"] for row in good)
    if total == 0:
        raise RowRefused(["the rows of this invoice come to nothing"])
    if abs(total) > MAX_AMOUNT:
        raise RowRefused(["the invoice comes to more than 15 digits"])
    if total < 0 and good[0].payload["paid_at"]:
        raise RowRefused(["a credit note cannot be paid"])
    return _document(group, good, total)


def _document(group: Group, good: list[SpooledRow], total: int) -> Document:
    payloads = [row.payload for row in good]
    first = payloads[0]
    lines = tuple(Line(row["description"], row["quantity"], row["unit"], row["amount"]) for row in payloads)
    person = Person(
        *(
            next((row[key] for row in payloads if row[key]), None)
            for key in ("name", "email", "phone", "country", "country_name")
        )
    )
    issued_on = min(row["issued_on"] for row in payloads)
    content = {
        "currency": first["currency"], "issued_on": issued_on, "due_on": first.get("due_on"), "name": person.name,
        "country": person.country, "lines": [[line.description, line.quantity, line.unit_amount, line.amount] for line in lines],
    }  # fmt: skip
    at = min(datetime.fromisoformat(row["at"]) for row in payloads)
    paid_at = [datetime.fromisoformat(row["paid_at"]) for row in payloads if row["paid_at"]]
    return Document(
        owner=group.owner, number=group.object, person=person, currency=first["currency"],
        owner_at=datetime.fromtimestamp(group.owner_at / 1_000_000, UTC) if group.owner_at is not None else at,
        description=next((line.description for line in lines if line.description), ""),
        issued_on=date.fromisoformat(issued_on), due_on=date.fromisoformat(first["due_on"]) if first.get("due_on") else None,
        at=at, lines=lines, total=total, paid_at=max(paid_at, default=None),
        digest=hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).hexdigest(),
        file_lines=tuple(row.line for row in good),
    )  # fmt: skip


def _comparable(value: Any, field: str) -> Any:
    return bool(value) if field == "status" else value


def _unit_of(total: int, quantity: Decimal, currency: str) -> Decimal:
    """Return the unit price of a row that has a total alone: exact where possible, else to eight decimals."""
    if quantity == 0:
        return Decimal(0)
    # Fifteen digits divided by a quantity of eight decimals need more than the default precision of 28 digits.
    with localcontext(prec=40):
        return (Decimal(total).scaleb(-exponent(currency)) / quantity).quantize(Decimal(10) ** -8).normalize()


def _plain(value: Decimal) -> str:
    text = f"{value.normalize():f}"
    return "0" if text == "-0" else text
