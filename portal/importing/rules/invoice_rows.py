"""From rows of a file to invoices and credit notes: which values a row has, and what the rows of one number make together.

Pure: knows no database.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from portal.importing.rules.amounts import (
    NumberStyle,
    read_amount,
    read_currency,
    read_number,
    read_percentage,
    read_price,
)
from portal.importing.rules.groups import MAX_GROUP_ROWS, Built, Group, Keys, Reading, SpooledRow
from portal.importing.rules.mapping import Fields
from portal.importing.rules.people import Person, heading_of, is_total, read_person
from portal.importing.rules.pricing import AmountRow, Line, Price, Words, price_rows
from portal.importing.rules.refusals import ValueRefused, attempt
from portal.importing.rules.results import Change, Context
from portal.importing.rules.settlements import Settlement, settle
from portal.importing.rules.statuses import read_invoice_status
from portal.importing.rules.values import key_text, read_text
from portal.money import major_units

_ROW_AMOUNTS = ("quantity", "unit_amount", "tax_rate", "tax_amount", "shipping", "discount", "total")
_INVOICE_AMOUNTS = ("amount_paid", "amount_refunded", "open_balance")
FIELDS = Fields(
    names=(
        "number", "customer", "customer_name", "customer_email", "customer_phone", "customer_country", "issued_on", "due_on",
        "currency", "description", *_ROW_AMOUNTS, *_INVOICE_AMOUNTS, "status", "paid_at",
    ),
    needed=(("number",), ("customer", "customer_email"), ("issued_on",), ("unit_amount", "total")),
)  # fmt: skip
_WORDS = {"fr": Words("Livraison", "Remise")}


@dataclass(frozen=True, slots=True)
class Document:
    """An invoice, or a credit note (`total` below zero), with the lines of the file that it is made of. Amounts in minor units.

    `owner` names the customer as `Group.owner` does, `customer` is what the file says of that customer, and `person` what the invoice's
    own rows say. `settlement` is how it stands; `paid_at` when its money came. `digest` is of the document's content in the file,
    except how it stands, so that a second import detects changes.
    """

    owner: str
    owner_at: datetime
    customer: Person
    number: str
    person: Person
    currency: str
    description: str
    issued_on: date
    due_on: date | None
    at: datetime
    lines: tuple[Line, ...]
    tax: int
    total: int
    settlement: Settlement
    paid_at: datetime
    digest: str
    file_lines: tuple[int, ...]
    later_changes: tuple[Change, ...] = ()

    @property
    def subtotal(self) -> int:
        return self.total - self.tax

    @property
    def full_digest(self) -> str:
        """The digest with how the file says that the invoice stands: two files of one are the same."""
        how = self.settlement
        if how == Settlement("open"):
            return self.digest
        return f"{self.digest}:{how.status}:{how.paid}:{how.refunded}"


@dataclass(frozen=True, slots=True)
class InvoiceRows:
    """Reads rows of invoices."""

    context: Context

    def read(self, values: Mapping[str, str]) -> Reading:
        reasons: list[str] = []
        person = read_person(values, reasons)
        keys = self._keys(values, person, reasons)
        payload: dict[str, Any] = {name: values[name] for name in (*_ROW_AMOUNTS, *_INVOICE_AMOUNTS) if name in values}
        payload.update(person)
        if "currency" in values:
            payload["currency"] = attempt(reasons, read_currency, "currency", values["currency"])
        if "description" in values:
            payload["description"] = attempt(reasons, read_text, "description", values["description"])
        if "status" in values:
            payload["status"] = attempt(reasons, read_invoice_status, "status", values["status"])
        at = self._dates(values, payload, reasons)
        if not (keys.has_owner and keys.object):
            self._add_faults_of_amounts(values, payload.get("currency"), reasons)
        return Reading(keys, at, payload, reasons, person)

    def looks_like_row(self, values: Mapping[str, str]) -> bool:
        calendar = self.context.calendar
        return "number" in values and _holds(lambda: calendar.day("issued_on", values["issued_on"]))

    def _keys(self, values: Mapping[str, str], person: Mapping[str, str], reasons: list[str]) -> Keys:
        number = attempt(reasons, read_text, "number", values["number"], 100) if "number" in values else None
        reference = attempt(reasons, read_text, "customer", values["customer"], 200) if "customer" in values else None
        if reference is None and "customer" not in values and "customer_email" not in values:
            reasons.append("customer is empty" if "customer_email" not in values else "customer_email is empty")
        if number is None and "number" not in values:
            reasons.append("number is empty")
        if is_total(number) or (number is None and is_total(reference)):
            reasons.append("this looks like the totals of a report, which are no invoice")
            number = None
        elif heading_of(values) in ("number", "customer", "customer_name"):
            reasons.append("nothing else is in this row: a report with headings is no list of invoices")
        who = Person.of(person)
        return Keys(
            object=key_text(number) if number else None,
            reference=key_text(reference) if reference else None,
            email=who.email,
            email_key=who.email_key,
            phone=who.phone if reference else None,
        )

    def _dates(self, values: Mapping[str, str], payload: dict[str, Any], reasons: list[str]) -> datetime | None:
        calendar, now = self.context.calendar, self.context.now
        at = None
        if "issued_on" in values:
            at = attempt(reasons, calendar.instant, "issued_on", values["issued_on"])
        if at is not None:
            payload["issued_on"] = calendar.day("issued_on", values["issued_on"]).isoformat()
            at = min(at, now)
            payload["at"] = at.isoformat()
        if "due_on" in values:
            due_on = attempt(reasons, calendar.day, "due_on", values["due_on"])
            payload["due_on"] = due_on.isoformat() if due_on else None
        if "paid_at" in values:
            paid_at = attempt(reasons, calendar.instant, "paid_at", values["paid_at"])
            if paid_at is not None and paid_at > now:
                reasons.append("paid_at is in the future")
            payload["paid_at"] = paid_at.isoformat() if paid_at else None
        return at

    def _add_faults_of_amounts(self, values: Mapping[str, str], currency: str | None, reasons: list[str]) -> None:
        """A row without its customer or number belongs to no invoice: whatever else is wrong with it is said here."""
        if "issued_on" not in values:
            reasons.append("issued_on is empty")
        row = _read_amounts(values, currency or self.context.merchant.currency, self.context.style, reasons)
        if row is not None:
            reasons += _emptiness(row)


def build_document(context: Context, group: Group) -> Built:
    """Return the invoice or credit note of the rows of one number and customer, and the rows that are refused."""
    if len(group.rows) > MAX_GROUP_ROWS:
        return _all_refused(group, f"more than {MAX_GROUP_ROWS} rows are of one invoice")
    if group.spoilt_by is not None:
        return _all_refused(group, _not_without(group.spoilt_by))
    good = [row for row in group.rows if row.reason is None]
    refused_before = next((row.line for row in group.rows if row.reason is not None), None)
    if refused_before is not None:
        return _all_refused(group, _not_without(refused_before))
    try:
        currency = _one_of("currency", good) or context.merchant.currency
    except ValueRefused as fault:
        return _all_refused(group, str(fault))
    amounts, faults, free = _amounts_of(context, good, currency)
    if faults:
        others = _not_without(min(faults))
        return Built(None, {row.line: faults.get(row.line, others) for row in good})
    kept = [row for row in good if row.line not in free]
    if not kept:
        return Built(None, free)
    try:
        price = price_rows([amounts[row.line] for row in kept], currency, _words_of(context))
        return Built(_document(context, group, kept, price, currency), free)
    except ValueRefused as fault:
        return Built(None, {**free, **{row.line: str(fault) for row in kept}})


def preview(document: Document) -> tuple[str, ...]:
    """Return the invoice in the cells of `PREVIEW_HEAD`."""
    kind = "credit note" if document.total < 0 else document.settlement.status
    left = document.total - document.settlement.paid
    return (
        document.number,
        document.customer.email or document.owner[2:],
        document.issued_on.isoformat(),
        f"{major_units(document.total, document.currency):f} {document.currency}",
        kind if kind != "partially_paid" else f"{kind}, {major_units(left, document.currency):f} left",
    )


PREVIEW_HEAD = ("number", "customer", "issued_on", "total", "status")


def _amounts_of(
    context: Context, rows: Sequence[SpooledRow], currency: str
) -> tuple[dict[int, AmountRow], dict[int, str], dict[int, str]]:
    """Return by line the amounts of the rows, the reasons of those that cannot be read, and of those that are free of charge."""
    amounts: dict[int, AmountRow] = {}
    faults: dict[int, str] = {}
    free: dict[int, str] = {}
    has_total = any("total" in row.payload for row in rows)
    has_price = any("unit_amount" in row.payload for row in rows)
    has_date = any("issued_on" in row.payload for row in rows)
    for row in rows:
        reasons = list(row.payload.get("reasons", ()))
        if not has_date and not any(reason.startswith("issued_on") for reason in reasons):
            reasons.append("issued_on is empty")
        found = _read_amounts(row.payload, currency, context.style, reasons)
        emptiness = _emptiness(found) if found is not None and not has_total else []
        if reasons:
            faults[row.line] = "; ".join(reasons + emptiness)
        elif emptiness and found is not None and found.unit is None:
            faults[row.line] = "; ".join(emptiness)
        elif emptiness:
            free[row.line] = "; ".join(emptiness)
        elif found is not None:
            # A row without any amount beside rows with prices is worth what the total leaves for it: nothing.
            is_bare = has_price and found.unit is None and found.total is None
            amounts[row.line] = replace(found, unit=Decimal(0)) if is_bare else found
    return amounts, faults, free


def _read_amounts(values: Mapping[str, Any], currency: str, style: NumberStyle, reasons: list[str]) -> AmountRow | None:
    """Return the amounts of a row; None, with reasons, when one cannot be read."""
    before = len(reasons)

    def minor(name: str) -> int | None:
        return attempt(reasons, read_amount, name, values[name], currency, style) if name in values else None

    quantity = attempt(reasons, read_number, "quantity", values.get("quantity", "1"), style)
    unit = (
        attempt(reasons, read_price, "unit_amount", values["unit_amount"], currency, style)
        if "unit_amount" in values
        else None
    )
    rate = attempt(reasons, read_percentage, "tax_rate", values["tax_rate"], style) if "tax_rate" in values else None
    row = AmountRow(
        values.get("description") or "",
        quantity if quantity is not None else Decimal(1),
        unit,
        rate,
        minor("total"),
        minor("tax_amount"),
        minor("shipping"),
        minor("discount"),
    )
    return row if len(reasons) == before else None


def _emptiness(row: AmountRow) -> list[str]:
    """Return why a row without a total comes to nothing."""
    if row.total is not None:
        return []
    if row.unit is None:
        return ["unit_amount or total is empty"]
    if row.quantity == 0:
        return ["quantity is zero"]
    return ["unit_amount is zero"] if row.unit == 0 else []


def _document(context: Context, group: Group, rows: Sequence[SpooledRow], price: Price, currency: str) -> Document:
    payloads = [row.payload for row in rows]
    settlement, paid_at = _settlement(context, rows, price, currency)
    person = Person.of(_first_of(payloads, ("name", "email", "phone", "country", "country_name")))
    issued_on = min(row["issued_on"] for row in payloads if "issued_on" in row)
    at = min(datetime.fromisoformat(row["at"]) for row in payloads if "at" in row)
    due_on = _one_of("due_on", rows)
    content: dict[str, Any] = {
        "currency": currency, "issued_on": issued_on, "due_on": due_on, "name": person.name, "country": person.country,
        "lines": [[line.description, line.quantity, line.unit_amount, line.amount] for line in price.lines],
    }  # fmt: skip
    if price.tax:
        content["tax"] = price.tax
    if price.total != sum(line.amount for line in price.lines):
        content["total"] = price.total
    return Document(
        owner=group.owner, number=group.object, person=person, customer=Person.of(group.person), currency=currency,
        owner_at=datetime.fromtimestamp(group.owner_at / 1_000_000, UTC) if group.owner_at is not None else at,
        description=next((row["description"] for row in payloads if row.get("description")), ""),
        issued_on=date.fromisoformat(issued_on), due_on=date.fromisoformat(due_on) if due_on else None, at=at,
        lines=price.lines, tax=price.tax, total=price.total, settlement=settlement, paid_at=paid_at or at,
        digest=hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).hexdigest(),
        file_lines=tuple(row.line for row in rows),
    )  # fmt: skip


def _settlement(
    context: Context, rows: Sequence[SpooledRow], price: Price, currency: str
) -> tuple[Settlement, datetime | None]:
    given = {name: _one_of(name, rows) for name in (*_INVOICE_AMOUNTS, "status", "paid_at")}
    amounts = {
        name: None if given[name] is None else read_amount(name, given[name], currency, context.style)
        for name in _INVOICE_AMOUNTS
    }
    settlement = settle(
        given["status"],
        total=price.total,
        paid=amounts["amount_paid"],
        left=amounts["open_balance"],
        refunded=amounts["amount_refunded"],
        currency=currency,
    )
    if given["paid_at"] and not settlement.paid and settlement.status != "paid":
        raise ValueRefused("paid_at is given, but status is not paid")
    return settlement, datetime.fromisoformat(given["paid_at"]) if given["paid_at"] else None


def _one_of(name: str, rows: Sequence[SpooledRow]) -> Any:
    """Return what the rows of one invoice say of it; those that say nothing do not count."""
    found = list(dict.fromkeys(row.payload[name] for row in rows if row.payload.get(name)))
    if len(found) > 1:
        raise ValueRefused(f"rows of this invoice differ in {name}")
    return found[0] if found else None


def _first_of(payloads: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, str]:
    found = {name: next((row[name] for row in payloads if row.get(name)), None) for name in names}
    return {name: value for name, value in found.items() if value}


def _all_refused(group: Group, reason: str) -> Built:
    return Built(
        None,
        {row.line: "; ".join([*row.payload.get("reasons", ()), reason]) for row in group.rows if row.reason is None},
    )


def _not_without(line: int) -> str:
    return f"line {line} is of the same invoice and cannot be imported"


def _words_of(context: Context) -> Words:
    return _WORDS.get(context.merchant.locale[:2], Words())


def _holds(check: Any) -> bool:
    try:
        check()
    except (ValueRefused, KeyError):
        return False
    return True
