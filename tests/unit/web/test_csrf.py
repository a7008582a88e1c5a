"""Tokens against forged requests: bound, signed by the newest key, and verified by the older ones."""

from __future__ import annotations

import pytest

from portal.web.csrf import CsrfTokens, is_same_origin

OLD, NEW = b"an older secret of more than 32 characters", b"a newer secret of more than 32 characters"


def test_token_is_accepted_where_it_is_bound() -> None:
    tokens = CsrfTokens([NEW])

    assert tokens.accepts(tokens.issue("session 1"), "session 1")
    assert not tokens.accepts(tokens.issue("session 1"), "session 2")


def test_older_key_verifies_until_it_is_removed() -> None:
    given = CsrfTokens([OLD]).issue("session 1")

    assert CsrfTokens([NEW, OLD]).accepts(given, "session 1")
    assert not CsrfTokens([NEW]).accepts(given, "session 1")


def test_newest_key_signs() -> None:
    assert CsrfTokens([NEW, OLD]).issue("session 1") == CsrfTokens([NEW]).issue("session 1")


@pytest.mark.parametrize("token", ["", "é", "\ud800", "\0", "x" * 100_000])
def test_malformed_token_is_refused_without_an_error(token: str) -> None:
    assert not CsrfTokens([NEW]).accepts(token, "session 1")


@pytest.mark.parametrize(
    ("site", "origin", "is_same"),
    [
        ("same-origin", None, True),
        ("same-origin", "https://evil.example", True),
        ("same-site", "https://portal.example", False),
        ("none", None, False),
        ("", None, False),
        (None, "https://portal.example", True),
        (None, "https://portal.example.evil.example", False),
        (None, "https://portal.example:8443", False),
        (None, "http://portal.example", False),
        (None, "null", False),
        (None, "", False),
        (None, None, None),
    ],
)
def test_headers_of_the_browser_decide_the_origin(site: str | None, origin: str | None, is_same: bool | None) -> None:
    assert is_same_origin(site, origin, ["https://portal.example"]) is is_same
