"""What a merchant's slug, currency, language and timezone must be."""

from __future__ import annotations

import pytest

from portal.merchants.errors import InvalidMerchant, SlugReserved
from portal.merchants.rules.merchants import checked_currency, checked_locale, checked_slug, checked_timezone


@pytest.mark.parametrize("slug", ["acme", "acme-test", "a1", "4u"])
def test_slug(slug):
    assert checked_slug(slug) == slug


@pytest.mark.parametrize(
    "slug", ["", "a", "Acme", "acme_test", "-acme", "acme-", "ac--me", "acme.", "a/b", "é", "acme\n", "x" * 41]
)
def test_slug_of_another_form_is_refused(slug):
    with pytest.raises(InvalidMerchant):
        checked_slug(slug)


@pytest.mark.parametrize(
    "slug", ["v1", "dashboard", "static", "hooks", "embed", "healthz", "readyz", "metrics", "demo"]
)
def test_slug_that_is_an_address_of_ours_is_refused(slug):
    with pytest.raises(SlugReserved):
        checked_slug(slug)


def test_currency_locale_and_timezone():
    assert checked_currency("xaf") == "XAF"
    assert (checked_locale("fr"), checked_locale("pt_br"), checked_locale("zh-Hant-TW")) == (
        "fr",
        "pt-BR",
        "zh-Hant-TW",
    )
    assert checked_timezone("Africa/Douala") == "Africa/Douala"


@pytest.mark.parametrize(
    ("check", "value"),
    [(checked_currency, "ABC"), (checked_currency, ""), (checked_locale, "xx"), (checked_locale, ""), (checked_locale, "../fr"), (checked_timezone, "CET+1")],
)  # fmt: skip
def test_unknown_ones_are_refused(check, value):
    with pytest.raises(InvalidMerchant):
        check(value)
