"""The origins that may show the portal in a frame: exact https ones, wildcards below a registrable domain, every fault by its place (threats 48)."""

from __future__ import annotations

import pytest

from portal.merchants.errors import InvalidSettings
from portal.merchants.rules.merchant_settings import MerchantSettings, read_document, stored_settings

GOOD = (
    "https://shop.example",
    "https://www.shop.co.uk",
    "https://*.shop.example",
    "https://*.eu.shop.example",
    "https://shop.example:8443",
    "https://myshop.github.io",
    "https://xn--bcher-kva.example",
)


def read(*origins: object, mode: str = "live") -> MerchantSettings:
    return read_document({"embed": {"origins": list(origins)}}, languages=["en"], mode=mode)


def faults_of(*origins: object, mode: str = "live") -> dict[str, str]:
    with pytest.raises(InvalidSettings) as refused:
        read(*origins, mode=mode)
    return dict(refused.value.faults)


def test_nobody_frames_the_portal_of_a_merchant_that_decided_nothing() -> None:
    assert read_document({}, languages=["en"]).embed.origins == ()


def test_exact_origins_and_wildcards_below_a_registrable_domain_are_taken_each_once() -> None:
    settings = read(*GOOD, GOOD[0])

    assert settings.embed.origins == GOOD
    assert stored_settings(settings) == {"embed": {"origins": list(GOOD)}}


@pytest.mark.parametrize(
    ("origin", "word"),
    [
        ("https://ok.example; script-src *", "an origin such as"),
        ("https://ok.example https://evil.example", "an origin such as"),
        ("https://ok.example\r\nX-Evil: 1", "an origin such as"),
        ("https://ok.example\n", "an origin such as"),
        ("*", "an origin such as"),
        ("https://*", "an origin such as"),
        ("https:", "an origin such as"),
        ("'self'", "an origin such as"),
        ("null", "an origin such as"),
        ("data:", "an origin such as"),
        ("https://shop.example/", "an origin such as"),
        ("https://shop.example/account", "an origin such as"),
        ("https://shop.example?x=1", "an origin such as"),
        ("https://user@shop.example", "an origin such as"),
        ("https://Shop.example", "an origin such as"),
        ("https://shop.*.example", "an origin such as"),
        ("https://*.*.shop.example", "an origin such as"),
        ("https://shop.example:*", "an origin such as"),
        ("https://[::1]", "an origin such as"),
        ("https://" + "a." * 60 + "shop.example", "an origin such as"),
        ("http://shop.example", "is of https"),
        ("http://shop.example:80", "browsers leave out"),
        ("http://localhost", "is of https"),
        ("https://shop.example:0", "port"),
        ("https://shop.example:99999", "port"),
        ("https://shop.example:08443", "port"),
        ("https://shop.example:443", "browsers leave out"),
        ("https://shop..example", "names no host"),
        ("https://-shop.example", "an origin such as"),
        ("https://203.0.113.5", "names no host"),
        ("https://0x7f.1", "names no host"),
        ("https://localhost", "public suffix"),
        ("https://*.com", "public suffix"),
        ("https://*.co.uk", "public suffix"),
        ("https://co.uk", "public suffix"),
        ("https://*.github.io", "public suffix"),
        ("https://shоp.example", "xn--"),  # The second letter is Cyrillic.
        ("https://bücher.example", "xn--"),
        (7, "a text in quotation marks"),
    ],
)
def test_anything_else_is_refused_at_its_place(origin: object, word: str) -> None:
    faults = faults_of(GOOD[0], origin)

    assert faults.keys() == {"embed.origins.1"}
    assert word in faults["embed.origins.1"]


def test_all_faults_are_named_at_once() -> None:
    assert faults_of("*", GOOD[0], "https://*.com").keys() == {"embed.origins.0", "embed.origins.2"}


def test_more_origins_than_a_header_should_have_are_refused() -> None:
    assert faults_of(*(f"https://shop{number}.example" for number in range(300))) == {
        "embed.origins": "has 40 entries at most"
    }


def test_only_a_test_merchant_names_this_machine() -> None:
    own = ("http://localhost:8000", "http://127.0.0.1:5173")

    assert read(*own, mode="test").embed.origins == own
    assert faults_of(GOOD[0], *own).keys() == {"embed.origins.1", "embed.origins.2"}
    assert faults_of("http://*.localhost:80", mode="test").keys() == {"embed.origins.0"}
