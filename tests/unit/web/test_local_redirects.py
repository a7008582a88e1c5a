"""Where a redirect may lead: the text that is sent is a path of this origin, however it is spelt (threats 22)."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.web.local_redirects import MAX_LENGTH, NotLocal, checked_location, is_local_path

ELSEWHERE = [
    "", "e", "//e", "///e", "////e", "/\\e", "\\\\e", "\\/e", "/\\/e", "https:e", "https://e", "https:///e", "HTTPS://e", "//e/..",
    "javascript:alert(1)", "data:text/html,x", "\t//e", "/\t/e", "/\n/e", "/\r\n/e", " //e", "/%2f%2fe", "/%2fe", "%2f%2fe",
    "/%5ce", "/%5c%5ce", "/..", "/../e", "/a/../../e", "/%2e%2e/e", "/.%2e/e", "/./e", "/a//e", "/a/%2f/e",
    "/a\u2028b\\", "/" + "a" * MAX_LENGTH, "//portal.example@e", "?next=//e", "#//e",
]  # fmt: skip
UNENCODED = ["/ /e", "/\x00", "/\x7f", "/<script>", '/"', "/a`b", "/\x01//e", "/é"]
HERE = [
    "/",
    "/payments",
    "/payments/pay_0?status=failed&after=x",
    "/acme/checkout?invoice=a&invoice=b",
    "/a#b",
    "/x?u=https://e//f",
]


@pytest.mark.parametrize("address", ELSEWHERE)
def test_address_that_could_lead_elsewhere_is_refused(address: str) -> None:
    assert not is_local_path(address)
    with pytest.raises(NotLocal):
        checked_location(address)


@pytest.mark.parametrize("address", UNENCODED)
def test_text_that_is_not_a_path_is_not_local(address: str) -> None:
    assert not is_local_path(address)


@pytest.mark.parametrize("address", HERE)
def test_path_of_this_origin_is_returned_unchanged(address: str) -> None:
    assert checked_location(address) == address


def test_letters_beyond_ascii_are_encoded_before_the_check() -> None:
    assert checked_location("/payments?q=Énergie") == "/payments?q=%C3%89nergie"


@given(st.text(alphabet="/\\.:%?#@ae25fFcC\t \n", max_size=12))
def test_what_is_accepted_stays_on_the_origin_by_the_standard_library_too(address: str) -> None:
    if is_local_path(address):
        reached = urlsplit(urljoin("https://portal.example/acme/", address))

        assert (reached.scheme, reached.netloc) == ("https", "portal.example")
