"""What the page of a customer's details gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

InputKind = Literal["text", "tel", "email", "date", "number", "select", "fact"]


@dataclass(frozen=True, slots=True)
class Option:
    """A value that a field offers, and its name in the page's language."""

    value: str
    name: str


@dataclass(frozen=True, slots=True)
class DetailField:
    """One detail: a field of the form, or a `fact` that the customer sees and the merchant keeps.

    `name` is the field's name in the form (the API's); `label` says what it is: a key of the words of the template ("name",
    "postal_code:zip"), or of a merchant's own the merchant's words in `own_label`. `note` is what belongs into the label or the hint: the
    name of a tax number, an example of a postal code. `is_optional` fields may stay empty whatever else is filled in.
    `fault` is a code of `portal/customers/rules/typed_details.py`;
    `changed_to` is what somebody else wrote meanwhile, where it is not what was typed.
    """

    name: str
    label: str
    value: str
    kind: InputKind
    own_label: str = ""
    note: str = ""
    is_required: bool = False
    is_optional: bool = False
    fault: str = ""
    changed_to: str | None = None
    autocomplete: str = "off"
    options: tuple[Option, ...] = ()

    @property
    def id(self) -> str:
        """Return the id of the field on the page."""
        return self.name.replace(".", "-")


@dataclass(frozen=True, slots=True)
class DetailSection:
    """A part of the page: "contact", "billing", "shipping", "tax", "asked", "language". `country` is that of an address, by name."""

    kind: str
    fields: tuple[DetailField, ...]
    country: str = ""
    is_same_as_billing: bool | None = None


@dataclass(frozen=True, slots=True)
class DetailsPage:
    """`email` is the address that signs in, `email_pending` one that is not proved yet. `state`: "" as stored, "saved", "email" after the address was changed, "faulty" with faults at fields, "changed" where somebody else
    changed something meanwhile, "country" after another country was chosen. `seen` is sent back with the form: the details as they were
    shown. `frozen_count` invoices keep the name and address they were issued with; `missing` are the labels of what the merchant needs."""

    email: str | None
    sections: tuple[DetailSection, ...]
    seen: str
    state: str = ""
    frozen_count: int = 0
    missing: tuple[DetailField, ...] = ()
    email_pending: str | None = None

    @property
    def faults(self) -> tuple[DetailField, ...]:
        """Return the fields with a fault, in the order of the page."""
        return tuple(each for section in self.sections for each in section.fields if each.fault)

    @property
    def is_unsaved(self) -> bool:
        """Return whether the page has something that was typed and is not stored."""
        return self.state in ("faulty", "changed", "country")

    @property
    def is_editable(self) -> bool:
        """Return whether there is anything that the customer may change."""
        return any(each.kind != "fact" for section in self.sections for each in section.fields)
