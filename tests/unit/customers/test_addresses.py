"""Postal addresses and tax numbers as their countries write them."""

from __future__ import annotations

import pytest

from portal.countries import is_country
from portal.customers.rules.postal_addresses import address_format, check_address, normalise_parts
from portal.customers.rules.tax_ids import TaxIdRefused, checked_tax_id, normalise_tax_id, tax_id_kind


@pytest.mark.parametrize(
    ("address", "faults"),
    [
        ({}, {}),
        ({"country": "US"}, {}),
        ({"line1": "1 Main St"}, {"country": "missing"}),
        ({"country": "CM", "line1": "Rue Joss", "city": "Douala"}, {}),
        ({"country": "CM", "line1": "Rue Joss"}, {"city": "missing"}),
        ({"country": "DE", "line1": "Torstr. 1", "city": "Berlin", "postal_code": "1011"}, {"postal_code": "not_in_country"}),
        ({"country": "US", "line1": "1", "city": "Seattle", "state": "Bavaria", "postal_code": "98101"}, {"state": "not_in_country"}),
        ({"country": "CA", "line1": "1", "city": "Ottawa", "state": "Ontario", "postal_code": "k1a 0b1"}, {}),
        ({"country": "JP", "line1": "1-1", "state": "Tokyo", "postal_code": "100-0001"}, {}),
    ],
)  # fmt: skip
def test_address_is_checked_as_its_country_writes_it(address, faults):
    assert check_address(address) == faults


def test_state_is_stored_by_its_code_and_the_postal_code_in_capitals():
    typed = {"country": "CA", "line1": "1", "city": "Ottawa", "state": "ontario", "postal_code": "k1a 0b1"}

    assert normalise_parts(typed) == {**typed, "state": "ON", "postal_code": "K1A 0B1"}
    assert normalise_parts({"country": "CA"}) == {}


def test_every_country_has_a_form():
    codes = [first + second for first in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" for second in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    for code in filter(is_country, codes):
        form = address_format(code)
        assert "line1" in form.parts, code
        assert form.required <= {*form.parts}, code


@pytest.mark.parametrize(
    ("country", "typed", "stored"),
    [
        ("DE", "136 695 976", "DE136695976"),
        ("FR", "fr 40 303 265 045", "FR40303265045"),
        ("GR", "EL 094259216", "EL094259216"),
        ("US", "911144442", "91-1144442"),
        ("CH", "CHE-107.787.577 IVA", "CHE-107.787.577 IVA"),
        ("CH", "CHE100155212", "CHE-100.155.212"),
        ("BR", "390.533.447-05", "390.533.447-05"),
        ("CM", "m0412 0001 2345 n", "M0412 0001 2345 N"),
        (None, "12345", "12345"),
    ],
)
def test_tax_number_is_stored_as_its_country_writes_it(country, typed, stored):
    assert normalise_tax_id(tax_id_kind(country), country, typed) == stored


@pytest.mark.parametrize(
    ("country", "typed"), [("DE", "136695978"), ("US", "12"), ("CM", "<b>"), ("FR", "DE136695978")]
)
def test_tax_number_that_cannot_be_is_refused(country, typed):
    with pytest.raises(TaxIdRefused):
        normalise_tax_id(tax_id_kind(country), country, typed)


def test_type_of_a_file_or_an_api_says_the_country():
    assert checked_tax_id("eu_vat", "DE136695976") == ("eu_vat", "DE136695976")
    assert checked_tax_id("us_ein", "911144442") == ("us_ein", "91-1144442")
    assert checked_tax_id("cd_tin", "A-77") == ("cd_tin", "A-77")
    for wrong in ("EU VAT", "vat", "../x"):
        with pytest.raises(TaxIdRefused):
            checked_tax_id(wrong, "1")
