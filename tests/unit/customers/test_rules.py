"""A customer's details: one form for what is stored, and one key by which email addresses are compared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.contacts import ContactRefused, normalise_name, normalise_phone
from portal.customers.errors import InvalidCustomer
from portal.customers.rules.profiles import (
    CustomerDetails,
    email_key,
    is_same_mailbox,
    merged_document,
    normalise_details,
    read_details,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Jane@Example.com", " jane@EXAMPLE.com "), ("jane@Bücher.example", "jane@xn--bcher-kva.example"),
        ("e\u0301@x.example", "é@x.example"), ("STRASSE@x.example", "straße@x.example"), ("\u212aate@x.example", "kate@x.example"),
    ],
)  # fmt: skip
def test_same_address_has_the_same_key(one, other):
    assert email_key(one) == email_key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("a@x.example", "b@x.example"), ("a@x.example", "a@y.example"), ("a+1@x.example", "a@x.example")]
)
def test_other_address_has_another_key(one, other):
    assert email_key(one) != email_key(other)


@given(st.text())
def test_key_never_raises_and_is_its_own_key(text):
    assert email_key(email_key(text)) == email_key(text) or not email_key(text).isascii()


def test_details_are_brought_into_one_form():
    normal = normalise_details(
        CustomerDetails(
            name="  Ame\u0301lie   Ngo ",
            email="Amelie@Shop.Example",
            phone="6 70 00 00 00",
            billing_address={"country": "cm", "city": "Douala"},
        )
    )

    assert normal.columns["name"] == "Amélie Ngo"
    assert normal.columns["email"] == "Amelie@shop.example"
    assert normal.columns["email_key"] == "amelie@shop.example"
    assert normal.columns["phone"] == "+237670000000"
    assert normal.documents["billing_address"] == {"country": "CM", "city": "Douala"}


def test_what_is_not_given_is_not_there_and_what_is_empty_is_taken_out():
    normal = normalise_details(CustomerDetails(phone="", company_name=" "))

    assert normal.columns == {"phone": None, "company_name": None}


@pytest.mark.parametrize(
    ("details", "field"),
    [
        (CustomerDetails(email="a@x,b@y"), "email"),
        (CustomerDetails(email="<a@x.example>"), "email"),
        (CustomerDetails(phone="call me"), "phone"),
        (CustomerDetails(name="x\x00y"), "name"),
        (CustomerDetails(name="=?utf-8?q?x=0D=0ABcc:_evil?="), "name"),
        (CustomerDetails(name="4242 4242 4242 4242"), "name"),
        (CustomerDetails(metadata={"card": "4242424242424242"}), "metadata.card"),
        (CustomerDetails(metadata={"card": "4242\n4242\n4242\n4242"}), "metadata.card"),
        (CustomerDetails(metadata={"4242-4242-4242-4242": "the card"}), "metadata"),
        (CustomerDetails(email="4242424242424242@x.example"), "email"),
        (CustomerDetails(metadata={"a b": "x"}), "metadata"),
        (CustomerDetails(metadata={"a": "x" * 501}), "metadata.a"),
        (CustomerDetails(type="robot"), "type"),
        (CustomerDetails(locale="xx"), "locale"),
        (CustomerDetails(billing_address={"country": "Cameroon"}), "billing_address.country"),
        (CustomerDetails(billing_address={"planet": "Earth"}), "billing_address"),
        (CustomerDetails(fields={"date_of_birth": "31/01/1990"}), "fields.date_of_birth"),
    ],
)
def test_wrong_detail_is_named(details, field):
    with pytest.raises(InvalidCustomer) as fault:
        normalise_details(details)

    assert fault.value.field == field


def test_metadata_keeps_at_most_ten_entries():
    ten = {f"k{number}": "v" for number in range(10)}

    assert merged_document("metadata", ten, {"k0": None, "new": "v"}).keys() == {
        *(f"k{number}" for number in range(1, 10)),
        "new",
    }
    with pytest.raises(InvalidCustomer):
        merged_document("metadata", ten, {"new": "v"})


def test_name_and_phone_that_cannot_be_used_are_refused():
    with pytest.raises(ContactRefused, match="longer than 255"):
        normalise_name("x" * 256)
    with pytest.raises(ContactRefused, match="telephone"):
        normalise_phone("670 00 00 00")


def test_mailboxes_are_equal_but_for_ascii_case():
    assert is_same_mailbox("Maya@Lindqvist.example ", "maya@lindqvist.EXAMPLE")
    assert not is_same_mailbox("\u017fam@x.example", "sam@x.example")
    assert not is_same_mailbox("É@x.example", "é@x.example")


def test_details_of_a_document_have_the_names_of_the_api():
    values = {
        "name": "Maya",
        "email": None,
        "billing_address": {"city": "Lund", "line2": None},
        "metadata": {"plan": "gold"},
    }

    assert read_details(values) == CustomerDetails(
        name="Maya", billing_address={"city": "Lund", "line2": None}, metadata={"plan": "gold"}
    )


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"nmae": "Maya"}, "nmae"), ({"blocked": True}, "blocked"), ({"id": "cus_1"}, "id"), ({"name": 7}, "name"), ({7: "x"}, "7"),
        ({"metadata": "gold"}, "metadata"), ({"metadata": {"plan": 1}}, "metadata"), ({"fields": {1: "x"}}, "fields"),
        ({"billing_address": ["Lund"]}, "billing_address"),
    ],
)  # fmt: skip
def test_details_of_another_kind_name_their_field(values, field):
    with pytest.raises(InvalidCustomer) as raised:
        read_details(values)

    assert raised.value.field == field


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("670 00 00 00", "CM", "+237670000000"), ("237670000000", "CM", "+237670000000"), ("00237 670 00 00 00", "CM", "+237670000000"),
        ("٦٧٠٠٠٠٠٠٠", "CM", "+237670000000"), ("\u202a+237 670\u00a000 00 00\u202c", None, "+237670000000"),
        ("+44 (0)20 7946 0018", None, "+442079460018"), ("(415) 555-2671", "US", "+14155552671"), ("+33 6.12.34.56.78", "CM", "+33612345678"),
    ],
)  # fmt: skip
def test_phone_is_read_as_people_write_it(text, region, number):
    assert normalise_phone(text, region) == number


@pytest.mark.parametrize(
    "text",
    [
        "+2376700000O0", "6700000O0", "67000000", "MTN670000000", "+1 415 555 2671 ext. 89", "+237670000000;ext=5", "1-800-FLOWERS", "tel:+237670000000",
        "2.3767E+11", "++237670000000", "+237 +670000000", "+237 270 00 00 00", "+999 123456", "+", "", "\u3164",
    ],
)  # fmt: skip
def test_phone_with_letters_or_that_its_country_does_not_have_is_refused(text):
    with pytest.raises(ContactRefused, match="telephone"):
        normalise_phone(text, "CM")


def test_phone_of_another_country_is_refused_where_one_is_asked_for():
    assert normalise_phone("6 70 00 00 00", "CM", only_country="CM") == "+237670000000"
    for foreign in ("+33612345678", "+225 07 07 07 07 07"):
        with pytest.raises(ContactRefused, match="of this country"):
            normalise_phone(foreign, "CM", only_country="CM")


@pytest.mark.parametrize(
    "unseen",
    ["", " ", "\u200b", "\u2060\ufeff", "\u3164", "\u2800\u2800", "\u00ad", "\u202e", "\ufe0f", "\u00a0\u3000"],
)
def test_what_nobody_sees_is_empty(unseen):
    details = CustomerDetails(reference=unseen, name=unseen, email=unseen, phone=unseen, metadata={"plan": unseen})

    normal = normalise_details(details)

    assert set(normal.columns.values()) == {None}
    assert normal.documents == {"metadata": {"plan": None}}
