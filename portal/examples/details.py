"""Examples of the customer's details: as stored, with faults, changed meanwhile, of another country, only to look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from portal.customers.page_builders import Attempt, Offered, build_details_page
from portal.customers.pages import Option
from portal.customers.queries.customers import StoredCustomer
from portal.examples.parts import NOW, Example, example_id
from portal.merchants.rules.field_settings import FieldChoice
from portal.merchants.rules.merchant_settings import MerchantSettings

_COUNTRIES = {"US": "United States", "CM": "Cameroon", "JP": "Japan"}
_OFFERED = Offered(
    countries=tuple(Option(code, name) for code, name in _COUNTRIES.items()),
    locales=(Option("en", "English"), Option("fr", "Français")),
    timezones=(Option("America/Los_Angeles", "United States, Los Angeles"),),
    country_name=lambda code: _COUNTRIES.get(code, code),
    yes_no=(Option("yes", "Yes"), Option("no", "No")),
)
_MAYA = StoredCustomer(
    id=example_id("cus", 1), reference="C-1", type="business", name="Maya Lindqvist", company_name="Lindqvist Studio",
    email="maya@lindqvist.example", email_pending=None, phone="+12065550148", locale="en",
    billing_address={"line1": "1220 Pine Street, Suite 4", "city": "Seattle", "state": "WA", "postal_code": "98101", "country": "US"},
    shipping_address={}, tax_ids=[{"type": "us_ein", "value": "91-2043318"}], purchase_order="PO-2026-118", timezone=None,
    fields={"team": "11 to 50"}, metadata={}, blocked=False, created_at=NOW, updated_at=NOW, deleted_at=None,
)  # fmt: skip
_SETTINGS = MerchantSettings(
    fields={
        "phone": FieldChoice(show="required"),
        "team": FieldChoice(type="choice", choices=("1 to 10", "11 to 50"), label={"en": "Size of your team"}),
        "newsletter": FieldChoice(type="yes_no", label={"en": "Newsletter"}),
        "badge": FieldChoice(type="text", show="view", label={"en": "Badge"}),
        "date_of_birth": FieldChoice(show="edit"),
    }
)
_TYPED = {
    "seen": "0", "name": "Maya " + "M" * 60, "phone": "+1 206 555", "billing_address.country": "US", "billing_address.city": "",
    "billing_address.postal_code": "9810", "tax_id": "12", "fields.date_of_birth": "soon", "shipping_address.country": "CM",
}  # fmt: skip
_FAULTS = {
    "phone": "not_a_phone", "billing_address.city": "missing", "billing_address.postal_code": "not_in_country",
    "tax_id": "not_a_tax_id", "fields.date_of_birth": "not_a_date", "name": "too_long", "purchase_order": "card_number",
    "fields.team": "not_offered", "company_name": "unusable",
}  # fmt: skip


def details_examples() -> Iterator[Example]:
    """The page of the details, each state of it once."""
    template = "customers/details.html"

    def example(
        name: str, customer: StoredCustomer = _MAYA, settings: MerchantSettings = _SETTINGS, **options: Any
    ) -> Example:
        page = build_details_page(customer, settings.context_fields, _OFFERED, locale="en", **options)
        return Example(f"details-{name}", template, page, "details")

    without_phone = _MAYA._replace(phone=None, billing_address={}, email=None)
    facts = MerchantSettings(
        fields={
            field.name: FieldChoice(show="view")
            for field in MerchantSettings().context_fields
            if field.show != "hidden"
        }
    )
    yield example("stored", frozen_count=2)
    yield example("pending", _MAYA._replace(email_pending="maya@studio.example"))
    yield example("email", state="email")
    yield example("saved", state="saved", frozen_count=1)
    yield example("missing", without_phone)
    yield example("faulty", attempt=Attempt("faulty", _TYPED, _FAULTS))
    yield example(
        "changed", attempt=Attempt("changed", {"name": "Maya L.", "company_name": "", "shipping_same": "yes"})
    )
    yield example(
        "country", attempt=Attempt("country", {"billing_address.country": "JP", "name": "Maya", "shipping_same": "yes"})
    )
    yield example("facts", _MAYA._replace(shipping_address=_MAYA.billing_address), facts)
