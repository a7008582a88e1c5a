"""The details of a customer that a merchant may show, have filled in and require: the catalogue, and the merchant's own; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Show = Literal["hidden", "view", "edit", "required"]
FieldSection = Literal["customer", "billing", "shipping"]
FieldType = Literal["text", "date", "phone", "email", "number", "yes_no", "choice"]

SECTIONS: tuple[FieldSection, ...] = ("customer", "billing", "shipping")
OWN_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
MAX_OWN_FIELDS = 10
"""Fields of the merchant's own (requirements, decision 4)."""
MAX_VALUE_LENGTH = 255
"""Characters of a value: one line, as names and addresses have (`contacts.MAXIMUM_TEXT`)."""
MAX_LABEL = 80
MAX_CHOICES = 50


@dataclass(frozen=True, slots=True)
class CatalogueField:
    """A detail that the portal knows. `is_context` are those kept in the customer's `fields`, the others are columns of their own."""

    section: FieldSection
    position: int
    show: Show = "edit"
    type: FieldType = "text"
    is_context: bool = False
    can_be_required: bool = True


def _hidden(section: FieldSection, position: int, type: FieldType = "text") -> CatalogueField:
    return CatalogueField(section, position, "hidden", type, is_context=True)


CATALOGUE: Mapping[str, CatalogueField] = {
    "name": CatalogueField("customer", 10),
    "first_name": _hidden("customer", 12),
    "last_name": _hidden("customer", 14),
    "company_name": CatalogueField("customer", 20),
    "phone": CatalogueField("customer", 30, type="phone"),
    "mobile_phone": _hidden("customer", 32, "phone"),
    "home_phone": _hidden("customer", 34, "phone"),
    "work_phone": _hidden("customer", 36, "phone"),
    "email": _hidden("customer", 38, "email"),
    "date_of_birth": _hidden("customer", 40, "date"),
    "locale": CatalogueField("customer", 80, can_be_required=False),
    "timezone": CatalogueField("customer", 90, can_be_required=False),
    "billing_address": CatalogueField("billing", 10),
    "tax_id": CatalogueField("billing", 20),
    "purchase_order": CatalogueField("billing", 30),
    "shipping_address": CatalogueField("shipping", 10),
}
"""By name (requirements, decision 5). `email` is a second address, beside the one that signs in."""

OWN = CatalogueField("customer", 500, is_context=True)
"""What a field of the merchant's own is, where the merchant does not say: it comes last."""


@dataclass(frozen=True, slots=True)
class ContextField:
    """One detail as a merchant wants it: what `show` says, where it stands, what it is called and which values it takes."""

    name: str
    section: FieldSection
    position: int
    show: Show
    type: FieldType = "text"
    is_context: bool = True
    label: Mapping[str, str] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    max_length: int = MAX_VALUE_LENGTH

    @property
    def is_own(self) -> bool:
        """Whether the merchant added it, so that its name is the merchant's label."""
        return self.name not in CATALOGUE

    @property
    def is_editable(self) -> bool:
        return self.show in ("edit", "required")

    def label_in(self, locale: str) -> str | None:
        """Return the merchant's name of the field in a language, or in the next best one; None where the portal's own serves."""
        language = locale.partition("-")[0]
        for name in (locale, language):
            if name in self.label:
                return self.label[name]
        # The portal's own name in the reader's language is better than the merchant's in another.
        return next(iter(self.label.values()), None) if self.is_own else None
