"""Addresses as their countries write them."""

from __future__ import annotations

import pytest

from portal.addresses import address_lines


@pytest.mark.parametrize(
    ("address", "lines"),
    [
        (
            {
                "line1": "1220 Pine Street, Suite 4",
                "city": "Seattle",
                "state": "WA",
                "postal_code": "98101",
                "country": "US",
            },
            ["1220 Pine Street, Suite 4", "Seattle, WA 98101"],
        ),
        (
            {"line1": "Torstraße 12", "city": "Berlin", "postal_code": "10119", "country": "DE"},
            ["Torstraße 12", "10119 Berlin"],
        ),
        ({"line1": "Rue Joss", "city": "Douala", "country": "CM"}, ["Rue Joss", "Douala"]),
        (
            {"line1": "1 High Street", "city": "York", "postal_code": "YO1 8AS", "country": "GB"},
            ["1 High Street", "York", "YO1 8AS"],
        ),
        (
            {"line1": "Torstraße 12", "city": "Berlin", "state": "Berlin", "country": "DE"},
            ["Torstraße 12", "Berlin", "Berlin"],
        ),
        ({"city": "Nowhere", "country": "??"}, ["Nowhere"]),
        ({"country": "GB"}, []),
        ({}, []),
    ],
)
def test_address_is_written_as_its_country_writes_it(address: dict[str, str], lines: list[str]) -> None:
    assert address_lines(address) == lines
