"""The customer's own details: what is shown, what is stored, what each fault says, what two people change at once."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from portal.customers.models import Customer
from portal.customers.operations import update_customer
from portal.customers.rules.profiles import CustomerDetails
from portal.events.models import EventRecord
from portal.services import Services
from tests.support.accounts import Account, make_account
from tests.support.actors import OPERATOR
from tests.support.merchant_settings import change_settings
from tests.support.page_client import Page, PageClient

CARD = "4242 4242 4242 4242"
SEATTLE = {
    "billing_address.country": "US", "billing_address.line1": "1220 Pine Street", "billing_address.city": "Seattle",
    "billing_address.state": "WA", "billing_address.postal_code": "98101",
}  # fmt: skip


@pytest.fixture
def account(services: Services) -> Account:
    return make_account(services)


@pytest.fixture
def pages(app: Flask, account: Account) -> PageClient:
    return account.sign_in(app)


def decide(account: Account, **sections: Any) -> None:
    """The merchant's settings have these sections from now on."""
    with account.database.unit_of_work() as session:
        change_settings(session, account.scope.merchant_id, sections, actor=OPERATOR, at=account.now)


def save(pages: PageClient, fields: dict[str, str], *, status: int = 303) -> Page:
    return pages.submit(pages.get("/acme/details"), "Save details", status=status, **fields)


def stored(account: Account) -> Customer:
    with account.database.unit_of_work() as session:
        customer = session.get_one(Customer, (account.scope.merchant_id, account.scope.customer_id))
        session.expunge(customer)
        return customer


def errors(page: Page) -> dict[str, str]:
    """The fault of each field, by its name."""
    by_id = {each.get("id"): each for each in page.all("p")}
    fields = [each for tag in ("input", "select") for each in page.all(tag) if each.get("aria-invalid")]
    return {field.get("name", ""): "".join(by_id[f"{field.get('id')}-fault"].itertext()).strip() for field in fields}


def test_details_are_stored_in_the_form_of_their_country_and_tell_who_changed_them(account, pages):
    page = save(
        pages,
        {
            "name": " Maya  Lindqvist ", "company_name": "Lindqvist Studio", "phone": "206 555 0148", **SEATTLE,
            "billing_address.state": "WA", "tax_id": "911144442", "purchase_order": "PO-7", "locale": "fr",
            "timezone": "America/Los_Angeles",
        },
    )  # fmt: skip

    assert page.status == 200
    maya = stored(account)
    assert (maya.name, maya.company_name, maya.phone) == ("Maya Lindqvist", "Lindqvist Studio", "+12065550148")
    assert {part: value for part, value in maya.billing_address.items() if value} == {
        "line1": "1220 Pine Street", "city": "Seattle", "state": "WA", "postal_code": "98101", "country": "US",
    }  # fmt: skip
    assert maya.tax_ids == [{"type": "us_ein", "value": "91-1144442"}]
    assert (maya.purchase_order, maya.locale, maya.timezone) == ("PO-7", "fr", "America/Los_Angeles")
    assert maya.details_confirmed_at == account.now
    with account.database.read() as reader:
        event = reader.execute(
            sa.select(EventRecord.actor_type, EventRecord.actor_id, EventRecord.data).where(
                EventRecord.merchant_id == account.scope.merchant_id, EventRecord.type == "customer.updated"
            )
        ).one()
    assert (event.actor_type, event.actor_id) == ("customer", account.scope.customer_id)
    assert event.data["object"]["tax_ids"] == maya.tax_ids
    assert event.data["previous"]["purchase_order"] is None


def test_page_speaks_the_language_that_was_saved(pages):
    page = save(pages, {"locale": "fr"})

    assert page.headline == "Coordonnées"


def test_every_fault_stands_at_its_field_and_keeps_what_was_typed_and_changes_nothing(account, pages):
    before = stored(account)

    page = save(
        pages,
        {
            **SEATTLE, "name": "x" * 256, "phone": "+1 206 555", "billing_address.city": "", "billing_address.postal_code": "9810",
            "tax_id": "12", "purchase_order": CARD,
        },
        status=422,
    )  # fmt: skip

    # A card number is refused before the rest is looked at; the rest is looked at once it is gone.
    assert list(errors(page)) == ["purchase_order"]
    assert CARD not in page.html
    page = pages.submit(page, "Save details", status=422, purchase_order="")
    assert errors(page) == {
        "name": "This is too long.",
        "phone": "This is not a phone number. Write it with the country code, such as +1 201-555-0123.",
        "billing_address.city": "Fill this in.",
        "billing_address.postal_code": "Addresses in this country have another form, such as 95014.",
        "tax_id": "This is not a number of the kind EIN. Compare it with your tax papers.",
    }
    assert page.form("Save details").fields["phone"] == ["+1 206 555"]
    assert stored(account).__dict__ | {"_sa_instance_state": 0} == before.__dict__ | {"_sa_instance_state": 0}


def test_another_country_shows_its_own_fields_and_keeps_what_was_typed(account, pages):
    form = pages.submit(pages.get("/acme/details"), "Save details", **SEATTLE)

    page = pages.submit(
        form, "Show the fields of this country", status=200, **{"billing_address.country": "JP", "name": "Maya"}
    )

    fields = page.form("Save details").fields
    assert "billing_address.state" in fields
    assert fields["name"] == ["Maya"]
    assert stored(account).billing_address["country"] == "US"
    assert "Prefecture" in page.text


def test_change_by_somebody_else_meanwhile_is_reported_and_not_overwritten(account, pages):
    page = pages.get("/acme/details")
    with account.database.unit_of_work() as session:
        details = CustomerDetails(company_name="Written by staff")
        update_customer(
            session, account.scope.merchant_id, account.scope.customer_id, details, actor=OPERATOR, at=account.now
        )

    refused = pages.submit(page, "Save details", status=422, company_name="Mine", purchase_order="PO-1")

    assert "Changed meanwhile to: Written by staff" in refused.text
    assert (stored(account).company_name, stored(account).purchase_order) == ("Written by staff", None)
    pages.submit(refused, "Save details")
    assert (stored(account).company_name, stored(account).purchase_order) == ("Mine", "PO-1")


def test_telephone_of_somebody_else_is_taken_without_a_word(account, pages, services):
    make_account(services, "acme", merchant_id=account.scope.merchant_id, phone="+12065550148", email="x@other.example")

    page = save(pages, {"phone": "+1 206 555 0148"})

    assert "Your details were saved." in page.text


def test_only_what_the_merchant_lets_customers_edit_is_changed(account, pages):
    decide(account, fields={"name": {"show": "view"}, "phone": {"show": "hidden"}})
    page = pages.get("/acme/details")
    token = page.form("Save details").fields

    pages.post(
        "/acme/details", {**token, "name": "Mallory", "phone": "+12065550148", "reference": "X", "fields.vip": "yes"}
    )

    maya = stored(account)
    assert (maya.name, maya.phone, maya.fields) != ("Mallory", "+12065550148", {"vip": "yes"})
    assert (maya.phone, maya.fields) == (None, {})
    assert "Mallory" not in pages.get("/acme/details").text


def test_fields_of_the_merchants_own_have_their_types_and_labels(account, pages):
    decide(
        account,
        fields={
            "date_of_birth": {"show": "required"},
            "team": {"type": "choice", "choices": ["small", "large"], "label": {"en": "Size of your team"}},
            "meter": {"type": "text", "max_length": 5, "label": {"en": "Meter", "fr": "Compteur"}},
        },
    )
    wrong = {"fields.date_of_birth": "31.01.1990", "fields.team": "huge", "fields.meter": "123456"}

    page = save(pages, wrong, status=422)

    assert errors(page) == {
        "fields.date_of_birth": "This is not a date.",
        "fields.team": "Choose one of those offered.",
        "fields.meter": "This is too long.",
    }
    pages.submit(
        page, "Save details", **{"fields.date_of_birth": "1990-01-31", "fields.team": "large", "fields.meter": "12"}
    )
    assert stored(account).fields == {"date_of_birth": "1990-01-31", "team": "large", "meter": "12"}


def test_language_that_the_merchant_does_not_offer_is_not_spoken(account, pages, clock):
    assert "Français" in pages.get("/acme/").text
    decide(account, languages={"offered": ["en"]})
    clock.advance(seconds=10)

    page = pages.get("/acme/details?locale=fr")

    assert page.headline == "Details"
    assert "Français" not in page.text
    assert "fr" not in page.form("Save details").element.itertext()


@pytest.mark.parametrize(("access", "seen", "saved"), [("hidden", 404, 404), ("view", 200, 404), ("edit", 200, 303)])
def test_merchant_decides_whether_customers_have_the_page(account, pages, clock, access, seen, saved):
    fields = pages.get("/acme/details").form("Save details").fields
    decide(account, pages={"details": access})
    clock.advance(seconds=10)

    assert pages.get("/acme/details", status=seen).status == seen
    assert pages.post("/acme/details", fields, status=saved).status_code == saved
    assert ("Details" in pages.get("/acme/").texts("nav")[0]) == (access != "hidden")


def test_details_that_the_merchant_needs_are_asked_for_once_a_month(account, pages, clock):
    decide(account, fields={"phone": {"show": "required"}})
    clock.advance(seconds=10)

    asked = pages.get("/acme/")
    later = pages.submit(asked, "Not now")

    assert "needs one more detail from you" in asked.text
    assert "needs one more detail" not in later.text
    clock.advance(days=31)
    assert "needs one more detail" not in pages.get("/acme/sign-in").text
    pages = account.sign_in(pages.client.application)
    assert "needs one more detail" in pages.get("/acme/").text
    save(pages, {"phone": "+1 206 555 0148"})
    assert "detail" not in pages.get("/acme/").texts("main")[0]
    clock.advance(days=366)
    pages = account.sign_in(pages.client.application)
    assert "Are your details still right?" in pages.get("/acme/").text


def set_details(account: Account, **details: Any) -> None:
    """What a file or the API brought."""
    with account.database.unit_of_work() as session:
        update_customer(
            session, account.scope.merchant_id, account.scope.customer_id, CustomerDetails(**details), actor=OPERATOR, at=account.now
        )  # fmt: skip


def test_what_is_offered_no_more_stays_and_keeps_nobody_from_saving_the_rest(account, pages):
    decide(account, fields={"team": {"type": "choice", "choices": ["small", "large"], "label": {"en": "Team"}}})
    set_details(account, locale="en-GB", timezone="US/Eastern", fields={"team": "huge"})

    save(pages, {"purchase_order": "PO-7"})

    maya = stored(account)
    assert (maya.purchase_order, maya.locale, maya.timezone) == ("PO-7", "en-GB", "US/Eastern")
    assert maya.fields == {"team": "huge"}


def test_tax_numbers_that_the_form_does_not_show_are_kept(account, pages):
    swiss, german = {"type": "ch_vat", "value": "CHE-107.787.577 IVA"}, {"type": "eu_vat", "value": "DE136695976"}
    set_details(account, tax_ids=[swiss, german])

    save(pages, {**SEATTLE, "name": "Maya"})
    assert stored(account).tax_ids == [swiss, german]
    save(pages, {"tax_id": "911144442"})
    assert stored(account).tax_ids == [{"type": "us_ein", "value": "91-1144442"}, german]
    save(pages, {"tax_id": ""})
    assert stored(account).tax_ids == [german]


def test_tax_number_is_that_of_the_country_which_only_the_merchant_changes(account, pages):
    decide(account, fields={"billing_address": {"show": "view"}})
    set_details(account, billing_address={"country": "US", "line1": "1220 Pine Street"})

    save(pages, {"tax_id": "911144442"})

    assert stored(account).tax_ids == [{"type": "us_ein", "value": "91-1144442"}]


def test_shipping_to_the_billing_address_is_a_shipping_address(account, pages):
    decide(account, fields={"shipping_address": {"show": "required"}})

    page = save(pages, {**SEATTLE, "shipping_same": "yes"})

    assert stored(account).shipping_address == {}
    assert "needs something more" not in page.text
    assert "detail" not in pages.get("/acme/").texts("main")[0]


@pytest.mark.parametrize(
    ("type_", "typed", "says"),
    [
        ("number", "--5", "This is not a number"), ("number", "٥", "This is not a number"), ("number", ".", "This is not a number"),
        ("date", "2026-W05-6", "This is not a date."), ("date", "20260131", "This is not a date."),
    ],
)  # fmt: skip
def test_number_and_date_are_written_in_one_way(account, pages, type_, typed, says):
    decide(account, fields={"mine": {"type": type_, "label": {"en": "Mine"}}})

    page = save(pages, {"fields.mine": typed}, status=422)

    assert errors(page)["fields.mine"].startswith(says)
