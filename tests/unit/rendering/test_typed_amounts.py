"""Amounts as customers write them, read and written."""

from __future__ import annotations

import pytest

from portal.rendering.typed_amounts import format_amount, parse_amount


@pytest.mark.parametrize("locale", ["en", "fr", "de", "pt_BR"])
@pytest.mark.parametrize(("amount", "currency"), [(5, "USD"), (124050, "EUR"), (1234567, "XAF"), (1500, "KWD")])
def test_written_amount_is_read_back_unchanged(amount: int, currency: str, locale: str) -> None:
    assert (
        parse_amount(format_amount(amount, currency=currency, locale=locale), currency=currency, locale=locale)
        == amount
    )


@pytest.mark.parametrize(("locale", "written"), [("en", "1,240.50"), ("fr", "1\u202f240,50")])
def test_amount_for_a_field_is_written_without_its_currency(locale: str, written: str) -> None:
    assert format_amount(124050, currency="USD", locale=locale) == written
