"""Makes the page of a customer's details: which fields there are, what stands in them, what each offers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from portal.contacts import example_phone, shown_phone
from portal.customers.pages import DetailField, DetailSection, DetailsPage, InputKind, Option
from portal.customers.queries.customers import StoredCustomer
from portal.customers.rules.postal_addresses import AddressFormat, address_format
from portal.customers.rules.tax_ids import tax_id_kind
from portal.customers.rules.typed_details import details_digest, form_name, list_missing
from portal.merchants.rules.context_fields import ContextField

_AUTOCOMPLETE = {
    "name": "name", "company_name": "organization", "phone": "tel", "first_name": "given-name", "last_name": "family-name",
    "date_of_birth": "bday", "mobile_phone": "tel", "line1": "address-line1", "line2": "address-line2", "line3": "address-line3",
    "city": "address-level2", "state": "address-level1", "postal_code": "postal-code", "country": "country",
}  # fmt: skip
_KINDS: Mapping[str, InputKind] = {
    "phone": "tel",
    "email": "email",
    "date": "date",
    "number": "text",
    "choice": "select",
    "yes_no": "select",
}
_SECTION = {"tax_id": "tax", "purchase_order": "tax", "locale": "language", "timezone": "language"}
_ADDRESSES = ("billing_address", "shipping_address")


@dataclass(frozen=True, slots=True)
class Offered:
    """What the fields of choice offer, by name in the page's language. `country_name` names a country by its code."""

    countries: Sequence[Option]
    locales: Sequence[Option]
    timezones: Sequence[Option]
    country_name: Callable[[str], str]
    yes_no: Sequence[Option]


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was sent and not stored: the texts and the faults by field. In the state "changed" somebody else changed something meanwhile."""

    state: str
    typed: Mapping[str, str]
    faults: Mapping[str, str] = field(default_factory=dict)


def build_details_page(
    customer: StoredCustomer,
    fields: Sequence[ContextField],
    offered: Offered,
    *,
    locale: str,
    attempt: Attempt | None = None,
    state: str = "",
    frozen_count: int = 0,
) -> DetailsPage:
    """Return the page with what is stored, or with what was typed in an attempt."""
    shown = [each for each in fields if each.show != "hidden"]
    builder = _Builder(customer, offered, locale, attempt)
    sections = [section for kind in _ORDER if (section := builder.section(kind, shown)) is not None]
    missing = list_missing(customer._asdict(), shown)
    return DetailsPage(
        email=customer.email,
        sections=tuple(sections),
        seen=details_digest(customer._asdict())
        if attempt is None or attempt.state == "changed"
        else attempt.typed.get("seen", ""),
        state=attempt.state if attempt is not None else state,
        frozen_count=frozen_count,
        email_pending=customer.email_pending,
        missing=tuple(builder.field(each) for each in shown if each.name in missing and each.name not in _ADDRESSES)
        + tuple(
            DetailField(each.name, each.name, "", "fact")
            for each in shown
            if each.name in missing and each.name in _ADDRESSES
        ),
    )


_ORDER = ("contact", "billing", "shipping", "tax", "asked", "language")


@dataclass(frozen=True, slots=True)
class _Builder:
    customer: StoredCustomer
    offered: Offered
    locale: str
    attempt: Attempt | None

    def section(self, kind: str, fields: Sequence[ContextField]) -> DetailSection | None:
        """Return a section, None where the merchant shows nothing of it."""
        own = [each for each in fields if _section_of(each) == kind]
        if not own:
            return None
        made: list[DetailField] = []
        country, is_same = "", None
        for each in own:
            if each.name in _ADDRESSES:
                code = self._country(each.name)
                country = self.offered.country_name(code) if code else ""
                made += self._address(each, code)
                if each.name == "shipping_address" and each.is_editable:
                    is_same = self._is_same()
            else:
                made.append(self.field(each))
        return DetailSection(kind, tuple(made), country, is_same)

    def field(self, field: ContextField) -> DetailField:
        """Return one field that is no address."""
        stored = self._stored(field)
        label, note = field.name, ""
        if field.name == "tax_id":
            note = tax_id_kind(self._country("billing_address") or None).name
        elif field.type == "phone":
            stored, note = shown_phone(stored), example_phone(self._country("billing_address"))
        options = self._options(field, stored)
        return self._field(
            form_name(field),
            label,
            stored,
            kind="select" if options else _KINDS.get(field.type, "text"),
            own_label=field.label_in(self.locale) or (field.name if field.is_own else ""),
            note=note,
            is_required=field.show == "required",
            is_optional=field.show == "edit" and field.name not in ("name", "locale", "timezone"),
            is_editable=field.is_editable,
            options=options,
        )

    def _address(self, field: ContextField, country: str) -> list[DetailField]:
        form = address_format(country)
        stored: Mapping[str, Any] = getattr(self.customer, field.name)
        # What is stored and has no place in the country's form is still shown, so that saving does not lose it unseen.
        parts = [
            *form.parts,
            *(
                part
                for part in ("line2", "line3", "state", "city", "postal_code")
                if stored.get(part) and part not in form.parts
            ),
        ]
        used = [part for part in parts if part not in ("line2", "line3") or part == "line2" or stored.get(part)]
        is_needed = field.show == "required"
        fields = [
            self._field(
                f"{field.name}.country", "country", country, kind="select", is_editable=field.is_editable, is_required=is_needed,
                options=(Option("", ""), *self.offered.countries),
            )
        ]  # fmt: skip
        for part in used:
            name = f"{field.name}.{part}"
            states = tuple(Option(code, title) for code, title in form.states) if part == "state" else ()
            text = str(stored.get(part) or "")
            fields.append(
                self._field(
                    name,
                    _part_label(part, form),
                    text,
                    kind="select" if states else "text",
                    note=form.postal_code_example if part == "postal_code" else "",
                    is_required=is_needed and part in form.required,
                    is_optional=part not in form.required,
                    is_editable=field.is_editable,
                    options=_with_value((Option("", ""), *states), text) if states else (),
                )
            )
        return fields

    def _field(
        self,
        name: str,
        label: str,
        stored: str,
        *,
        kind: InputKind,
        is_editable: bool,
        options: tuple[Option, ...] = (),
        own_label: str = "",
        note: str = "",
        is_required: bool = False,
        is_optional: bool = False,
    ) -> DetailField:
        value = self._value(name, stored) if is_editable else stored
        if not is_editable:
            named = next((option.name for option in options if option.value == value), value)
            return DetailField(name, label, named, "fact", own_label=own_label, note=note)
        attempt = self.attempt
        is_changed = attempt is not None and attempt.state == "changed" and value != stored
        return DetailField(
            name, label, value, kind, own_label=own_label, note=note, is_required=is_required,
            is_optional=is_optional, fault=attempt.faults.get(name, "") if attempt else "", changed_to=stored if is_changed else None,
            autocomplete=_autocomplete(name), options=options,
        )  # fmt: skip

    def _options(self, field: ContextField, value: str) -> tuple[Option, ...]:
        if field.name == "locale":
            return _with_value((Option("", ""), *self.offered.locales), value)
        if field.name == "timezone":
            return _with_value((Option("", ""), *self.offered.timezones), value)
        if field.type == "yes_no":
            return (Option("", ""), *self.offered.yes_no)
        if field.type == "choice":
            return _with_value((Option("", ""), *(Option(each, each) for each in field.choices)), value)
        return ()

    def _stored(self, field: ContextField) -> str:
        if field.is_context:
            return str(self.customer.fields.get(field.name) or "")
        if field.name == "tax_id":
            return self.customer.tax_ids[0]["value"] if self.customer.tax_ids else ""
        return str(getattr(self.customer, field.name) or "")

    def _value(self, name: str, stored: str) -> str:
        """Return what was typed into a field, or else what is stored."""
        return self.attempt.typed.get(name, stored) if self.attempt is not None else stored

    def _country(self, address: str) -> str:
        stored = getattr(self.customer, address)
        other = self.customer.billing_address.get("country") if address == "shipping_address" else None
        code = self._value(f"{address}.country", str(stored.get("country") or other or ""))
        return code.upper() if any(option.value == code.upper() for option in self.offered.countries) else ""

    def _is_same(self) -> bool:
        if self.attempt is not None and self.attempt.typed:
            return bool(self.attempt.typed.get("shipping_same"))
        return not any(self.customer.shipping_address.values())


def _section_of(field: ContextField) -> str:
    if field.name in _SECTION:
        return _SECTION[field.name]
    if field.section != "customer":
        return field.section
    return "asked" if field.is_context else "contact"


def _part_label(part: str, form: AddressFormat) -> str:
    kinds = {"state": form.state_type, "city": form.city_type, "postal_code": form.postal_code_type}
    return f"{part}:{kinds[part]}" if part in kinds else part


def _autocomplete(name: str) -> str:
    section, _, part = name.rpartition(".")
    known = _AUTOCOMPLETE.get(part, "off")
    prefix = {"billing_address": "billing ", "shipping_address": "shipping "}.get(section, "")
    return f"{prefix}{known}" if known != "off" else "off"


def _with_value(options: tuple[Option, ...], stored: str) -> tuple[Option, ...]:
    """Return the options with what is stored among them, although it is offered no more."""
    return (
        options
        if not stored or any(option.value == stored for option in options)
        else (*options, Option(stored, stored))
    )
